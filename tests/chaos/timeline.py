"""How long players waited: the outage of each fault, and answers per second over the run, from what players noted."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.chaos.crowd import Ask

SLOW_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """One fault: when it began, when its trouble was over, and when everything was whole again (monotonic seconds)."""

    kind: str
    hit: str
    began: float
    over: float
    whole: float
    missed: str = ""
    """What should have come and did not, or nothing."""


@dataclass(frozen=True, slots=True)
class Outage:
    """What players noticed of one fault. `longest_s`: the longest wait of all for an answer, repeats included."""

    trouble: Trouble
    longest_s: float
    longest_command: str
    slow_players: int
    """How many waited longer than a second."""


def outage(trouble: Trouble, asks: Iterable[Ask]) -> Outage:
    """Of all requests that were under way between its beginning and the time when everything was whole again."""
    under_way = [ask for ask in asks if ask.ended >= trouble.began and ask.began <= trouble.whole]
    longest = max(under_way, key=lambda ask: ask.ended - ask.began, default=None)
    slow = {ask.player_id for ask in under_way if ask.ended - ask.began > SLOW_S}
    if longest is None:
        return Outage(trouble, 0.0, "nothing", 0)
    return Outage(trouble, longest.ended - longest.began, longest.name, len(slow))


def answers_by_second(asks: Sequence[Ask], began: float, ended: float) -> list[int]:
    """Answers in each second of the run."""
    counts = Counter(int(ask.ended - began) for ask in asks if ask.ended >= began)
    return [counts[second] for second in range(int(ended - began) + 1)]
