"""From a transition of the journal to the public events that it stands for."""

from collections.abc import Callable
from typing import Any, Final

from engine import events as e
from engine.transition import Transition
from feeds.public.data.base import PublicData
from feeds.public.event import PublicEvent
from feeds.public.from_journal.account import ACCOUNT
from feeds.public.from_journal.bets import BETS
from feeds.public.from_journal.bonus import BONUS
from feeds.public.from_journal.loyalty import LOYALTY
from feeds.public.from_journal.money import MONEY
from feeds.public.from_journal.told import Told, told

PLACES_PER_EVENT: Final = 4
"""How many public events one event of the journal may become, now or in later versions."""

NOT_TOLD: Final = frozenset({e.BetTombstoned, e.CustomEventPosted, e.LevelUpDue, e.SilenceNoticed})
"""Events of the journal that are the engine's own book-keeping, or that the platform posted itself."""

_MAPPINGS: Final[dict[type[e.Event], Callable[[Any, Told], PublicData | tuple[PublicData, ...]]]] = {
    **ACCOUNT,
    **BETS,
    **BONUS,
    **LOYALTY,
    **MONEY,
}


def public_events(transition: Transition) -> list[PublicEvent]:
    """The transition's public events in order; none if it is of no concern outside.

    The place `n` counts `PLACES_PER_EVENT` for each event of the journal, told or not, so that it stays the same when
    a later version tells more.
    """
    beside = told(transition)
    public: list[PublicEvent] = []
    player_id, version, time_ms = transition.player_id, transition.version, transition.time_ms
    for place, event in enumerate(transition.events):
        mapping = _MAPPINGS.get(type(event))
        if mapping is None:
            continue
        made = mapping(event, beside)
        n = place * PLACES_PER_EVENT
        if not isinstance(made, tuple):
            public.append(PublicEvent(type(made).__name__, version, n, player_id, time_ms, made))
            continue
        for beyond, data in enumerate(made):
            public.append(PublicEvent(type(data).__name__, version, n + beyond, player_id, time_ms, data))
    return public
