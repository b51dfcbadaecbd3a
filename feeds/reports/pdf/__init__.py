"""A report as a PDF: its facts at the top, charts, and at most 500 rows of its table.

`rendering.render` is the way in, with a `document.Document`. The rest is private to this package. The same document
gives the same bytes, in every process: nothing here reads a clock, the machine's fonts or its language.
"""
