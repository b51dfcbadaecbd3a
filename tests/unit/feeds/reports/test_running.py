"""A report of facts: what it answers, what it says of itself, and what it can't reach."""

import csv
import io
import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from feeds.facts.batch import Batch
from feeds.facts.manifest import FactsUnusable, Manifest, ShardEnd, load, save
from feeds.reports import pages
from feeds.reports.cells import neutral
from feeds.reports.definition import Definition, parse_definition
from feeds.reports.period import Period, RequestInvalid
from feeds.reports.reconciling import Comparison, Difference, Reconciled, with_counters
from feeds.reports.running import Outside, asked
from feeds.reports.session import ReportFailed, opened
from feeds.reports.writing import as_csv, as_json
from gateway.documents.csv import cell
from tests.support.playing import DAY_MS, START_MS, Table, campaign, catalog_with, match, spins, wager

CATALOG = catalog_with(match(100, wager=wager(30)), campaign("gift", free_spins=spins(3, 20)))
PERIOD = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC), "UTC")
NOTHING: Mapping[str, str] = {}
ALONE = Outside()


def report(sql: str, *columns: str, **header: Any) -> Definition:
    """A definition; a column is `name:type`."""
    listed = [dict(zip(("name", "type"), column.split(":"), strict=True)) for column in columns]
    top = {"title": "T", "description": "D", "roles": ["ops"], "columns": listed} | header
    return parse_definition("t", "t.sql", f"-- {json.dumps(top)}\n{sql}")


@pytest.fixture(scope="module")
def tables() -> list[Table]:
    """A player in euros, with a bonus and free spins, and one in yen."""
    euro, yen = Table(CATALOG, 1_000), Table(catalog_with(), 5_000, "JPY")
    euro.grant("gift")
    for number in range(6):
        euro.now = yen.now = START_MS + number * DAY_MS // 4
        euro.spin(30, 45 if number % 2 else 0, key=f"gs:e{number}")
        yen.spin(100, 70)
    euro.free_spin(win=40)
    return [euro, yen]


@pytest.fixture(scope="module")
def facts(tables: list[Table], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("facts")
    write(folder, tables)
    return folder


def write(folder: Path, tables: list[Table], without: str = "") -> None:
    """Facts of the tables' players, whose ids are `p0`, `p1`, `without` the rows of one player's deposit."""
    batch = Batch(folder)
    batch.begin(1)
    for number, table in enumerate(tables):
        for done in table.transitions:
            if without and type(done.events[0]).__name__ == without:
                continue
            batch.add(replace(done, player_id=f"p{number}"))
    ends = {"s0": ShardEnd(1, 7, START_MS + 2 * DAY_MS)}
    save(folder, Manifest(begin=1, first="x", through=1, ends=ends, files=batch.end()))


def answer(definition: Definition, folder: Path, outside: Outside = ALONE, **given: str) -> dict[str, Any]:
    with asked(definition, PERIOD, given, folder, outside) as found:
        read: dict[str, Any] = json.loads(b"".join(as_json(found)))
    return read


def csv_of(definition: Definition, folder: Path) -> bytes:
    with asked(definition, PERIOD, NOTHING, folder, Outside()) as found:
        return b"".join(as_csv(found))


GGR = report(
    "SELECT currency, exponent, sum(ggr_real + ggr_bonus)::BIGINT AS ggr FROM bets "
    "WHERE time >= $from AND time < $to GROUP BY ALL ORDER BY currency",
    "currency:text",
    "exponent:count",
    "ggr:money",
)


def test_money_is_whole_in_json_and_decimal_in_csv(facts: Path) -> None:
    found = answer(GGR, facts)
    assert found["rows"] == [
        {"currency": "EUR", "exponent": 2, "ggr": 6 * 30 - 3 * 45 - 40},
        {"currency": "JPY", "exponent": 0, "ggr": 6 * (100 - 70)},
    ]
    assert csv_of(GGR, facts) == b"currency,ggr\r\nEUR,0.05\r\nJPY,180\r\n"


def test_the_same_report_is_the_same_bytes(facts: Path) -> None:
    def both() -> tuple[bytes, bytes]:
        with asked(GGR, PERIOD, NOTHING, facts, Outside(level_ms=PERIOD.until_ms)) as found:
            return b"".join(as_json(found)), csv_of(GGR, facts)

    assert both() == both()


def test_the_gateways_tables_and_reports_neutralise_the_same_text() -> None:
    texts = [f"{chr(code)}1" for code in range(128)]
    assert [text for text in texts if cell(text) != neutral(text)] == []


def test_a_page_leaves_out_parameters_that_nobody_has_given(facts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(pages, "render", lambda document: drawn.append(document) or b"")
    parameters = [{"name": "configured", "default": "{}"}, {"name": "player", "default": "p0"}]
    definition = report("SELECT 1 AS a WHERE $configured <> $player", "a:count", parameters=parameters)
    with asked(definition, PERIOD, NOTHING, facts, Outside()) as found:
        pages.as_pdf(found, PERIOD)
    assert drawn[0].parameters == {"player": "p0"}


def test_text_that_a_spreadsheet_would_run_is_neutralised_and_numbers_are_not(facts: Path) -> None:
    words = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", 'a "b", c', "line\nbreak", "ü", "a=b"]
    listed = ", ".join(f"({number}, $${word}$$)" for number, word in enumerate(words))
    definition = report(f"SELECT -n AS n, w FROM (VALUES {listed}) AS v(n, w) ORDER BY n DESC", "n:count", "w:text")
    found = csv_of(definition, facts)
    rows = list(csv.reader(io.StringIO(found.decode(), newline="")))
    assert rows[0] == ["n", "w"]
    assert [row[1] for row in rows[1:]] == [f"'{word}" if word[0] in "=+-@\t\r" else word for word in words]
    assert rows[2][0] == "-1"
    assert b'"a ""b"", c"\r\n' in found


def test_many_rows_come_in_pieces(facts: Path) -> None:
    definition = report("SELECT i FROM range(25_000) AS r(i)", "i:count")
    with asked(definition, PERIOD, NOTHING, facts, Outside()) as found:
        pieces = list(as_csv(found))
    assert len(pieces) >= 3
    assert b"".join(pieces).count(b"\r\n") == 25_001


def test_a_report_without_rows_is_whole(facts: Path) -> None:
    definition = report("SELECT 1 AS a WHERE false", "a:count")
    assert answer(definition, facts)["rows"] == []
    assert csv_of(definition, facts) == b"a\r\n"


def test_a_period_that_the_archive_does_not_cover_is_provisional(facts: Path) -> None:
    assert answer(GGR, facts)["provisional"] is False
    behind = Manifest(ends={"s0": ShardEnd(1, 7, PERIOD.until_ms), "s1": ShardEnd(1, 3, PERIOD.until_ms - 1)})
    save(facts, replace(load(facts), ends=behind.ends))
    assert answer(GGR, facts)["provisional"] is True
    assert answer(GGR, facts, Outside(level_ms=PERIOD.until_ms))["provisional"] is False
    assert answer(GGR, facts, Outside(level_ms=PERIOD.until_ms, vouched=False))["provisional"] is True
    save(facts, replace(load(facts), ends={"s0": ShardEnd(1, 7, START_MS + 2 * DAY_MS)}))


def test_the_ledger_agrees_with_what_the_engine_answered(facts: Path, tables: list[Table], tmp_path: Path) -> None:
    definition = report(GGR.sql, "currency:text", "exponent:count", "ggr:money", ledger=True)
    assert answer(definition, facts)["reconciled"] is True
    write(tmp_path, tables, without="DepositMade")
    found = answer(definition, tmp_path)
    assert found["reconciled"] is False
    [euro, bonus, in_euro, yen, in_yen] = found["differences"]
    assert in_euro == {"what": "players in EUR whose own balances differ", "report": "1", "counter": "0"}
    assert in_yen["report"] == "1"
    assert (euro["what"], int(euro["counter"]) - int(euro["report"])) == ("real money in EUR, minor units", 1_000)
    assert (bonus["what"], int(bonus["counter"]) - int(bonus["report"])) == ("bonus money in EUR, minor units", 1_000)
    assert (yen["what"], int(yen["counter"]) - int(yen["report"])) == ("real money in JPY, minor units", 5_000)


def test_the_ledger_sees_that_one_player_has_too_much_and_another_as_much_too_little(tmp_path: Path) -> None:
    without_deposit, without_stake = Table(real=1_000), Table(real=3_000)
    without_deposit.spin(10, 0)
    without_stake.spin(1_000, 0)
    without_stake.spin(10, 0)
    left_out = {
        0: next(done for done in without_deposit.transitions if type(done.events[0]).__name__ == "DepositMade"),
        1: next(done for done in without_stake.transitions if type(done.events[0]).__name__ == "BetPlaced"),
    }
    batch = Batch(tmp_path)
    batch.begin(1)
    for number, table in enumerate((without_deposit, without_stake)):
        for done in table.transitions:
            if done is not left_out[number]:
                batch.add(replace(done, player_id=f"p{number}"))
    save(tmp_path, Manifest(begin=1, first="x", through=1, files=batch.end()))
    found = answer(report(GGR.sql, "currency:text", "exponent:count", "ggr:money", ledger=True), tmp_path)
    assert found["reconciled"] is False
    assert found["differences"] == [{"what": "players in EUR whose own balances differ", "report": "2", "counter": "0"}]


def test_a_counter_of_the_store_that_differs_is_told(facts: Path) -> None:
    total = {"what": "players", "counter": "players", "sql": "SELECT count(*) FROM registrations"}
    definition = report("SELECT 1 AS a", "a:count", reconcile=[total])

    def compare(comparison: Comparison) -> Reconciled:
        differences = list(with_counters(comparison, {"players": 3}))
        return Reconciled(not differences, differences)

    found = answer(definition, facts, Outside(compare=compare))
    assert (found["reconciled"], found["differences"]) == (
        False,
        [{"what": "players", "report": "2", "counter": "3"}],
    )
    unasked = answer(definition, facts)
    assert (unasked["reconciled"], unasked["note"]) == (None, "The store's counters were not asked.")


def test_two_queries_that_must_be_the_same(facts: Path) -> None:
    def of(other: str) -> Definition:
        total = {"what": "stakes", "sql": "SELECT sum(stake)::BIGINT FROM bets", "equals": other}
        return report("SELECT 1 AS a", "a:count", reconcile=[total])

    same = of("SELECT sum(stake)::BIGINT FROM bets WHERE event = 'BetPlaced'")
    assert answer(same, facts)["reconciled"] is True
    other = answer(of("SELECT 1"), facts)
    assert other["differences"] == [{"what": "stakes", "report": str(6 * 130 + 10), "counter": "1"}]
    assert Difference(**other["differences"][0]).what == "stakes"


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT content AS a FROM read_text('/etc/passwd')", "file system operations are disabled"),
        ("SELECT * FROM read_csv('/etc/hostname')", "file system operations are disabled"),
        ("COPY (SELECT 1) TO 'facts.json'", "one SELECT, and nothing else"),
        ("SET memory_limit='64GB'", "one SELECT, and nothing else"),
        ("INSTALL httpfs", "one SELECT, and nothing else"),
        ("SELECT 1 AS a; SELECT 2 AS a", "one SELECT, and nothing else"),
        ("ATTACH 'other.db'", "one SELECT, and nothing else"),
        ("SELECT * FROM read_parquet('https://example.com/x.parquet')", "disabled|httpfs"),
    ],
)
def test_nothing_but_the_facts_can_be_reached(sql: str, says: str, facts: Path) -> None:
    before = sorted(facts.rglob("*"))
    with pytest.raises(ReportFailed, match=says):
        answer(report(sql, "a:text"), facts)
    assert sorted(facts.rglob("*")) == before


def test_facts_that_are_damaged_or_missing_are_told(facts: Path, tmp_path: Path) -> None:
    shutil.copytree(facts, tmp_path / "facts")
    [registered] = [file for file in load(facts).files if file.family == "players"]
    (tmp_path / "facts" / registered.path).write_bytes(b"PAR1 and nothing else")
    with pytest.raises(FactsUnusable, match="can't be read"):
        answer(GGR, tmp_path / "facts")
    with pytest.raises(FactsUnusable, match="there are no facts in"):
        answer(GGR, tmp_path / "none")


def test_a_time_zone_that_duckdb_does_not_know(facts: Path) -> None:
    with pytest.raises(RequestInvalid, match="can't be used in reports"), opened(facts, "posixrules"):
        pass


def test_a_report_that_needs_too_much_memory_is_refused(facts: Path) -> None:
    one_text = "SELECT length(string_agg(repeat('x', 1_000) || i, '')) AS n FROM range(1_000_000) AS r(i)"
    with pytest.raises(ReportFailed, match="needs more than 512 MiB of memory"):
        answer(report(one_text, "n:count"), facts)


def test_an_error_in_the_sql_names_the_line_of_the_file(facts: Path) -> None:
    with pytest.raises(ReportFailed) as failure:
        answer(report("SELECT\n  nonsense AS a\nFROM bets", "a:text"), facts)
    assert failure.value.line == 3


def test_parameters_of_the_report(facts: Path) -> None:
    wanted = [{"name": "who", "words": "the player"}, {"name": "least", "type": "count", "default": 1}]
    sql = "SELECT count(*) AS a FROM bets WHERE player_id = $who AND stake >= $least"
    definition = report(sql, "a:count", parameters=wanted)
    assert answer(definition, facts, who="p1")["rows"] == [{"a": 6}]
    assert answer(definition, facts, who="p0", least="30")["parameters"] == {"who": "p0", "least": 30}
    for given, field in (({}, "who"), ({"who": "p0", "x": "1"}, "x"), ({"who": "p0", "least": "-1"}, "least")):
        with pytest.raises(RequestInvalid) as refused:
            answer(definition, facts, **given)  # type: ignore[arg-type]
        assert refused.value.field == field


def test_views_put_families_together(facts: Path, tables: list[Table]) -> None:
    with opened(facts, "Europe/Berlin") as session:

        def ask(sql: str) -> list[tuple[Any, ...]]:
            found: list[tuple[Any, ...]] = session.ask(sql, {}).fetchall()
            return found

        assert ask("SELECT player_id, currency, exponent FROM registrations ORDER BY 1") == [
            ("p0", "EUR", 2),
            ("p1", "JPY", 0),
        ]
        euro, yen = tables
        assert ask("SELECT player_id, sum(real), sum(bonus) FROM movements GROUP BY 1 ORDER BY 1") == [
            ("p0", *euro.money()),
            ("p1", *yen.money()),
        ]
        assert ask("SELECT campaign_id, amount, currency FROM grants WHERE source = 'first_deposit'") == [
            ("welcome", 1_000, "EUR")
        ]
        assert ask("SELECT campaign_id, spins, bet, currency FROM packages") == [("gift", 3, 10, "EUR")]
        assert ask("SELECT count(*) FROM bonuses WHERE currency IS NULL OR exponent IS NULL") == [(0,)]
        assert ask("SELECT (TIMESTAMPTZ '2026-01-01T00:00:00Z')::VARCHAR") == [("2026-01-01 01:00:00+01",)]
