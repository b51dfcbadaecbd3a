"""docs/integrations.md is held to the code: metrics, words of the log, options and settings that it names are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/integrations.md").read_text()
SOURCES = [path for package in ("actors", "feeds", "croupier", "snapshots") for path in (ROOT / package).rglob("*.py")]
CODE = "\n".join(path.read_text() for path in SOURCES)
JOINED = re.sub(r'"\s*\n\s*f?"', "", CODE)
"""The code with strings that span lines in one piece."""
METRIC = re.compile(r"`([a-z]+(?:_[a-z]+)+)(?:\{[^`]*\})?`")
AREAS = ("reader_", "journal_", "store_", "shard_", "bus_", "webhook_", "archive_", "breaker_", "notices_")
OTHERS = ("bus_in",)
"""What looks like a metric and is none."""


def metrics_named() -> list[str]:
    found = {name for name in METRIC.findall(DOCUMENT) if name.startswith(AREAS) and name not in OTHERS}
    return sorted(found)


def test_it_names_every_metric_of_the_readers() -> None:
    wanted = {"reader_lag_seconds", "reader_lag_records", "reader_position", "reader_stalled_total",
              "journal_held_bytes", "breaker_state", "store_fill_ratio", "shard_bets_stopped"}  # fmt: skip
    assert wanted <= set(metrics_named())


@pytest.mark.parametrize("name", metrics_named())
def test_every_metric_it_names_is_counted(name: str) -> None:
    short = name.removesuffix("_total")
    spelt = (f'"{name}"', f'"{short}"', f'("{short.removeprefix("archive_")}"')
    assert any(word in CODE for word in spelt), name


def rows() -> list[list[str]]:
    """The cells of the table of bad weather."""
    table = DOCUMENT.partition("## Bad weather")[2].partition("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| ")
    ]


WORDS = [word for row in rows()[1:] for word in re.findall(r"`([^`]+)`", row[3])]


@pytest.mark.parametrize("words", WORDS)
def test_the_log_has_the_words_that_it_quotes(words: str) -> None:
    if words.startswith("breaker "):
        assert 'log.warning("breaker %s: open' in CODE
        return
    pattern = re.escape(words).replace("archive", "(?:archive|%s)")
    assert re.search(pattern, JOINED), words


def test_every_row_of_the_bad_weather_says_what_to_do() -> None:
    assert len(rows()) >= 19
    assert all(len(row) == 5 and row[1] and row[4] for row in rows())


@pytest.mark.parametrize("page", re.findall(r"\]\(([a-z-]+\.md)\)", DOCUMENT))
def test_the_pages_that_it_refers_to_are_there(page: str) -> None:
    assert (ROOT / "docs" / page).exists()
