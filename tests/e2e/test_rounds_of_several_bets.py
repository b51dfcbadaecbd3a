"""Over HTTP: rollbacks of single bets, results that name their bet, split wins, and what can't be reversed any more."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.state.window import REMEMBERED_MAX
from tests.support.croupier_up import Api

pytestmark = pytest.mark.timeout(120)
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


def test_a_bet_beyond_the_remembered_commands_is_reversed_or_flagged(api: Api, new_player: NewPlayer) -> None:
    player = new_player()
    won = api.game("POST", f"/spin?player_id={player}&{DUNES}&bet=100&win=500", key=f"{player}-won")
    assert won.status_code == 200
    for _ in range(REMEMBERED_MAX):
        api.platform("POST", f"/players/{player}/deposits", {"amount": 1})
    before = real(api, player)
    outcome = undo(api, player, f"{player}-won")
    if outcome.status_code == 200:
        assert (outcome.json()["status"], real(api, player)) == ("rolled_back", before - 400)
        return
    assert (outcome.status_code, outcome.json()["code"], real(api, player)) == (409, "already_processed", before)
    [flag] = api.platform("GET", f"/players/{player}").json()["flagged"]
    clear = f"/players/{player}/flags/{flag['flag_id']}/clear"
    cleared = api.person("support", "POST", clear, {"reason": "paid back by hand"}, key="clear-1")
    assert (cleared.status_code, cleared.json()["replayed"]) == (200, False)
    assert api.platform("GET", f"/players/{player}").json()["flagged"] == []
