"""A withdrawal from request to payment, with bonuses in its way (rules §9)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.croupier_up import Api

pytestmark = pytest.mark.timeout(240)

NewPlayer = Callable[..., str]
FREE_SPIN = "/spin?player_id={p}&game_id=book-of-dunes&mode=freespin"


def withdraw(api: Api, player_id: str, amount: int, **more: Any) -> tuple[int, dict[str, Any]]:
    """Status and document of a request to withdraw."""
    answer = api.platform("POST", f"/players/{player_id}/withdrawals", {"amount": amount, **more})
    return answer.status_code, answer.json()


def money(api: Api, player_id: str) -> tuple[int, int, int, int]:
    """Real, bonus, usable bonus, withdrawable."""
    balance = api.platform("GET", f"/players/{player_id}").json()["balance"]
    return balance["real"], balance["bonus"], balance["bonus_usable"], balance["withdrawable"]


def frozen(api: Api, player_id: str) -> list[tuple[str, bool]]:
    """State of each grant and whether it is frozen, then the same of the free spins."""
    view = api.platform("GET", f"/players/{player_id}").json()
    return [(grant["state"], grant["frozen"]) for grant in view["grants"]] + [
        (str(package["free_spins_remaining"]), package["frozen"]) for package in view["free_spins"]
    ]


def test_the_walk_through(api: Api, new_player: NewPlayer) -> None:
    """10.00 EUR deposited: 10.00 bonus and 20 free spins would be lost, are frozen, come back, and go at last."""
    player_id = new_player(1_000)
    target = f"/players/{player_id}/withdrawals"
    view = api.platform("GET", f"/players/{player_id}").json()
    (grant,), (package,) = view["grants"], view["free_spins"]

    status, refused = withdraw(api, player_id, 400)
    assert (status, refused["code"]) == (409, "bonus_would_be_lost")
    assert refused["grants"] == [{"grant_id": grant["grant_id"], "balance": 1_000}]
    assert refused["free_spins"] == [{"package_id": package["package_id"], "remaining": 20}]
    assert api.platform("GET", f"/players/{player_id}").json() == view

    status, reserved = withdraw(api, player_id, 400, forfeit_bonuses=True)
    assert (status, reserved["state"], reserved["grants"]) == (201, "reserved", [grant["grant_id"]])
    assert money(api, player_id) == (1_000, 1_000, 0, 600)
    assert frozen(api, player_id) == [("granted", True), ("20", True)]
    assert api.game("POST", FREE_SPIN.format(p=player_id)).json()["code"] == "no_free_spins"

    cancelled = api.platform("POST", f"{target}/{reserved['withdrawal_id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert money(api, player_id) == (1_000, 1_000, 1_000, 1_000)
    assert frozen(api, player_id) == [("in_wager", False), ("20", False)]
    assert api.game("POST", FREE_SPIN.format(p=player_id) + "&win=0").json()["remaining_spins"] == 19

    _, again = withdraw(api, player_id, 400, forfeit_bonuses=True)
    key = api.new_key()
    confirmed = api.platform("POST", f"{target}/{again['withdrawal_id']}/confirm", key=key)
    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "confirmed")
    assert money(api, player_id) == (600, 0, 0, 600)
    view = api.platform("GET", f"/players/{player_id}").json()
    assert (view["free_spins"], view["withdrawals"]) == ([], [])
    states = [held["state"] for held in api.platform("GET", f"/players/{player_id}/bonuses").json()["grants"]]
    assert states == ["cancelled"]

    repeated = api.platform("POST", f"{target}/{again['withdrawal_id']}/confirm", key=key)
    assert repeated.json() == confirmed.json() | {"replayed": True}
    for step in ("confirm", "cancel"):
        late = api.platform("POST", f"{target}/{again['withdrawal_id']}/{step}")
        assert (late.status_code, late.json()["code"]) == (409, "invalid_state")
    assert money(api, player_id) == (600, 0, 0, 600)


def test_money_without_bonuses_just_goes(api: Api, new_player: NewPlayer) -> None:
    """Two withdrawals at the same time share what there is; a stake can't take what is reserved."""
    player_id = new_player(900)
    target = f"/players/{player_id}/withdrawals"
    (_, first), (_, second) = withdraw(api, player_id, 500), withdraw(api, player_id, 300)
    assert money(api, player_id)[3] == 100
    status, short = withdraw(api, player_id, 101)
    assert (status, short["code"], short["balance"]["withdrawable"]) == (402, "insufficient_funds", 100)
    spin = api.game("POST", f"/spin?player_id={player_id}&game_id=book-of-dunes&mode=real&bet=101&win=0")
    assert (spin.status_code, spin.json()["code"]) == (402, "insufficient_funds")
    assert api.platform("POST", f"{target}/{first['withdrawal_id']}/confirm").status_code == 200
    assert api.platform("POST", f"{target}/{second['withdrawal_id']}/cancel").status_code == 200
    assert money(api, player_id) == (400, 0, 0, 400)


def test_not_while_a_round_has_staked_their_money(api: Api, new_player: NewPlayer) -> None:
    """5.00 EUR staked, 2.00 real and 3.00 bonus: the bonus can't be frozen until the round is settled."""
    player_id = new_player(1_000)
    spin = f"/spin?player_id={player_id}&game_id=book-of-dunes&mode=real"
    for _ in range(2):
        api.game("POST", f"{spin}&bet=400&win=0")
    opened = api.game("POST", f"{spin}&bet=500").json()
    assert opened["funds"] == {"real": 200, "bonus": 300}
    api.platform("POST", f"/players/{player_id}/deposits", {"amount": 300})
    status, refused = withdraw(api, player_id, 100, forfeit_bonuses=True)
    assert (status, refused["code"]) == (409, "round_open")
    api.game("POST", f"/spin/{opened['session_id']}/result", {"player_id": player_id, "win": 0})
    assert withdraw(api, player_id, 100, forfeit_bonuses=True)[0] == 201
