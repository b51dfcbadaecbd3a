"""Reports: files of SQL with a header, asked of facts in a process of its own, as CSV, JSON or PDF.

`definition` reads a file, `shelf` all files there are, `running` asks one. `pdf` makes pages, `schedules` delivers what
is due. docs/reports.md says how to write one.
"""
