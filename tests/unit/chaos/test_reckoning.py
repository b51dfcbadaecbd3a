"""The reckoning of chaos runs finds what is lost and what is doubled, in books that are made up."""

from dataclasses import replace

from tests.chaos.reckoning import Reckoning, compare, repeatable
from tests.chaos.run import Found, Wanted
from tests.chaos.verifying import Verified
from tests.load.asking import Request

KEYS = ["p-1", "p-2", "p-3"]
SOUND = Verified(exit_code=0, entries=3, players=1, compared=1, leaves=3, checkpoints=1, faults=[])


def reckoned(acknowledged: list[str], timeline: list[str]) -> Reckoning:
    found = Reckoning()
    compare(found, "p", acknowledged, timeline)
    return found


def complaints(reckoning: Reckoning, **changes: object) -> list[str]:
    sound = Found(
        wanted=Wanted(minutes=1, seed=1, players=1, think_ms=1, kinds=()),
        outages=[],
        began=0.0,
        seconds=60.0,
        answers=[],
        counts={"reconciled": 1},
        differences=[],
        reckoning=reckoning,
        verified=SOUND,
        exit_code=0,
    )
    return replace(sound, **changes).complaints()  # type: ignore[arg-type]


def test_what_was_acknowledged_is_there_once() -> None:
    found = reckoned(KEYS, ["due-work", *reversed(KEYS)])
    assert found.complaints() == []
    assert (found.acknowledged, found.entries) == (3, {"p": 4})


def test_a_spin_that_is_not_there_is_lost() -> None:
    found = reckoned(KEYS, ["p-3", "p-1"])
    assert found.lost == ["p/p-2"]
    assert found.complaints() == ["1 commands acknowledged, but not there: p/p-2"]


def test_a_spin_that_is_there_twice_is_doubled() -> None:
    found = reckoned(KEYS, ["p-3", "p-2", "p-2", "p-1"])
    assert found.doubled == ["p/p-2"]
    assert found.complaints() == ["1 commands there more than once: p/p-2"]


def test_a_spin_that_nobody_was_told_of_is_named() -> None:
    assert reckoned(KEYS, ["p-4", "p-3", "p-2", "p-1"]).never_answered == ["p/p-4"]


def test_many_are_counted_and_some_are_named() -> None:
    (complaint,) = reckoned([f"p-{number}" for number in range(30)], []).complaints()
    assert complaint.startswith("30 commands") and complaint.endswith("…")


def test_a_run_passes_only_if_nothing_speaks_against_it() -> None:
    whole = reckoned(KEYS, KEYS)
    assert complaints(whole) == []
    assert complaints(reckoned(KEYS, ["p-1", "p-1", "p-2"]))[0].endswith("not there: p/p-3")
    assert complaints(whole, counts={"reconciled": 0}) == ["0 of 1 players were reconciled"]
    assert complaints(whole, counts={"reconciled": 1, "differences": 1}, differences=["a cent"])[-1] == "  a cent"
    assert complaints(whole, exit_code=1) == ["croupier up ended with exit code 1 after SIGTERM"]
    unsound = SOUND._replace(exit_code=1, faults=["a gap"])
    assert complaints(whole, verified=unsound) == ["croupier audit verify: exit code 1: a gap"]
    behind = SOUND._replace(entries=2)
    assert complaints(whole, verified=behind) == ["the archive has 2 entries of 1 players, not 3 of 1"]


def test_bets_that_were_rolled_back_are_not_repeated() -> None:
    bet, other = (Request("spin", "game_server", "POST", "/spin", key) for key in ("p-1", "p-2"))
    undo = Request("rollback", "game_server", "POST", "/spin/rollback", "p-3", b'{"transaction_id":"p-1"}')
    kept = repeatable([(bet, {}), (other, {}), (undo, {})])
    assert [request.key for request, _ in kept] == ["p-2", "p-3"]
