"""A report as a PDF: the first rows, charts over them, and all that the report says of itself."""

from datetime import datetime
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from feeds.reports.answer import About
from feeds.reports.cells import plain
from feeds.reports.definition import Column
from feeds.reports.pdf import document as page
from feeds.reports.pdf.rendering import render
from feeds.reports.period import Period
from feeds.reports.running import Asked

ROWS_KEPT_MAX: Final = 10_000
"""Rows that charts are drawn from; the table has the first 500 of them. All others are counted only."""
_SAYS_NOTHING: Final = (None, "", "{}")
"""Parameters that nobody has given: they are not on the page."""


def as_pdf(asked: Asked, period: Period) -> bytes:
    """The PDF. The same period makes the same bytes, once the archive covers it.

    So what is only true at the moment is not on the page: whether the store's counters, which go on counting, could be
    compared just now. That they differ is.
    """
    about = asked.about
    zone = ZoneInfo(about.time_zone)
    names = [column.name for column in about.columns]
    rows = [
        {name: _cell(value, zone) for name, value in zip(names, row, strict=True)}
        for row in islice(asked.rows, ROWS_KEPT_MAX)
    ]
    total = len(rows) + sum(1 for _ in asked.rows)
    return render(
        page.Document(
            name=about.name,
            title=about.title,
            description=about.description,
            period=period.words,
            time_zone=about.time_zone,
            checkpoint=about.checkpoint,
            provisional=about.provisional,
            columns=[_column(column) for column in about.columns],
            rows=rows,
            rows_total=total,
            definitions=list(about.definitions.items()),
            charts=asked.charts,
            reconciled=None if asked.fleeting and about.reconciled else about.reconciled,
            differences=[page.Difference(d.what, d.report, d.counter) for d in about.differences],
            parameters=_parameters(about),
            signature=about.signature,
        )
    )


def _parameters(about: About) -> dict[str, str]:
    """Those that were given, and the version of the catalog that the report compares with."""
    asked = dict(about.parameters) | {"catalog": about.catalog}
    return {name: str(value) for name, value in asked.items() if value not in _SAYS_NOTHING}


def _column(column: Column) -> page.Column:
    return page.Column(column.name, column.type, column.heading, column.words)


def _cell(value: object, zone: ZoneInfo) -> page.Cell:
    """Instants to the second, in the report's time zone, which the page names; lists are joined."""
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(zone)).strftime("%Y-%m-%d %H:%M:%S")
    found = plain(value)
    return ", ".join(map(str, found)) if isinstance(found, list) else found
