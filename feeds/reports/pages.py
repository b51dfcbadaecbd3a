"""A report as a PDF: the first rows, charts over them, and all that the report says of itself."""

from itertools import islice
from typing import Final

from feeds.reports.cells import plain
from feeds.reports.definition import Column
from feeds.reports.pdf import document as page
from feeds.reports.pdf.rendering import render
from feeds.reports.period import Period
from feeds.reports.running import Asked

ROWS_KEPT_MAX: Final = 10_000
"""Rows that charts are drawn from; the table has the first 500 of them. All others are counted only."""


def as_pdf(asked: Asked, period: Period) -> bytes:
    """The PDF. The same answer makes the same bytes."""
    about = asked.about
    names = [column.name for column in about.columns]
    rows = [dict(zip(names, map(_cell, row), strict=True)) for row in islice(asked.rows, ROWS_KEPT_MAX)]
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
            reconciled=about.reconciled,
            differences=[page.Difference(d.what, d.report, d.counter) for d in about.differences],
            parameters={name: str(value) for name, value in about.parameters.items() if value is not None},
        )
    )


def _column(column: Column) -> page.Column:
    return page.Column(column.name, column.type, column.heading, column.words)  # type: ignore[arg-type]


def _cell(value: object) -> page.Cell:
    """Lists are joined; all else is what JSON has."""
    found = plain(value)
    return ", ".join(map(str, found)) if isinstance(found, list) else found
