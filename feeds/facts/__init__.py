"""Facts: the archive's segments as Parquet, one row per event, by day and family. Derived, and disposable.

`rows/` says what a row holds and makes it from an event of the journal; `rebuilding` brings a folder of facts up to the
archive. It needs `croupier[reports]`. What a row holds never depends on anything but the entry that it was made from:
so the same archive makes the same facts, in one go or in many.
"""
