"""The PDF: data and pictures go into the template as files of their own, so that no text can become markup."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from importlib.resources import files
from typing import Any

from feeds.paper.setting import pdf_of, pictures_of
from feeds.reports.pdf.document import CHARTS_MAX, ROWS_MAX, Chart, Column, Document, Row
from feeds.reports.pdf.panels import Panel, panels
from feeds.reports.pdf.words import GAP, clean, grouped, shown

TEMPLATE = "page.typ"
TEXT_MAX = 2_000
RIGHT_ALIGNED = frozenset({"money", "count", "ratio", "points", "micro_eur"})
_HIDDEN = frozenset({"exponent"})
"""Columns that say how to read others."""


def render(document: Document) -> bytes:
    """The PDF. The same document gives the same bytes."""
    return pdf_of(_sources(document))


def pictures(document: Document, ppi: float = 110) -> Sequence[bytes]:
    """The same pages as PNG, for people who look at them before they are sent."""
    return pictures_of(_sources(document), ppi)


def _sources(document: Document) -> dict[str, bytes]:
    """The template, and beside it all that it shows."""
    sources: dict[str, bytes] = {"main.typ": files("feeds.reports.pdf").joinpath(TEMPLATE).read_bytes()}
    charts = list(_charts(document, sources))
    sources["report.json"] = json.dumps(page(document) | {"charts": charts}).encode()
    return sources


def _charts(document: Document, sources: dict[str, bytes]) -> Iterator[dict[str, Any]]:
    """The pictures of all charts, and their SVG as files of the document."""
    for chart in document.charts[:CHARTS_MAX]:
        for panel in panels(document, chart):
            told = _told(chart, panel)
            if chart.kind == "figures":
                told["figures"] = _figures(panel)
            else:
                from feeds.reports.pdf.drawing import drawn  # matplotlib takes a second to load: only where it draws

                told["file"] = f"chart-{len(sources)}.svg"
                sources[told["file"]] = drawn(chart.kind, panel)
            yield told


def _told(chart: Chart, panel: Panel) -> dict[str, Any]:
    unit = f" ({panel.unit})" if panel.unit else ""
    return {
        "title": clean(chart.title, TEXT_MAX),
        "unit": panel.unit,
        "alt": clean(f"{chart.kind} chart: {chart.title}{unit}", TEXT_MAX),
        "note": clean(" ".join(filter(None, (chart.note, panel.left_out))), TEXT_MAX),
        "file": None,
        "figures": None,
    }


def _figures(panel: Panel) -> list[dict[str, str]]:
    values = panel.series[0].values
    return [
        {"label": label, "value": _large(panel, value or 0.0)}
        for label, value in zip(panel.categories, values, strict=True)
    ]


def _large(panel: Panel, value: float) -> str:
    """A sum in full: people compare it with other papers."""
    digits = {"money": panel.exponent, "ratio": 2}.get(panel.kind, 0)
    return grouped(round(Decimal(value), digits)) + (f"{GAP}%" if panel.kind == "ratio" else "")


def page(document: Document) -> dict[str, Any]:
    """What the template is given, charts apart: everything as it is to be read."""
    columns = [column for column in document.columns if column.name not in _HIDDEN]
    rows = document.rows[:ROWS_MAX]
    return {
        "name": clean(document.name),
        "title": clean(document.title),
        "description": clean(document.description, TEXT_MAX),
        "facts": _facts(document),
        "provisional": document.provisional,
        "reconciled": document.reconciled,
        "differences": [[clean(d.what), clean(d.report), clean(d.counter)] for d in document.differences],
        "definitions": [[clean(what), clean(words, TEXT_MAX)] for what, words in document.definitions],
        "columns": [_heading(column) for column in columns],
        "rows": [_cells(columns, row) for row in rows],
        "rows_shown": len(rows),
        "rows_total": document.rows_total,
        "signature": [clean(line) for line in document.signature.splitlines()],
    }


def _facts(document: Document) -> list[list[str]]:
    """What stands under the title: each a name and its value."""
    found = [("Period", document.period), ("Time zone", document.time_zone)]
    found += [(name, value) for name, value in document.parameters.items()]
    found.append(("Checkpoint", document.checkpoint or "none: this archive has no signed checkpoint yet"))
    return [[clean(name), clean(value)] for name, value in found]


def _heading(column: Column) -> dict[str, Any]:
    return {
        "title": clean(column.title),
        "words": clean(column.words, TEXT_MAX),
        "right": column.kind in RIGHT_ALIGNED,
    }


def _cells(columns: Sequence[Column], row: Row) -> list[str]:
    return [shown(column.kind, row.get(column.name), row) for column in columns]
