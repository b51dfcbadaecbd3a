"""The order of faults, and what players notice of them."""

from itertools import islice
from pathlib import Path

from tests.chaos.crowd import Ask
from tests.chaos.plan import ALL, plan
from tests.chaos.timeline import Trouble, answers_by_second, outage

KINDS = tuple(ALL)
PAGE = Path(__file__).parents[3] / "docs" / "chaos.md"
TROUBLE = Trouble(kind="kill-shard", hit="s0", began=10.0, over=10.0, whole=13.0)


def order(seed: int, count: int = len(KINDS)) -> list[str]:
    return [planned.kind for planned in islice(plan(seed, KINDS), count)]


def test_the_seed_decides_the_order_and_each_kind_comes_once() -> None:
    assert order(7) == order(7) != order(8)
    assert sorted(order(7)) == sorted(KINDS)
    assert sorted(order(7, 2 * len(KINDS))[len(KINDS) :]) == sorted(KINDS)


def test_there_are_four_shards_before_there_are_two_again() -> None:
    for seed in range(20):
        kinds = order(seed)
        assert kinds.index("scale-up") < kinds.index("scale-down")


def test_each_kind_is_explained() -> None:
    assert [kind for kind in KINDS if f"`{kind}`" not in PAGE.read_text()] == []
    assert all(fault.__doc__ for fault in ALL.values())


def test_an_outage_is_the_longest_wait_of_those_who_asked_meanwhile() -> None:
    asks = [
        Ask("before", "spin", 1.0, 9.0, 1),
        Ask("a", "spin", 9.5, 10.2, 1),
        Ask("b", "result", 10.1, 12.4, 3),
        Ask("b", "spin", 12.5, 13.6, 1),
        Ask("after", "spin", 13.5, 20.0, 1),
    ]
    found = outage(TROUBLE, asks)
    assert (round(found.longest_s, 1), found.longest_command, found.slow_players) == (2.3, "result", 1)
    assert outage(TROUBLE, []).longest_s == 0


def test_answers_are_counted_by_the_second_in_which_they_came() -> None:
    asks = [Ask("a", "spin", 9.0, ended, 1) for ended in (9.9, 10.0, 10.9, 12.1)]
    assert answers_by_second(asks, 10.0, 13.5) == [2, 0, 1, 0]
