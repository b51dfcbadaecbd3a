"""What queries show: read-only pictures of a player. Amounts in minor units, times in Unix ms."""

import msgspec

from engine.answers import AnyAnswer, Balance, RoundAnswer
from engine.state import Flagged, Grant, Withdrawal


class FreeSpinsView(msgspec.Struct, frozen=True, array_like=True):
    """A usable or coming package."""

    package_id: str
    campaign_id: str
    games: tuple[str, ...]
    free_spins_remaining: int
    free_spin_bet_amount: int
    valid_from_ms: int
    valid_to_ms: int
    frozen: bool = False
    """An open withdrawal would take it: not usable meanwhile (rules §9)."""


class PlayerView(msgspec.Struct, frozen=True, array_like=True, tag="player"):
    """Everything about the player (`GET /players/{id}`)."""

    player_id: str
    version: int
    currency: str
    country: str | None
    language: str | None
    segments: tuple[str, ...]
    blocked: bool
    balance: Balance
    grants: tuple[Grant, ...]
    free_spins: tuple[FreeSpinsView, ...]
    open_rounds: tuple[RoundAnswer, ...]
    withdrawals: tuple[Withdrawal, ...] = ()
    """Those that wait to be confirmed or cancelled."""
    flagged: tuple[Flagged, ...] = ()
    """Refused results and rollbacks that wait for an operator, oldest first."""


class RoundsView(msgspec.Struct, frozen=True, array_like=True, tag="rounds"):
    """Rounds, newest first."""

    rounds: tuple[RoundAnswer, ...]


class GrantsView(msgspec.Struct, frozen=True, array_like=True, tag="grants"):
    """Grants, newest first; `language` is the player's."""

    grants: tuple[Grant, ...]
    language: str | None = None


class CancelPreview(msgspec.Struct, frozen=True, array_like=True, tag="cancel_preview"):
    """Bonus money and free spins that would be removed, and the real money that stays."""

    removed_bonus: int
    removed_free_spins: int
    kept_real: int


AnyReply = AnyAnswer | PlayerView | RoundsView | GrantsView | CancelPreview
"""All that an accepted command or query can answer with."""
