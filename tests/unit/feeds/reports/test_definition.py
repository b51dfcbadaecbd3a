"""Files of reports: what is wrong with one is told with its line."""

from pathlib import Path

import pytest

from feeds.reports.checking import check
from feeds.reports.definition import Definition, DefinitionInvalid, parse_definition, read_definition
from feeds.reports.shelf import read_shelf

SOUND = """\
-- title: GGR
-- description: Stakes less wins.
-- roles: [auditor]
-- columns:
--   - {name: currency, type: text}
--   - {name: exponent, type: count}
--   - {name: ggr, type: money, words: Stakes less wins}
-- parameters:
--   - {name: game_id, words: of this game, default: book}
SELECT currency, exponent, sum(ggr_real)::BIGINT AS ggr FROM bets
WHERE time >= $from AND time < $to AND game_id = $game_id
GROUP BY ALL ORDER BY ALL
"""


def parsed(text: str) -> Definition:
    return parse_definition("ggr", "ggr.sql", text)


def problems(text: str) -> list[str]:
    try:
        return [str(problem) for problem in check(parsed(text))]
    except DefinitionInvalid as invalid:
        return [str(problem) for problem in invalid.problems]


def test_a_sound_file() -> None:
    definition = parsed(SOUND)
    assert definition.header.columns[2].heading == "GGR"
    assert problems(SOUND) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("-- title: GGR\n", "", "ggr.sql:1: header: Object missing required field `title`"),
        ("[auditor]", "[auditors]", "ggr.sql:3: header: Invalid enum value 'auditors'"),
        ("type: money", "type: cash", "ggr.sql:7: header: Invalid enum value 'cash'"),
        ("-- roles:", "-- rolls:", "ggr.sql:1: header: Object contains unknown field `rolls`"),
        ("-- roles: [auditor]", "-- roles: [auditor", "ggr.sql:4: header: "),
        ("name: exponent, type: count", "name: other, type: count", "ggr.sql:4: columns of money need the columns"),
        ("name: currency, type: text", "name: exponent, type: count", "ggr.sql:"),
        ("name: game_id", "name: from", "ggr.sql:9: the parameter from is there always"),
        ("FROM bets\n", "FORM bets\n", "ggr.sql:"),
        ("FROM bets\n", "FROM nothing\n", "ggr.sql:10: Catalog Error: Table with name nothing does not exist!"),
        ("game_id = $game_id", "game_id = $game", "ggr.sql:10: the SQL names $game, which is no parameter"),
        ("AS ggr FROM", "AS money FROM", "ggr.sql:10: the SQL answers the columns currency, exponent, money;"),
        (
            "sum(ggr_real)::BIGINT",
            "sum(ggr_real) / 2",
            "ggr.sql:10: the column ggr is money, but the SQL answers DOUBLE",
        ),
        ("SELECT currency", "DROP VIEW bets; SELECT currency", "ggr.sql:10: a report is one SELECT, and nothing else"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, told: str) -> None:
    assert old in SOUND
    found = problems(SOUND.replace(old, new))
    assert found[0].startswith(told)


def test_a_chart_can_only_show_columns() -> None:
    header = "-- charts: [{kind: bar, title: By game, x: game_id, y: [ggr]}]\n"
    [found] = problems(SOUND.replace("-- parameters:\n", header + "-- parameters:\n"))
    assert found == "ggr.sql:8: a chart names game_id, which is no column"


def test_a_file_without_sql_or_without_a_header() -> None:
    assert problems("SELECT 1") == ["ggr.sql:1: a header is due here: lines of `-- ` with YAML, title first"]
    assert problems(SOUND.partition("SELECT")[0]) == ["ggr.sql:10: SQL is due below the header"]


def test_a_shelf_leaves_out_what_is_wrong_and_says_so(tmp_path: Path) -> None:
    mine, yours = tmp_path / "mine", tmp_path / "yours"
    for folder in (mine, yours):
        folder.mkdir()
    (mine / "ggr.sql").write_text(SOUND)
    (mine / "broken.sql").write_text("SELECT 1")
    (mine / "latin.sql").write_bytes(b"-- title: \xe9\n")
    (yours / "ggr.sql").write_text(SOUND)
    (yours / "My Report.sql").write_text(SOUND)
    shelf = read_shelf([mine, yours, tmp_path / "none"])
    assert (list(shelf.reports), shelf.known()) == (["ggr"], "ggr")
    assert [problem.reason.split(":")[0] for problem in shelf.problems] == [
        "a header is due here",
        "is not UTF-8",
        "the file's name is the report's",
        f"{mine / 'ggr.sql'} is called ggr, too",
        "there is no such folder of reports",
    ]


def test_a_header_that_is_nested_too_deeply() -> None:
    assert problems("-- title: " + "[" * 600 + "\nSELECT 1") == ["ggr.sql:1: header: values are nested too deeply"]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.sql"
    path.write_text(SOUND + " " * 300_000)
    with pytest.raises(DefinitionInvalid, match="larger than"):
        read_definition(path)
