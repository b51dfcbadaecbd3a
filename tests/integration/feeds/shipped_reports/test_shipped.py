"""Each report that is shipped, against what plain Python reckons from the golden house's books."""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feeds.facts.batch import Batch
from feeds.facts.manifest import FactsFile, Manifest, ShardEnd, save
from feeds.facts.parquet import Waiting
from feeds.facts.rows.making import FAMILIES, rows
from feeds.reports.configured import Configured
from feeds.reports.definition import Definition
from feeds.reports.period import Period
from feeds.reports.reconciling import Comparison, Reconciled, with_counters
from feeds.reports.running import Outside, asked
from feeds.reports.shelf import read_shelf, shipped_reports
from tests.integration.feeds.shipped_reports.oracles import money, players
from tests.integration.feeds.shipped_reports.oracles.books import Books, Rows, Window
from tests.support.golden_house import GoldenHouse
from tests.support.playing import DAY_MS, START_MS, Table

DAYS = 45
WHOLE = Window(START_MS, START_MS + DAYS * DAY_MS)
BERLIN = "Europe/Berlin"
MONTH = Window(1_767_999_600_000, 1_770_678_000_000, BERLIN)
"""From 2026-01-10 to 2026-02-10 in Berlin."""

RECONCILED = {"campaign-performance", "loyalty", "level-funnel", "liability", "daily-closing", "bonus-cost"}

BUDGET_MICRO_EUR = 90_000_000
CONFIGURED = Configured("golden", f'{{"rtp": {{"book": 0.01}}, "budget_micro_eur": {{"gift": {BUDGET_MICRO_EUR}}}}}')

Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def books() -> Books:
    return Books(GoldenHouse(days=DAYS))


@pytest.fixture(scope="module")
def shelf() -> Mapping[str, Definition]:
    read = read_shelf([shipped_reports()])
    assert not read.problems
    return read.reports


@pytest.fixture(scope="module")
def facts(books: Books, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for each family: many small ones take their time in each test."""
    folder = tmp_path_factory.mktemp("facts")
    waiting = {family: Waiting(family) for family in FAMILIES}
    for transition in books.house.transitions:
        for family, common, row in rows(transition):
            waiting[family].add(common, row)
    files = []
    for family, rest in waiting.items():
        table = pa.concat_tables(rest.take().values())
        pq.write_table(table, folder / f"{family}.parquet")
        files.append(FactsFile(f"{family}.parquet", family, "", 1, 1, table.num_rows))
    ends = {"s0": ShardEnd(1, 1, WHOLE.to_ms)}
    save(folder, Manifest(begin=1, first="golden", through=1, ends=ends, files=files))
    return folder


@pytest.fixture(scope="module")
def ask(facts: Path, shelf: Mapping[str, Definition], books: Books) -> Ask:
    def compare(comparison: Comparison) -> Reconciled:
        """With the counters that the engine added up."""
        differences = list(with_counters(comparison, Counter(books.house.counters)))
        return Reconciled(not differences, differences)

    def answer(name: str, window: Window, **parameters: str) -> list[dict[str, Any]]:
        outside = Outside(compare=compare, configured=CONFIGURED)
        with asked(shelf[name], period_of(window), parameters, facts, outside) as found:
            assert not found.about.provisional
            assert found.about.reconciled is (True if name in RECONCILED else None), found.about.differences
            names = [column.name for column in found.about.columns]
            return [dict(zip(names, row, strict=True)) for row in found.rows]

    return answer


def period_of(window: Window) -> Period:
    since, until = (datetime.fromtimestamp(ms / 1_000, UTC) for ms in (window.from_ms, window.to_ms))
    return Period(since, until, window.time_zone)


def agree(answered: list[dict[str, Any]], keys: tuple[str, ...], expected: Rows, *ratios: str) -> None:
    """The same rows, and in each every figure that was reckoned; those that were not are 0 or nothing."""
    found = {tuple(row[key] for key in keys): row for row in answered}
    assert len(found) == len(answered), "a row is there twice"
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        for name, figure in row.items():
            if name in ratios and figure is not None:
                assert found[key][name] == pytest.approx(figure, abs=1e-6), (key, name)
            else:
                assert found[key][name] == figure, (key, name)


def test_the_golden_house_has_played_all_that_matters(books: Books) -> None:
    assert len(players.reportings(books)) == 12
    assert {player.state.currency for player in books.house.players.values()} == {"EUR", "JPY"}


@pytest.fixture(params=[WHOLE, MONTH], ids=["whole", "month"])
def window(request: pytest.FixtureRequest) -> Window:
    return request.param  # type: ignore[no-any-return]


def test_bonus_cost(ask: Ask, books: Books, window: Window) -> None:
    found = [
        row for row in ask("bonus-cost", window) if any(row[name] for name in ("ggr_real", "ggr_bonus", "bonus_cost"))
    ]
    agree(found, ("day", "currency"), money.bonus_cost(books, window))


def test_daily_closing(ask: Ask, books: Books, window: Window) -> None:
    found = ask("daily-closing", window)
    assert {(row["difference"], row["bonus_difference"]) for row in found} == {(0, 0)}
    agree(found, ("day", "currency"), money.daily_closing(books, window))


def test_money_that_was_released_wrongly_differs_in_both_wallets(
    facts: Path, shelf: Mapping[str, Definition], tmp_path: Path
) -> None:
    """What is too much in one wallet is too little in the other: together the two hide it."""
    shutil.copytree(facts, tmp_path, dirs_exist_ok=True)
    table = pq.read_table(facts / "bonuses.parquet")
    released = table["released"].to_pylist()
    at = next(place for place, amount in enumerate(released) if amount)
    released[at] += 5
    column = table.schema.get_field_index("released")
    changed = table.set_column(column, table.schema.field(column), pa.array(released, table.schema.field(column).type))
    pq.write_table(changed, tmp_path / "bonuses.parquet")
    with asked(shelf["daily-closing"], period_of(WHOLE), {}, tmp_path, Outside()) as found:
        names = [each.name for each in found.about.columns]
        last = [dict(zip(names, row, strict=True)) for row in found.rows][-2:]
    assert (5, -5) in {(row["difference"], row["bonus_difference"]) for row in last}


def test_campaign_performance(ask: Ask, books: Books, window: Window) -> None:
    expected = money.campaigns(books, window)
    agree(ask("campaign-performance", window), ("campaign_id", "currency"), expected)


def test_what_is_left_of_a_budget_is_told_for_all_currencies_together(ask: Ask, books: Books, window: Window) -> None:
    until = money.campaigns(books, Window(WHOLE.from_ms, window.to_ms))
    used = sum(row["budget_used"] for (campaign_id, _), row in until.items() if campaign_id == "gift")
    rows = ask("campaign-performance", window)
    told = {(row["budget"], row["budget_left"]) for row in rows if row["campaign_id"] == "gift"}
    assert used and told == {(BUDGET_MICRO_EUR, BUDGET_MICRO_EUR - used)}
    assert {(row["budget"], row["budget_left"]) for row in rows if row["campaign_id"] != "gift"} == {(None, None)}


def test_liability(ask: Ask, books: Books) -> None:
    agree(ask("liability", WHOLE), ("currency",), money.liability(books, WHOLE))


def test_free_spins(ask: Ask, books: Books, window: Window) -> None:
    found = [
        row
        for row in ask("free-spins", window)
        if any(v for k, v in row.items() if isinstance(v, int) and k != "exponent")
    ]
    agree(found, ("campaign_id", "currency"), money.free_spins(books, window))


def test_wagering(ask: Ask, books: Books, window: Window) -> None:
    agree(ask("wagering", window), ("campaign_id", "currency"), money.wagering(books, window))


def test_loyalty(ask: Ask, books: Books, window: Window) -> None:
    found = ask("loyalty", window)
    agree(found, ("day",), players.loyalty(books, window))
    gained = {
        row["day"]: row["earned"] + row["reversed"] + row["adjusted"] - row["locked"] - row["expired"] for row in found
    }
    assert {day: more for day, more in gained.items() if more} == players.points_gained(books, window)


def test_loyalty_in_detail_adds_up_to_the_purses(ask: Ask, books: Books) -> None:
    found = ask("loyalty-detail", WHOLE)
    for player_id, player in books.house.players.items():
        ours = [row for row in found if row["player_id"] == player_id]
        loyalty = player.state.loyalty
        for name in ("available", "locked", "spent", "expired"):
            assert sum(row[name] for row in ours) == getattr(loyalty, name), (player_id, name)


def test_level_funnel(ask: Ask, books: Books, window: Window) -> None:
    agree(ask("level-funnel", window), ("level",), players.levels(books, window))


def test_retention(ask: Ask, books: Books) -> None:
    agree(ask("retention", WHOLE), ("cohort", "level", "month"), players.retention(books, WHOLE))


def test_arpu_by_level(ask: Ask, books: Books, window: Window) -> None:
    near(ask("arpu-by-level", window), ("level", "currency"), players.arpu_by_level(books, window))


def test_arpu_by_bonus(ask: Ask, books: Books, window: Window) -> None:
    near(ask("arpu-by-bonus", window), ("cohort", "currency"), players.arpu_by_bonus(books, window))


def near(answered: list[dict[str, Any]], keys: tuple[str, ...], expected: Rows) -> None:
    """As `agree`; a mean is rounded to the minor unit."""
    for row in expected.values():
        for name in ("arpu", "arpu_net"):
            exact = row.pop(name)
            key = next(
                each
                for each in answered
                if tuple(each[k] for k in keys) == next(k for k, r in expected.items() if r is row)
            )
            assert (key[name] is None) == (exact is None)
            assert exact is None or abs(key[name] - exact) <= 0.5
    agree(answered, keys, expected)


def test_games(ask: Ask, books: Books, window: Window) -> None:
    agree(ask("games", window), ("game_id", "currency"), money.games(books, window), "rtp", "rtp_low", "rtp_high")


def test_a_round_that_is_open_at_the_periods_end_does_not_lower_the_return(
    shelf: Mapping[str, Definition], tmp_path: Path
) -> None:
    table, batch = Table(real=1_000), Batch(tmp_path)
    table.spin(100, 90)
    table.now = START_MS + DAY_MS - 1
    table.spin(100)
    batch.begin(1)
    for done in table.transitions:
        batch.add(done)
    save(tmp_path, Manifest(begin=1, first="x", through=1, files=batch.end()))
    day = Window(START_MS, START_MS + DAY_MS, "UTC")
    with asked(shelf["games"], period_of(day), {}, tmp_path, Outside()) as found:
        names = [column.name for column in found.about.columns]
        [row] = [dict(zip(names, row, strict=True)) for row in found.rows]
    assert (row["rounds"], row["stakes"], row["rtp"]) == (1, 100, 0.9)


def test_a_game_is_compared_with_what_is_configured(ask: Ask) -> None:
    """By the catalog, unless the report is asked with something else."""

    def verdicts(**parameters: str) -> dict[str, str]:
        rows = ask("games", WHOLE, **parameters)
        return {row["game_id"]: row["verdict"] for row in rows if row["currency"] == "EUR"}

    above, below = "above what is configured", "below what is configured"
    assert verdicts() == {"book": above, "dice": None, "wheel": None}
    assert verdicts(configured='{"book": 9, "dice": 9}') == {"book": below, "dice": below, "wheel": None}


def test_limits(ask: Ask, books: Books, window: Window) -> None:
    agree(
        ask("limits", window), ("kind", "verdict", "reason", "campaign_id", "currency"), players.limits(books, window)
    )


def test_a_player_statement_ends_each_step_where_the_purse_ends(ask: Ask, books: Books, window: Window) -> None:
    player_id = "player-02"
    last = {
        row["version"]: (row["real_balance"], row["bonus_balance"])
        for row in ask("player-statement", window, player_id=player_id)
    }
    expected = money.statement(books, window, player_id)
    assert {version: last[version] for version, _, _ in expected} == {v: (real, bonus) for v, real, bonus in expected}
