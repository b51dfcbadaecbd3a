"""Rows of CSV (RFC 4180) that a spreadsheet shows and never runs."""

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Any, Final

import msgspec

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet begins a formula, whatever quotes are around it.

`feeds.reports.cells` has the same list: the layers below both know nothing of spreadsheets. A test compares the two.
"""


def csv_row(values: Iterable[Any]) -> bytes:
    """One row in UTF-8, with its line end."""
    line = StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([cell(value) for value in values])
    return line.getvalue().encode()


def cell(value: Any) -> str:
    """A value as the text of a cell: numbers as they are, nothing for None, JSON for what has parts.

    A text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f"'{text}" if text.startswith(_FORMULA) else text
