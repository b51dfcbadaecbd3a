"""Pages: the same bytes each time, any text, and figures as people read them."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.reports.pdf.document import ROWS_MAX, Chart, Column, Difference, Document
from feeds.reports.pdf.panels import panels
from feeds.reports.pdf.rendering import page, render
from feeds.reports.pdf.words import clean, compact, shown

MARKUP = '#panic("markup") *bold* $x$ _it_ @cite <label> \\ `raw` // comment'


def document(**changes: Any) -> Document:
    """Two currencies, three days."""
    rows = [
        {
            "day": f"2026-11-0{day}",
            "currency": currency,
            "exponent": exponent,
            "ggr": day * 1_050,
            "share": 0.25,
            "n": day,
        }
        for currency, exponent in (("EUR", 2), ("JPY", 0))
        for day in (1, 2, 3)
    ]
    given: dict[str, Any] = {
        "name": "sample",
        "title": "A sample",
        "description": "What it says.",
        "period": "2026-11-01 00:00 up to 2026-12-01 00:00",
        "time_zone": "Europe/Berlin",
        "checkpoint": "",
        "provisional": False,
        "columns": [
            Column("day", "text", "Day"),
            Column("currency", "text", "Currency"),
            Column("exponent", "count", "Exponent"),
            Column("ggr", "money", "GGR", "Stakes − wins."),
            Column("share", "ratio", "Share"),
            Column("n", "count", "Number"),
        ],
        "rows": rows,
        "rows_total": len(rows),
    }
    return Document(**(given | changes))


ALL_KINDS = (
    Chart("figures", "Sums", ("ggr", "n")),
    Chart("line", "By day", ("ggr",), x="day"),
    Chart("bar", "Bars", ("n",), x="day"),
    Chart("stacked", "Stacked", ("n",), x="day", by="currency"),
    Chart("funnel", "Funnel", ("n", "exponent")),
    Chart("heatmap", "Heat", ("share",), x="day", by="currency"),
    Chart("interval", "Interval", ("n", "n", "n", "n"), x="day"),
)


def test_other_figures_are_other_bytes() -> None:
    assert render(document()) != render(document(title="Another"))


def test_text_is_never_markup() -> None:
    everywhere = document(
        title=MARKUP,
        description=MARKUP,
        checkpoint=MARKUP,
        parameters={MARKUP: MARKUP},
        definitions=[(MARKUP, MARKUP)],
        reconciled=False,
        differences=[Difference(MARKUP, MARKUP, MARKUP)],
        signature=MARKUP,
        columns=[Column("day", "text", MARKUP, MARKUP), Column("n", "count", MARKUP)],
        rows=[{"day": MARKUP, "n": 1}],
        charts=[Chart("bar", MARKUP, ("n",), x="day", note=MARKUP)],
    )
    assert render(everywhere).startswith(b"%PDF-")


@settings(max_examples=8, deadline=None)
@given(st.text(max_size=60))
def test_any_text_can_be_a_cell_a_title_and_a_label(text: str) -> None:
    named = document(
        title=text,
        columns=[Column("day", "text", text, text), Column("n", "count", text)],
        rows=[{"day": text, "n": 3}],
        charts=[Chart("bar", text, ("n",), x="day")],
    )
    assert render(named).startswith(b"%PDF-")


@given(st.text())
def test_cleaned_text_has_nothing_that_no_page_can_show(text: str) -> None:
    cleaned = clean(text, 20)
    assert len(cleaned) <= 20
    cleaned.encode()  # nothing that has no bytes
    assert all(char == " " or char.isprintable() or char.isspace() for char in cleaned)


def test_a_page_has_500_rows_and_says_how_many_there_are() -> None:
    rows = [{"day": str(number), "n": number} for number in range(ROWS_MAX + 100)]
    columns = [Column("day", "text", "Day"), Column("n", "count", "Number")]
    found = page(document(rows=rows, rows_total=90_000, columns=columns))
    assert (len(found["rows"]), found["rows_shown"], found["rows_total"]) == (ROWS_MAX, ROWS_MAX, 90_000)


@pytest.mark.parametrize(
    ("kind", "value", "exponent", "words"),
    [
        ("money", 123_456, 2, "1 234.56"),
        ("money", -5, 2, "−0.05"),
        ("money", 1_234, 0, "1 234"),
        ("money", 1_234, 3, "1.234"),
        ("money", 2**63, 2, "92 233 720 368 547 758.08"),
        ("money", None, 2, "–"),
        ("count", 12_345, 2, "12 345"),
        ("ratio", 0.12345, 2, "12.34 %"),
        ("ratio", Decimal("0.5"), 2, "50.00 %"),
        ("points", 1_250_000, 2, "1.25"),
        ("micro_eur", -2_000_000, 2, "−2.00"),
        ("text", "a\nb", 2, "a b"),
    ],
)
def test_cells_are_written_as_people_read_them(kind: Any, value: Any, exponent: int, words: str) -> None:
    assert shown(kind, value, {"exponent": exponent}).replace("\u202f", " ") == words


@pytest.mark.parametrize(("number", "words"), [(950, "950"), (12_500, "12.5k"), (-3_000_000, "−3M"), (0, "0")])
def test_axes_are_short(number: float, words: str) -> None:
    assert compact(number) == words


def test_money_of_two_currencies_makes_two_pictures() -> None:
    eur, jpy = panels(document(), Chart("line", "GGR", ("ggr",), x="day"))
    assert (eur.unit, eur.series[0].values) == ("EUR", (10.5, 21.0, 31.5))
    assert (jpy.unit, jpy.series[0].values) == ("JPY", (1_050.0, 2_100.0, 3_150.0))


def test_a_chart_draws_the_rows_that_it_names() -> None:
    (panel,) = panels(
        document(), Chart("bar", "N", ("n",), x="day", where={"currency": "EUR"}, without={"day": "2026-11-02"})
    )
    assert panel.categories == ("2026-11-01", "2026-11-03")
    assert panel.series[0].values == (1.0, 3.0)


def test_of_rows_of_one_moment_a_line_has_the_last_and_bars_have_the_sum() -> None:
    rows = [{"day": "2026-11-01", "n": number} for number in (3, 7, 5)]
    both = document(rows=rows, columns=[Column("day", "text", "Day"), Column("n", "count", "Number")])
    (line,) = panels(both, Chart("line", "N", ("n",), x="day"))
    (bars,) = panels(both, Chart("bar", "N", ("n",), x="day"))
    assert (line.series[0].values, bars.series[0].values) == ((5.0,), (15.0,))


def test_a_signature_keeps_its_lines() -> None:
    assert page(document(signature="name\nsha256 1f\n\n— name AbC=\n"))["signature"] == [
        "name",
        "sha256 1f",
        "",
        "— name AbC=",
    ]


def test_what_finds_no_room_in_a_chart_is_told() -> None:
    rows = [{"day": str(number), "n": 1} for number in range(30)]
    columns = [Column("day", "text", "Day"), Column("n", "count", "Number")]
    (panel,) = panels(document(rows=rows, columns=columns), Chart("bar", "N", ("n",), x="day"))
    assert len(panel.categories) == 20
    assert panel.left_out == "Not drawn: 10 more; the table and the CSV have them."


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "bar", "title": "t", "y": []},
        {"kind": "line", "title": "t", "y": ["n"]},
        {"kind": "heatmap", "title": "t", "y": ["n"], "x": "day"},
        {"kind": "funnel", "title": "t", "y": ["n"], "by": "day"},
        {"kind": "interval", "title": "t", "y": ["n"], "x": "day"},
        {"kind": "bar", "title": "t", "y": ["n", "m"], "x": "day", "by": "day"},
        {"kind": "pie", "title": "t", "y": ["n"]},
    ],
)
def test_a_chart_that_can_not_be_drawn_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Chart)


def test_empty_reports_have_pages_too() -> None:
    assert render(document(rows=[], rows_total=0, charts=ALL_KINDS)).startswith(b"%PDF-")


def test_the_document_of_the_reports_is_up_to_date() -> None:
    from feeds.reports.reference import DOCUMENT, renewed

    text = (Path(__file__).parents[4] / DOCUMENT).read_text()
    assert renewed(text) == text
