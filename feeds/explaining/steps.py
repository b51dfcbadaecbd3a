"""One round's stakes, wins and reversals, step by step: whose money, what counted, points, each with its arithmetic.

Amounts are those that the entry states. Terms are the grant's own; the catalog only says why.
"""

from collections.abc import Iterator

from engine import events as e
from feeds.explaining.line import Line
from feeds.explaining.outcomes import reversal, win
from feeds.explaining.scene import Scene
from feeds.explaining.stakes import free_spin, paid_stake
from feeds.explaining.words import said


def steps(event: e.AnyEvent, scene: Scene) -> Iterator[Line]:
    """The steps of an event. Their movements add up to the event's."""
    if isinstance(event, e.BetPlaced):
        yield from free_spin(event, scene) if event.package_id is not None else paid_stake(event, scene)
    elif isinstance(event, e.WinCredited):
        yield from win(event, scene)
    elif isinstance(event, e.RoundReversed):
        yield from reversal(event, scene)
    else:
        yield said(event, scene.purse)
