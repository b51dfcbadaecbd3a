"""The kinds of notices: the public events behind them, and what their texts may name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

import msgspec

from feeds.public.data import bonus, loyalty, money
from feeds.public.event import PublicEvent

Kind = Literal[
    "level_changed",
    "bonus_granted",
    "bonus_expiring",
    "bonus_redeemed",
    "points_expiring",
    "points_redeemed",
    "withdrawal_requested",
    "withdrawal_confirmed",
    "withdrawal_cancelled",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Basis = Literal["service", "marketing"]
"""`service`: the player needs to know it. `marketing`: only with consent, never to blocked or excluded players."""

Values = Mapping[str, str | int]
"""What a notice says, as the event tells it: money in minor units, times in Unix ms. `currency` may be left out."""

BASES: Final[Mapping[Kind, Basis]] = MappingProxyType(
    {
        "level_changed": "marketing",
        "bonus_granted": "marketing",
        "bonus_expiring": "marketing",
        "bonus_redeemed": "service",
        "points_expiring": "marketing",
        "points_redeemed": "service",
        "withdrawal_requested": "service",
        "withdrawal_confirmed": "service",
        "withdrawal_cancelled": "service",
    }
)
"""The category of each kind, unless the configuration names another."""

WORDS: Final[Mapping[Kind, frozenset[str]]] = MappingProxyType(
    {
        "level_changed": frozenset({"level", "old_level", "reason"}),
        "bonus_granted": frozenset({"campaign", "amount", "expires"}),
        "bonus_expiring": frozenset({"campaign", "amount", "expires"}),
        "bonus_redeemed": frozenset({"campaign", "amount"}),
        "points_expiring": frozenset({"points", "expires"}),
        "points_redeemed": frozenset({"points", "amount"}),
        "withdrawal_requested": frozenset({"amount"}),
        "withdrawal_confirmed": frozenset({"amount"}),
        "withdrawal_cancelled": frozenset({"amount"}),
    }
)
"""What the texts of a kind may name, beside `player_id` and `unsubscribe_url`."""

TIMED: Final[frozenset[Kind]] = frozenset({"bonus_expiring", "points_expiring"})
"""Sent some time before what they tell of."""


class Draft(msgspec.Struct, frozen=True):
    """What an event gives a reason to tell."""

    kind: Kind
    values: Values


_NO_NEWS: Final = frozenset({"reversal", "ladder_changed"})
"""Reasons of a level that the player has done nothing for: a rollback took turnover back, or levels were redefined."""


def _level(data: loyalty.LevelChanged) -> Draft | None:
    """A correction is not told as a new level."""
    if data.reason in _NO_NEWS:
        return None
    return Draft("level_changed", {"level": data.new, "old_level": data.old, "reason": data.reason})


def _granted(data: bonus.BonusGranted) -> Draft | None:
    """Winnings of free spins begin with nothing: there is nothing to tell yet."""
    if not data.amount:
        return None
    return Draft("bonus_granted", bonus_values(data))


def bonus_values(data: bonus.BonusGranted) -> Values:
    """What is told of a bonus, when it is granted and before it expires."""
    return {"campaign": data.campaign_id, "amount": data.amount, "expires": data.valid_to_ms}


def _redeemed(data: bonus.BonusRedeemed) -> Draft | None:
    return Draft("bonus_redeemed", {"campaign": data.campaign_id, "amount": data.released})


def _points(data: loyalty.PointsRedeemed) -> Draft | None:
    return Draft("points_redeemed", {"points": data.points, **_money(data.amount, data.currency)})


def _withdrawal(kind: Kind) -> Callable[[Any], Draft | None]:
    return lambda data: Draft(kind, _money(data.amount, data.currency))


def _money(amount: int, currency: str | None) -> dict[str, str | int]:
    return {"amount": amount} if currency is None else {"amount": amount, "currency": currency}


_DRAFTS: Final[dict[type, Callable[[Any], Draft | None]]] = {
    loyalty.LevelChanged: _level,
    loyalty.PointsRedeemed: _points,
    bonus.BonusGranted: _granted,
    bonus.BonusRedeemed: _redeemed,
    money.WithdrawalRequested: _withdrawal("withdrawal_requested"),
    money.WithdrawalConfirmed: _withdrawal("withdrawal_confirmed"),
    money.WithdrawalCancelled: _withdrawal("withdrawal_cancelled"),
}


def draft_of(event: PublicEvent) -> Draft | None:
    """What the event gives a reason to tell at once; None: nothing."""
    make = _DRAFTS.get(type(event.data))
    return None if make is None else make(event.data)
