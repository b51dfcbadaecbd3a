"""A report as a PDF: its facts at the top, charts, and at most 500 rows of its table.

`making.as_pdf` is the way in from a report, `rendering.render` from any `document.Document`. The rest is private. The same document
gives the same bytes, in every process: nothing here reads a clock, the machine's fonts or its language.
"""
