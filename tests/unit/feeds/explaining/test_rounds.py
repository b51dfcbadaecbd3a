"""One round explained: amounts add up exactly, and each step says why in words and numbers."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine import events as e
from engine.commands import AddBet, FlagForOperator, Result, Rollback, Spin
from engine.control_entries import ControlEntry
from feeds.explaining.amounts import micro
from feeds.explaining.answering import Answering
from feeds.explaining.catalogs import PastCatalogs
from feeds.explaining.movements import moved_in
from snapshots.contract import Position
from tests.support.explained_store import store_of
from tests.support.ladder import level, on_climbing, promotion, rules, vip_house
from tests.support.playing import DAY_MS, START_MS, Table, campaign, catalog_with, spins, wager
from tests.unit.feeds.explaining.played import Life
from tests.unit.feeds.explaining.test_history import archived, asked
from tests.unit.feeds.explaining.test_words import VALUED


async def explained(table: Table, session_id: str, **store: Any) -> Any:
    """The round as it is explained now."""
    answering = Answering(store_of(table.transitions, table.catalog, **store), None, b"s")
    said = await asked(answering, "round", session_id=session_id)
    assert said["outcome"] == "found", said
    return said["document"]


def texts(document: Any) -> list[str]:
    return [step["text"] for entry in document["entries"] for step in entry["steps"]]


@pytest.mark.parametrize("seed", range(6))
async def test_the_steps_of_every_round_add_up_to_its_entries(seed: int) -> None:
    life = Life(200 + seed).play(80)
    answering = Answering(store_of(life.transitions, life.catalog), None, b"s")
    by_version = {done.version: done for done in life.transitions}
    opened = [ev for done in life.transitions for ev in done.events if isinstance(ev, e.BetPlaced) and ev.opens]
    assert opened
    for bet in opened:
        document = (await asked(answering, "round", session_id=bet.session_id))["document"]
        for entry in document["entries"]:
            moved = moved_in(by_version[entry["version"]])
            assert entry["moved"] == {"real": moved.real, "bonus": moved.bonus, "points": micro(moved.points)}
            for name in ("real", "bonus"):
                assert sum(step["moved"][name] for step in entry["steps"]) == entry["moved"][name], entry
            points = sum(round(float(step["moved"]["points"]) * 1_000_000) for step in entry["steps"])
            assert points == moved.points, entry
        named = {done.version for done in life.transitions if _names(done, bet.session_id)}
        assert {entry["version"] for entry in document["entries"]} == named


async def test_no_step_of_a_round_tells_support_how_the_player_is_valued() -> None:
    life = Life(201).play(80)
    answering = Answering(store_of(life.transitions, life.catalog), None, b"s")
    opened = [ev for done in life.transitions for ev in done.events if isinstance(ev, e.BetPlaced) and ev.opens]
    told = [(await asked(answering, "round", session_id=bet.session_id))["document"] for bet in opened]
    steps = [step for document in told for entry in document["entries"] for step in entry["steps"]]
    assert any("turnover" in step["text"] for step in steps)
    read = [step["text"] if step["instead"] is None else step["instead"] for step in steps]
    assert [text for text in read if VALUED.search(text) or "per EUR" in text] == []
    assert any(text.startswith("It earned ") for text in read), "points are no secret, how they follow from turnover is"


def _names(done: Any, session_id: str) -> bool:
    return any(getattr(event, "session_id", None) == session_id for event in done.events)


def bonus_table(real: int = 30, **terms: Any) -> Table:
    """A player with some real money and a bonus of 70 in wager."""
    table = Table(vip_house(campaign("gift", 70, wager=wager(10, valid_days=3, **terms))), real)
    table.grant()
    return table


async def test_a_mixed_stake_and_its_win() -> None:
    table = bonus_table(contribution_games={"book": 50})
    session = table.spin(100, 99).session_id
    document = await explained(table, session)
    assert texts(document) == [
        "Of the stake of 1.00 EUR, 0.30 came from real money because real money goes first, and this was "
        "all of it that "
        "could be staked.",
        "Of the stake of 1.00 EUR, 0.70 came from bonus g3-1, which was in wager, because no more real money could be "
        "staked.",
        "0.50 EUR counted towards the wagering of bonus g3-1: stake 1.00 × contribution 50 % = 0.50. "
        "6.50 EUR remained to "
        "be wagered after this step.",
        "The stake is turnover of 1.00 EUR.",
        "It earned 1 point: 1.00 EUR × 1 point per EUR on slot games.",
        "Of the win of 0.99 EUR, 0.69 went to bonus g3-1, which paid 0.70 of the 1.00 staked: 0.99 × "
        "0.70 / 1.00, rounded "
        "down.",
        "The rest, 0.30 EUR, went to real money. The round is over.",
    ]
    [first, *_] = document["entries"][0]["steps"]
    assert first["rules"] == [{"section": "§2.1", "paragraph": "A stake is taken from the real wallet first"}]
    assert (document["state"], document["catalog"]) == ("closed", "test")
    assert document["terms"][0]["contribution_games"] == {"book": 50}
    assert document["entries"][0]["after"] == {"real": 30, "bonus": 69, "points": "1"}


async def test_the_example_of_the_documentation_is_what_is_said() -> None:
    table = bonus_table(contribution_games={"book": 50})
    told = texts(await explained(table, table.spin(100, 99).session_id))
    page = " ".join((Path(__file__).resolve().parents[4] / "docs" / "explain.md").read_text().split())
    for number, text in enumerate(told, 1):
        assert f"{number}. {text} (" in page


@pytest.mark.parametrize(
    ("terms", "stake", "why"),
    [
        ({"excluded_games": ("book",)}, 20, "book is excluded by its terms"),
        ({"min_bet": {"EUR": 50}}, 20, "a stake counts from 0.50 EUR on"),
        ({"contribution_games": {"book": 0}}, 20, "the contribution of book is 0 %"),
        ({"max_bet": {"EUR": 30}, "over_max_bet": "not_counted"}, 40, "over the limit of 0.30 EUR"),
    ],
)
async def test_why_a_stake_does_not_count(terms: Any, stake: int, why: str) -> None:
    table = bonus_table(**terms)
    document = await explained(table, table.spin(stake, 0).session_id)
    [told] = [text for text in texts(document) if "nothing counted" in text]
    assert why in told and "bonus g3-1" in told


async def test_no_more_counts_than_remains() -> None:
    table = Table(vip_house(campaign("gift", 70, wager=wager(1, valid_days=3))), 500)
    table.grant()
    document = await explained(table, table.spin(100, 0).session_id)
    assert any("= 1.00, but no more than 0.70 remained" in text for text in texts(document))
    assert any("Bonus g3-1 is completed" in text for text in texts(document))


async def test_the_limit_looks_at_the_whole_round() -> None:
    table = bonus_table(300, max_bet={"EUR": 100}, over_max_bet="cancel")
    session = table.spin(60).session_id
    table.do(AddBet(session, 41))
    table.do(Result(session, 0))
    told = texts(await explained(table, session))
    assert "The stakes of the round together are 0.60 EUR; bonus g3-1 allows 1.00 EUR: the limit was kept." in told
    assert any("together are 1.01 EUR; bonus g3-1 allows 1.00 EUR: the bonus is cancelled" in text for text in told)
    assert any(
        "was cancelled (a bet was over its limit): 0.70 EUR of bonus money were removed" in text for text in told
    )


async def test_a_promotion_is_named() -> None:
    double = promotion("double", "2", valid_from_ms=START_MS, valid_to_ms=START_MS + DAY_MS)
    table = Table(vip_house(double), 500)
    told = texts(await explained(table, table.spin(100, 0, "dice").session_id))
    assert "It earned 1 point: 1.00 EUR × 0.5 points per EUR on table games × 2 of campaign double." in told


async def test_free_spins_and_their_winnings() -> None:
    house = vip_house(
        campaign("s", type="free_spins", free_spins=spins(3, 2, max_win={"EUR": 50}), wager=wager(1, valid_days=2))
    )
    table = Table(house, 10)
    table.grant("s")
    told = texts(await explained(table, table.free_spin(80).session_id))
    assert told[0].startswith("A free spin of package p3-1 on book at a stake of 0.10 EUR: no money was taken")
    assert any("The game reported 0.80 EUR; the package's limit cut it." in text for text in told)
    assert any("1.00 EUR more must be wagered" in text for text in told)


async def test_a_rollback_that_came_later_and_a_flag() -> None:
    table = bonus_table()
    session = table.spin(100, 99, key="gs:bet").session_id
    table.spin(10, 0, "dice")
    table.do(Rollback("gs:bet"), "gs:undo")
    table.do(FlagForOperator("gs:late", "win_already_spent", session, 99, "gs:bet"))
    document = await explained(table, session)
    assert [entry["version"] for entry in document["entries"]] == [4, 6, 7]
    assert document["state"] == "cancelled" and document["moved"] == {"real": 0, "bonus": 0, "points": "0"}
    told = texts(document)
    assert "0.01 EUR went back to bonus g3-1." in told and "1.00 EUR are to be wagered again for bonus g3-1." in told
    assert "Nothing moved. 0.99 EUR wait for an operator." in told[-1]


async def test_a_catalog_that_is_gone_is_said_to_be_gone() -> None:
    table = bonus_table(contribution_games={"book": 50})
    session = table.spin(100, 99).session_id
    store = store_of(table.transitions, table.catalog)
    store.kept.clear()
    document = (await asked(Answering(store, None, b"s"), "round", session_id=session))["document"]
    assert document["catalog"] == "test"
    assert document["notes"] == [
        "Catalog test was in force; the store keeps the last 16 versions, and this one is gone."
    ]
    assert any("0.50 EUR counted" in text for text in texts(document))


@pytest.mark.parametrize("session_id", ["p1-2", "p1-99", "p2-4", "p1-x", "p1-", "p1-99999999999999999999"])
async def test_what_is_no_round_is_not_found(session_id: str) -> None:
    table = bonus_table()
    said = await asked(
        Answering(store_of(table.transitions, table.catalog), None, b"s"), "round", session_id=session_id
    )
    assert said["outcome"] == "not_found"


async def test_an_open_round_is_open() -> None:
    table = Table(vip_house(), 500)
    session = table.do(Spin("book", "real", 100)).session_id
    assert (await explained(table, session))["state"] == "open"


async def test_an_old_round_is_found_in_the_archive(tmp_path: Path) -> None:
    life = Life(9).play(80)
    newest = life.transitions[-1].version
    archive = await archived(life, tmp_path, per_segment=7, days=3)
    store = store_of(life.transitions, life.catalog, newest - 2, Position(1, newest))
    whole = Answering(store_of(life.transitions, life.catalog), None, b"s")
    opened = [ev for done in life.transitions for ev in done.events if isinstance(ev, e.BetPlaced) and ev.opens]
    for bet in opened[::4]:
        answering = Answering(store, archive, b"s")
        assert await asked(answering, "round", session_id=bet.session_id) == await asked(
            whole, "round", session_id=bet.session_id
        )


def deploy(time_ms: int, before: str, after: str) -> ControlEntry:
    return ControlEntry(
        time_ms, "ann", "ops", "POST /catalog/deploy", before={"version": before}, after={"version": after}
    )


@pytest.mark.parametrize(
    ("at", "version"), [(5, None), (15, "one"), (20, "two"), (29, "two"), (30, "three"), (99, "three")]
)
async def test_the_catalog_of_an_entrys_time_is_known_from_deploys(at: int, version: str | None) -> None:
    store = store_of([], replace(catalog_with(), version="three"))
    store.catalog_at_ms = 30
    store.control = [deploy(10, "zero", "one"), deploy(20, "one", "two"), deploy(30, "two", "three")]
    store.control.insert(2, ControlEntry(25, "bob", "ops", "POST /catalog/deploy", outcome="catalog_invalid"))
    known = await PastCatalogs(store).at(at)
    assert known.version == version
    assert (known.catalog is not None) == (version == "three") and bool(known.note) == (version != "three")


async def test_a_deploy_that_nobody_told_of_makes_older_catalogs_unknown() -> None:
    store = store_of([], replace(catalog_with(), version="three"))
    store.catalog_at_ms = 30
    store.control = [deploy(10, "zero", "one"), deploy(30, "two", "three")]
    assert (await PastCatalogs(store).at(15)).version is None


async def test_a_bonus_that_came_into_wager_with_the_entry_was_not_in_wager_before() -> None:
    climbing = on_climbing("silver", "prize", wager=wager(5, valid_days=3))
    table = Table(vip_house(climbing, loyalty=rules(level("bronze", 0), level("silver", 1))), 500)
    told = texts(await explained(table, table.spin(100, 0).session_id))
    assert "The whole stake of 1.00 EUR came from real money: no bonus was in wager." in told
    assert "Nothing counted towards wagering: no bonus was in wager." in told
    assert any("is now in wager" in text for text in told)


@pytest.mark.parametrize("day", ["2026/02/31", "9999/12/31", "yesterday", ""])
async def test_a_day_that_is_none_is_said_to_be_wrong(day: str) -> None:
    table = bonus_table()
    answering = Answering(store_of(table.transitions, table.catalog), None, b"s")
    for do, named in (("round", {"session_id": "p1-4"}), ("dispute", {"grant_id": "g3-1"})):
        said = await asked(answering, do, day=day, **named)
        assert (said["outcome"], said["field"]) == ("wrong", "day")
