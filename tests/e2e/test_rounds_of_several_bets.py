"""Over HTTP: rollbacks of single bets, results that name their bet, split wins, and what can't be reversed any more."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.state.window import REMEMBERED_MAX
from snapshots.opening import open_store
from tests.support.croupier_up import Api, CroupierUp, register
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.timeout(240)
NewPlayer = Callable[..., str]
DUNES = "game_id=book-of-dunes&mode=real"


def real(api: Api, player_id: str) -> int:
    amount: int = api.platform("GET", f"/players/{player_id}").json()["balance"]["real"]
    return amount


def opened(api: Api, player_id: str, bet: int, key: str) -> str:
    spin = api.game("POST", f"/spin?player_id={player_id}&{DUNES}&bet={bet}", key=key)
    return str(spin.json()["session_id"])


def step(api: Api, session: str, verb: str, body: dict[str, Any], key: str | None = None) -> Any:
    return api.game("POST", f"/spin/{session}/{verb}", body, key=key or api.new_key())


def undo(api: Api, player_id: str, key: str) -> Any:
    return api.game("POST", "/spin/rollback", {"player_id": player_id, "transaction_id": key})


def test_a_rollback_reverses_the_bet_it_names(api: Api, new_player: NewPlayer) -> None:
    player = new_player()
    session = opened(api, player, 20, f"{player}-a")
    step(api, session, "bet", {"player_id": player, "amount": 80}, f"{player}-b")
    assert undo(api, player, f"{player}-b").json()["status"] == "rolled_back"
    assert real(api, player) == 980
    assert step(api, session, "result", {"player_id": player, "win": 700}).json()["state"] == "closed"
    assert real(api, player) == 1_680


def test_a_result_names_the_bet_it_settles(api: Api, new_player: NewPlayer) -> None:
    player = new_player()
    session = opened(api, player, 20, f"{player}-a")
    step(api, session, "bet", {"player_id": player, "amount": 80}, f"{player}-b")
    part = {"player_id": player, "win": 50, "final": False, "settles": f"{player}-a"}
    assert step(api, session, "result", part, f"{player}-r").json()["win_amount"] == 50
    assert step(api, session, "result", part, f"{player}-r").json()["replayed"] is True
    assert undo(api, player, f"{player}-a").json()["code"] == "round_has_result"
    assert undo(api, player, f"{player}-r").json()["code"] == "not_a_bet"
    stranger = step(api, session, "result", part | {"settles": "nobody"})
    assert (stranger.status_code, stranger.json()["code"]) == (409, "not_a_bet")
    wrong = step(api, session, "result", part | {"settles": "two words"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_request")
    assert undo(api, player, f"{player}-b").json()["status"] == "rolled_back"
    assert real(api, player) == 1_030


def forgotten_bet(api: Api, player: str) -> str:
    """The key of a bet that won 400 and is no longer among the commands that the player remembers."""
    key = f"{player}-won"
    assert api.game("POST", f"/spin?player_id={player}&{DUNES}&bet=100&win=500", key=key).status_code == 200
    for _ in range(REMEMBERED_MAX):
        assert api.platform("POST", f"/players/{player}/deposits", {"amount": 1}).status_code == 201
    return key


def test_a_forgotten_bet_is_reversed_as_long_as_the_journal_has_it(api: Api, new_player: NewPlayer) -> None:
    player = new_player()
    forgotten = forgotten_bet(api, player)
    before = real(api, player)
    assert undo(api, player, forgotten).json()["status"] == "rolled_back"
    assert real(api, player) == before - 400


@pytest.mark.long
def test_a_forgotten_bet_is_flagged_when_the_journal_is_gone(tmp_path: Path) -> None:
    """A server that stops cleanly snapshots everyone; the next one removes the journal that nobody needs any more."""
    store, options = f"sqlite:{tmp_path / 'store'}", ("--shards", "1", "--spares", "0")
    first = CroupierUp(tmp_path / "first", store, *options)
    try:
        register(first.api, "bob")
        kept = forgotten_bet(first.api, "bob")
    finally:
        assert first.stop() == 0
    second = CroupierUp(tmp_path / "second", store, *options)
    try:
        asyncio.run(until_no_sealed_log(store))
        is_flagged_and_cleared(second.api, "bob", kept)
    finally:
        assert second.stop() == 0


async def until_no_sealed_log(url: str) -> None:
    store = open_store(url)
    await store.open()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while any(log.sealed for log in await store.unfinished_logs()):
                await asyncio.sleep(0.05)
    finally:
        await store.close()


def is_flagged_and_cleared(api: Api, player: str, bet: str) -> None:
    before = real(api, player)
    outcome = undo(api, player, bet)
    assert (outcome.status_code, outcome.json()["code"], real(api, player)) == (409, "already_processed", before)
    [flag] = api.platform("GET", f"/players/{player}").json()["flagged"]
    clear = f"/players/{player}/flags/{flag['flag_id']}/clear"
    cleared = api.person("support", "POST", clear, {"reason": "paid back by hand"}, key="clear-1")
    assert (cleared.status_code, cleared.json()["replayed"]) == (200, False)
    assert api.platform("GET", f"/players/{player}").json()["flagged"] == []
