"""The demo must notice: a player of it against a server that does one thing wrong."""

from typing import Any

import pytest

from croupier.demo.client import Client, Meter, Request, Signer
from croupier.demo.player import DemoPlayer, Tally

SIGNER = Signer("demo", "secret")


class ScriptedServer(Client):
    """Answers each request from a list; the deposit and the registration come first."""

    def __init__(self, *answers: tuple[int, dict[str, Any]]) -> None:
        super().__init__("", 0, Meter())
        self._answers = list(answers)
        self.asked: list[str] = []

    async def ask(self, request: Request, timed: bool = False) -> tuple[int, dict[str, Any]]:
        self.asked.append(f"{request.method} {request.target}")
        return self._answers.pop(0)


def registered() -> tuple[int, dict[str, Any]]:
    return 201, {"replayed": False}


def deposited(bonus: int = 0, spins: int = 0) -> tuple[int, dict[str, Any]]:
    granted = [{"amount": bonus, "free_spins": spins}] if bonus else []
    return 201, {"replayed": False, "granted": granted}


def view(real: int, bonus: int, to_wager: int, spins: int) -> tuple[int, dict[str, Any]]:
    grants = [{"balance": bonus, "remaining_wager": to_wager}]
    return 200, {"balance": {"real": real, "bonus": bonus}, "grants": grants,
                 "free_spins": [{"free_spins_remaining": spins}]}  # fmt: skip


def rounds(*sessions: str) -> tuple[int, dict[str, Any]]:
    return 200, {"rounds": [{"session_id": session} for session in sessions]}


class Steady(DemoPlayer):
    """Without luck: deposits 10.00, repeats nothing by itself."""

    def __init__(self, tally: Tally) -> None:
        super().__init__("p1", "1", SIGNER, SIGNER, tally)
        self._luck.random = lambda: 0.99  # type: ignore[method-assign]
        self._luck.randrange = lambda *_: 1_000  # type: ignore[method-assign,assignment]


async def reconciled(*answers: tuple[int, dict[str, Any]], repeats: int = 0) -> Tally:
    """What is found when a player arrives and all is compared."""
    tally = Tally()
    player, server = Steady(tally), ScriptedServer(registered(), deposited(1_000, 20), *answers)
    await player.arrive(server)
    await player.reconcile(server, repeats)
    return tally


async def test_all_is_well() -> None:
    assert (await reconciled(view(1_000, 1_000, 35_000, 20), rounds())).differences == []


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (view(999, 1_000, 35_000, 20), "real money: expected 1000, got 999"),
        (view(1_000, 1_001, 35_000, 20), "bonus money: expected 1000, got 1001"),
        (view(1_000, 1_000, 34_999, 20), "grants: "),
        (view(1_000, 1_000, 35_000, 19), "free spins: expected 20, got 19"),
    ],
)
async def test_whatever_differs_is_found(wrong: tuple[int, dict[str, Any]], found: str) -> None:
    differences = (await reconciled(wrong, rounds())).differences
    assert any(f"p1: {found}" in difference for difference in differences)


async def test_a_round_nobody_was_told_of_is_a_double() -> None:
    tally = await reconciled(view(1_000, 1_000, 35_000, 20), rounds("p1-9"))
    assert (tally.lost, tally.doubled, len(tally.differences)) == (0, 1, 1)


async def test_an_old_key_that_moves_money_again_was_lost() -> None:
    again = (200, {"replayed": False})
    tally = await reconciled(view(1_000, 1_000, 35_000, 20), rounds(), again, again, repeats=2)
    assert tally.lost == 2
    assert len(tally.differences) == 2


async def test_a_replay_with_another_answer_is_found() -> None:
    other = (200, {"replayed": True, "granted": [], "surprise": 1})
    tally = await reconciled(view(1_000, 1_000, 35_000, 20), rounds(), other, other, repeats=2)
    assert (tally.lost, len(tally.differences)) == (0, 2)


async def test_a_bonus_that_was_not_granted_is_found() -> None:
    tally = Tally()
    await Steady(tally).arrive(ScriptedServer(registered(), deposited()))
    assert tally.differences == ["p1: granted: expected [(1000, 20)], got []"]
