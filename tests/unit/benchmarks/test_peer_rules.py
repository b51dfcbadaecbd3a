"""The rules of P1, P2 and P3 as Python: what a spin pays, wagers, completes and refuses."""

import pytest

from benchmarks.peers.rules import Account, Outcome, Played, Spin, seeded, unplayable

BOOK, HALF, EXCLUDED = "book-of-dunes", "nine-lanterns", "vault-exclusive"


def real(bet: int, win: int, game: str = BOOK) -> Spin:
    return Spin("p", "client:k", game, "real", bet, win)


def free(win: int, game: str = BOOK, bet: int = 10) -> Spin:
    return Spin("p", "client:k", game, "freespin", bet, win)


def after(real: int, bonus: int = 0, remaining: int = 0, free_spins: int = 0) -> Played:
    return Played(False, 1, real, bonus, remaining, free_spins)


@pytest.mark.parametrize(
    ("account", "spin", "expected"),
    [
        (Account(100), real(30, 50), after(120)),
        (Account(100), real(100, 0), after(0)),
        (Account(100), real(101, 0), "insufficient_funds"),
        (Account(100, 50), real(101, 0), "insufficient_funds"),
        (Account(30, 70, 1_000), real(100, 99), after(30, 69, 900)),
        (Account(30, 70, 1_000, 1), real(100, 0), after(0, 0, 900, 1)),
        (Account(30, 70, 1_000), real(100, 0), after(0)),
        (Account(500, 70, 1_000), real(33, 0, HALF), after(467, 70, 984)),
        (Account(500, 70, 1_000), real(33, 0, EXCLUDED), after(467, 70, 1_000)),
        (Account(500, 70, 1_000), real(9, 0), after(491, 70, 1_000)),
        (Account(900, 70, 1_000), real(501, 0), "bonus_max_bet"),
        (Account(900), real(501, 0), after(399)),
        (Account(100, 70, 10), real(10, 10), after(170)),
        (Account(100, 60_000, 10), real(10, 0), after(50_090)),
        (Account(100, 0, 0, 2), free(25), after(100, 25, 500, 1)),
        (Account(100), free(25), "no_free_spins"),
        (Account(100, 0, 0, 2), free(25, HALF), "free_spin_game_mismatch"),
        (Account(100, 0, 0, 2), free(25, bet=20), "free_spin_bet_mismatch"),
    ],
)
def test_a_spin(account: Account, spin: Spin, expected: Outcome) -> None:
    before = repr(account)
    assert account.play(spin) == expected
    assert (repr(account) == before) == isinstance(expected, str)


def test_what_is_wrong_whoever_plays_it() -> None:
    asked = [real(10, 0), real(9, 0), real(10_001, 0), real(10, 0, "nobody-knows")]
    assert [unplayable(spin) for spin in asked] == ["", "bet_below_min", "bet_above_max", "unknown_game"]


def test_every_third_player_wagers_as_in_the_shipped_welcome_campaign() -> None:
    accounts = [seeded(number) for number in range(6)]
    assert [account.remaining for account in accounts] == [350_000, 0, 0, 350_000, 0, 0]
    assert {account.real for account in accounts} == {10_000}
