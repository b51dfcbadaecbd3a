"""The load test's players notice what a server does wrong."""

from collections.abc import Container
from typing import Any

import pytest

from croupier_client.signing import Signer
from tests.load.asking import Document, Proof, Request, Unexpected
from tests.load.player import Manners, Player
from tests.load.seat import Seat
from tests.load.settings import SHIPPED_CATALOG
from tests.load.tally import Tally
from tests.load.terms import read_shelf

SHELF = read_shelf(SHIPPED_CATALOG)
NOTHING = {"granted": [], "declined": []}


def money(real: int, bonus: int = 0) -> dict[str, int]:
    return {"real": real, "bonus": bonus, "bonus_usable": bonus, "withdrawable": real}


class Server:
    """Answers each kind of request with what a test has put there; a list is used up one by one."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {"register": {}, "session": NOTHING} | answers
        self.proof = Proof(Signer(), Signer())
        self.asked: list[Request] = []

    def ask(self, request: Request, expects: Container[str] = ()) -> Document:
        self.asked.append(request)
        answer = self.answers[request.name]
        answer = answer.pop(0) if isinstance(answer, list) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer


def player(server: Server, tally: Tally, repeat_share: float = 0.0) -> Player:
    manners = Manners(pause=lambda: None, repeat_share=repeat_share)
    return Player("ada", server, SHELF, tally, manners)  # type: ignore[arg-type]


@pytest.mark.parametrize(("held", "differences"), [(500, 0), (501, 1), (499, 1)])
def test_a_cent_too_much_or_too_little_is_noted(held: int, differences: int) -> None:
    tally = Tally()
    player(Server(deposit=NOTHING | {"balance": money(held)}), tally).deposit(500)
    assert (tally.counts["differences"], tally.counts["balances_checked"]) == (differences, 1)


@pytest.mark.parametrize(("again", "differences"), [({"replayed": True}, 0), ({}, 1), ({"balance": {}}, 1)])
def test_the_same_key_must_get_the_same_answer_as_a_replay(again: Document, differences: int) -> None:
    first = NOTHING | {"balance": money(500), "replayed": False}
    tally, server = Tally(), Server(deposit=[first, first | again])
    player(server, tally, repeat_share=1.0).deposit(500)
    assert server.asked[0] == server.asked[1]
    assert (tally.counts["differences"], tally.counts["repeats"]) == (differences, 1)


def test_the_welcome_bonus_must_come_with_the_first_deposit_and_in_full() -> None:
    award = {"campaign_id": "welcome-100", "amount": 999, "free_spins": 20, "state": "in_wager"}
    for granted, missing in (([], "campaigns triggered"), ([award], "award of welcome-100")):
        tally = Tally()
        answer = {"granted": granted, "declined": [], "balance": money(1_000)}
        player(Server(deposit=answer), tally).deposit(1_000)
        assert missing in tally.differences[0]


@pytest.mark.parametrize(("reasons", "differences"), [(["budget_exhausted"], 0), (["shared_device"], 1)])
def test_a_bonus_may_be_declined_only_because_its_budget_is_spent(reasons: list[str], differences: int) -> None:
    tally = Tally()
    player(Server(code={"code": "grant_declined", "reasons": reasons}), tally).enter_code()
    assert tally.counts["differences"] == differences


def test_at_the_end_both_sides_are_added_up() -> None:
    view = {"balance": money(520), "grants": [], "free_spins": [], "open_rounds": []}
    tally = Tally()
    someone = player(Server(deposit=NOTHING | {"balance": money(500)}, reconcile=view), tally)
    someone.deposit(500)
    someone.reconcile()
    counts = tally.counts
    assert (counts["expected_real"], counts["held_real"], counts["reconciled"]) == (500, 520, 1)
    assert tally.differences == [f"ada: balance at the end: expected {money(500)}, got {money(520)}"]


def test_who_met_something_unexpected_makes_room_and_is_not_reconciled() -> None:
    tally = Tally()
    server = Server(register=[Unexpected("no answer"), {}], deposit=NOTHING | {"balance": money(500)})
    newcomers: list[Player] = []

    def newcomer() -> Player:
        newcomers.append(player(server, tally))
        return newcomers[-1]

    seat = Seat(newcomer, tally)
    seat.step()
    seat.leave()
    assert (tally.counts["players"], tally.counts["reconciled"]) == (1, 0)
    assert tally.differences[0].endswith("no answer")
    seat.step()
    assert (len(newcomers), tally.counts["players"]) == (2, 2)
