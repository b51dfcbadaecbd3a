"""The file of a bonus: it agrees with the engine, names the limit that was hit, and is the same on paper each time."""

import base64
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.commands import ClaimGrant, Result, Rollback
from engine.events import GrantClaimed
from engine.holdings import find_ended_grant, find_grant
from feeds.audit.receipts import Asked, Said
from feeds.explaining.amounts import Purse
from feeds.explaining.answering import Answering
from feeds.explaining.catalogs import PastCatalogs
from feeds.explaining.disputes import Dispute, dispute
from feeds.explaining.line import Line
from feeds.explaining.paper import page, paper
from feeds.explaining.reading import PlayerEntries, head_of
from feeds.explaining.words import WORDS
from snapshots.audit.merkle import leaf_hash
from snapshots.audit.receipts import check_receipt, read_receipt
from tests.support.archiving import PlayedLog
from tests.support.attached import receipts_in
from tests.support.explained_store import store_of
from tests.support.ladder import vip_house
from tests.support.playing import Table, campaign, wager
from tests.support.proving import ProvenArchive
from tests.unit.feeds.audit.test_receipts import session_of
from tests.unit.feeds.explaining.played import Life
from tests.unit.feeds.explaining.test_history import asked


def disputed() -> Table:
    """A bonus that was claimed, wagered for a while with one bet undone, and lost by a bet over its limit."""
    terms = wager(3, valid_days=3, max_bet={"EUR": 100}, over_max_bet="cancel", contribution_games={"dice": 50})
    table = Table(vip_house(campaign("gift", 500, wager=terms, opt_in=True, claim_days=2)), 1_000)
    table.grant()
    table.now += 60_000
    table.do(ClaimGrant("g3-1"))
    for number, game in enumerate(("book", "dice", "dice")):
        table.spin(60, 30, game, key=f"gs:bet-{number}")
    table.do(Rollback("gs:bet-1"), "gs:undo")
    session = table.spin(70).session_id
    table.spin(120, 0, "dice")
    table.do(Result(session, 0))
    return table


async def file_of(table: Any, grant_id: str) -> Dispute:
    store = store_of(table.transitions, table.catalog)
    entries = PlayerEntries(store, await head_of(store, "p1"), None)
    found = await dispute(entries, PastCatalogs(store), grant_id, Purse("EUR", 2), None)
    assert found is not None
    return found


async def test_a_bonus_that_a_bet_over_the_limit_ended() -> None:
    file = await file_of(disputed(), "g3-1")
    assert (file.state, file.removed, file.released) == ("cancelled", 500, 0)
    assert file.ending == "Bonus g3-1 was cancelled (a bet was over its limit): 5.00 EUR of bonus money were removed."
    assert file.limit_hit == (
        "At 2026-01-01 00:01:00 UTC the stake of 1.20 EUR in round p1-10 was over the limit of 1.00 EUR "
        "for all stakes of a round together."
    )
    assert (file.opted_in_at, file.created_at) == ("2026-01-01T00:01:00.000Z", "2026-01-01T00:00:00.000Z")
    assert [(bet.stake, bet.contribution, bet.counted, bet.undone, bet.over_limit) for bet in file.bets] == [
        (60, 100, 60, False, False),
        (60, 50, 30, True, False),
        (60, 50, 30, False, False),
        (70, 100, 70, False, False),
        (120, 50, 60, False, True),
    ]
    assert (file.counted, file.remaining) == (220, 1_280)
    assert file.bets[0].receipt_url == "/players/p1/receipts/p1-5"
    assert (
        "The stakes of a round together may be at most 1.00 EUR; anything above cancels the bonus." in file.terms.words
    )


@pytest.mark.parametrize("seed", range(8))
async def test_the_file_agrees_with_the_engine(seed: int) -> None:
    life = Life(300 + seed).play(120)
    state = life.table.state
    grants = [*state.grants, *state.ended_grants]
    assert grants
    for known in grants:
        file = await file_of(life.table, known.grant_id)
        grant = find_grant(state, known.grant_id) or find_ended_grant(state, known.grant_id)
        assert grant is not None
        told = (file.balance, file.remaining, file.amount, file.wager_total, file.released, file.removed)
        assert told == (
            grant.balance,
            grant.remaining_wager,
            grant.amount,
            grant.wager_total,
            grant.released,
            grant.removed,
        ), known
        assert (file.ended_at is None) == (grant.ended_ms is None)
        if grant.ended_ms is not None:
            assert file.state == grant.state


async def test_the_paper_is_the_same_each_time() -> None:
    file = await file_of(disputed(), "g3-1")
    one = paper(file)
    assert one[:5] == b"%PDF-" and one == paper(file)


async def test_receipts_are_attached_to_the_paper_and_listed_on_it(tmp_path: Path) -> None:
    """Whoever gets the file takes them out and checks them, with the log's public key alone."""
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    arrival, spins = played.arrive("alice"), played.spins("alice", 2)
    await archive.keep([arrival, *spins])
    said = [await archive.receipts().answer(Asked("alice", session_of(each))) for each in spins]
    receipts = [msgspec.json.decode(each, type=Said).receipt for each in said]
    assert all(receipts)
    file = await file_of(disputed(), "g3-1")
    one = paper(file, receipts=receipts)
    assert one == paper(file, receipts=receipts) != paper(file)
    assert sorted(map(read_receipt, receipts_in(one)), key=lambda each: each.session_id) == receipts
    shown = page(file, False, receipts)["receipts"]
    for name, row, receipt in zip(shown["files"], shown["rows"], receipts, strict=True):
        checked = check_receipt(receipt, [archive.signer.verifier])
        [entry] = receipt.entries
        assert row[:4] == [name, receipt.session_id, str(checked.entries[0].version), str(entry.index)]
        assert row[4] == leaf_hash(base64.b64decode(entry.leaf)).hex()
    assert shown["checkpoints"] == [receipts[0].checkpoint]


async def test_what_a_step_tells_of_a_players_value_is_hidden_on_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Line("The player of level gold opted in.", instead="The player opted in.")
    monkeypatch.setitem(WORDS, GrantClaimed, lambda event, purse: secret)
    file = await file_of(disputed(), "g3-1")
    for may_value, text in ((True, secret.text), (False, secret.instead)):
        assert [step[1] for step in page(file, may_value)["steps"]].count(text) == 1
    assert paper(file) == paper(file, may_value=False) != paper(file, may_value=True)


async def test_no_bonus_no_file() -> None:
    table = disputed()
    answering = Answering(store_of(table.transitions, table.catalog), None, b"s")
    for grant_id in ("g3-2", "g99-1", "x3-1", "g", "g3"):
        assert (await asked(answering, "dispute", grant_id=grant_id))["outcome"] == "not_found"


async def test_without_the_extra_there_is_no_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    for module in ("feeds.explaining.paper", "feeds.paper.setting"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    table = disputed()
    answering = Answering(store_of(table.transitions, table.catalog), None, b"s")
    said = await asked(answering, "dispute", grant_id="g3-1", form="pdf")
    assert (said["outcome"], said["detail"][:18]) == ("no_paper", "A PDF needs typst:")
    assert (await asked(answering, "dispute", grant_id="g3-1"))["outcome"] == "found"
