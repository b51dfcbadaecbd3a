"""From a report that was asked to its PDF."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from feeds.reports.answer import About
from feeds.reports.cells import words
from feeds.reports.definition import Column, Definition
from feeds.reports.pdf.document import Cell, Difference, Document
from feeds.reports.pdf.document import Column as Heading
from feeds.reports.pdf.rendering import render
from feeds.reports.period import Period
from feeds.reports.running import Asked

DRAWN_MAX: Final = 10_000
"""Rows that charts are drawn from."""
_INITIALS: Final = {"ggr": "GGR", "ngr": "NGR", "rtp": "RTP", "arpu": "ARPU", "id": "id", "eur": "EUR"}


def as_pdf(asked: Asked, definition: Definition, signature: str = "") -> Iterator[bytes]:
    """The PDF in one piece; the same answer gives the same bytes."""
    yield render(document(asked, definition, signature))


def document(asked: Asked, definition: Definition, signature: str = "") -> Document:
    """What the pages show. All rows are read, to count them; some thousands are kept."""
    about = asked.about
    zone = ZoneInfo(about.time_zone)
    names = [column.name for column in about.columns]
    rows = [
        {name: _cell(value, zone) for name, value in zip(names, row, strict=True)}
        for row in islice(asked.rows, DRAWN_MAX)
    ]
    return Document(
        name=about.name,
        title=about.title,
        description=about.description,
        period=_period(about),
        time_zone=about.time_zone,
        checkpoint=about.checkpoint,
        provisional=about.provisional,
        columns=[_heading(column) for column in about.columns],
        rows=rows,
        rows_total=len(rows) + sum(1 for _ in asked.rows),
        definitions=list(about.definitions.items()),
        charts=definition.header.charts,
        reconciled=about.reconciled,
        differences=[Difference(each.what, each.report, each.counter) for each in about.differences],
        note=about.note,
        parameters={name: str(value) for name, value in about.parameters.items()},
        signature=signature,
    )


def _period(about: About) -> str:
    since, until = (datetime.fromisoformat(text) for text in (about.period.since, about.period.until))
    return Period(since, until, about.time_zone).words


def _heading(column: Column) -> Heading:
    title = column.title or " ".join(_INITIALS.get(word, word) for word in column.name.split("_"))
    return Heading(column.name, column.type, title[:1].upper() + title[1:], column.words)


def _cell(value: Any, zone: ZoneInfo) -> Cell:
    """Instants in words of the time zone, to the second; lists joined."""
    if isinstance(value, datetime):
        return (value.astimezone(zone) if value.tzinfo is not None else value).strftime("%Y-%m-%d %H:%M:%S")
    if value is None or isinstance(value, str | int | float | Decimal):
        return value
    return value.isoformat() if isinstance(value, date) else words(value)
