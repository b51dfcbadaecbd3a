"""All public events, by family: what can be told, subscribed to, and documented."""

from types import MappingProxyType, ModuleType
from typing import Final

from feeds.public.data import account, bets, bonus, loyalty, money
from feeds.public.data.base import PublicData
from feeds.public.event import Family

_MODULES: Final[dict[Family, ModuleType]] = {
    "account": account,
    "bets": bets,
    "bonus": bonus,
    "loyalty": loyalty,
    "money": money,
}


def _events_of(module: ModuleType) -> tuple[type[PublicData], ...]:
    return tuple(
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, PublicData) and item.__module__ == module.__name__
    )


EVENTS: Final = MappingProxyType({family: _events_of(module) for family, module in _MODULES.items()})
"""The structs of each family, in the order of their definition."""

FAMILIES: Final = MappingProxyType({kind.__name__: family for family, kinds in EVENTS.items() for kind in kinds})
"""The family of each type of event, by the event's name."""
