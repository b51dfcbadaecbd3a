"""From a transition of the journal to its rows."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from engine import events as e
from engine.transition import Transition
from feeds.facts.rows.base import Row
from feeds.facts.rows.bets import BETS, BetRow
from feeds.facts.rows.bonuses import BONUSES, BonusRow, corrected
from feeds.facts.rows.free_spins import FREE_SPINS, FreeSpinRow
from feeds.facts.rows.loyalty import LOYALTY, LoyaltyRow
from feeds.facts.rows.money import MONEY, MoneyRow
from feeds.facts.rows.players import PLAYERS, PlayerRow
from feeds.facts.rows.risk import RISK, RiskRow
from feeds.facts.rows.told import Told, told

Common = tuple[str, int, int, int, int, str, str | None, str | None, int | None, int | None]
"""The columns of `base.COMMON`, in their order."""
DAY_MS: Final = 86_400_000

FAMILIES: Final[Mapping[str, type[Row]]] = MappingProxyType(
    {
        "bets": BetRow,
        "money": MoneyRow,
        "bonuses": BonusRow,
        "free_spins": FreeSpinRow,
        "loyalty": LoyaltyRow,
        "players": PlayerRow,
        "risk": RiskRow,
    }
)
_TABLES: Final[dict[str, Mapping[type[e.Event], Callable[[Any, Told], Row]]]] = {
    "bets": BETS,
    "money": MONEY,
    "bonuses": BONUSES,
    "free_spins": FREE_SPINS,
    "loyalty": LOYALTY,
    "players": PLAYERS,
    "risk": RISK,
}
MAKERS: Final[Mapping[type[e.Event], tuple[str, str, Callable[[Any, Told], Row]]]] = MappingProxyType(
    {kind: (family, kind.__name__, make) for family, table in _TABLES.items() for kind, make in table.items()}
)
"""By event: its family, its name, and what makes its row."""


def rows(transition: Transition) -> Iterator[tuple[str, Common, Row]]:
    """Family, common columns and row of each event."""
    beside = told(transition)
    player_id, version, time_ms = transition.player_id, transition.version, transition.time_ms
    day = time_ms // DAY_MS
    for n, event in enumerate(transition.events):
        family, name, make = MAKERS[type(event)]
        row = make(event, beside)
        common = (
            player_id,
            version,
            n,
            time_ms,
            day,
            name,
            beside.currency,
            beside.level,
            beside.real_after,
            beside.bonus_after,
        )
        yield family, common, row
        if type(event) is e.RoundReversed:
            for correction in corrected(event):
                yield "bonuses", common, correction
