"""What queries show: read-only pictures of a player. Amounts in minor units, times in Unix ms."""

import msgspec

from engine.answers import AnyAnswer, Balance, Points, RoundAnswer
from engine.catalog import Privileges
from engine.state import Flagged, Grant, Redemption, Withdrawal


class FreeSpinsView(msgspec.Struct, frozen=True, array_like=True):
    """A package that is usable now or later."""

    package_id: str
    campaign_id: str
    games: tuple[str, ...]
    free_spins_remaining: int
    free_spin_bet_amount: int
    valid_from_ms: int
    valid_to_ms: int
    frozen: bool = False
    """An open withdrawal would take the package: it is not usable meanwhile (rules §9)."""


class NextLevel(msgspec.Struct, frozen=True, array_like=True):
    """The next rung, and the qualifying turnover that is missing, in micro-EUR."""

    level_id: str
    threshold_micro: int
    remaining_micro: int


class LoyaltyView(msgspec.Struct, frozen=True, array_like=True, tag="loyalty"):
    """`GET /loyalty/{player_id}` (rules §8). Turnover in micro-EUR, times in Unix ms.

    `points_expire_ms`: when the available points expire if the player stays away; None: there are none, or they never
    expire. `downgrade_at_risk`: the player would be moved down at some daily sweep of the next 30 days without further
    play.
    """

    player_id: str
    level: str
    points: Points
    cumulative_micro: int
    qualifying_micro: int
    rolling_micro: int
    next_level: NextLevel | None
    privileges: Privileges
    points_expire_ms: int | None
    level_since_ms: int
    downgrade_at_risk: bool
    forced: bool = False
    redemptions: tuple[Redemption, ...] = ()
    """Those that are locked."""


class RtpView(msgspec.Struct, frozen=True, array_like=True, tag="rtp"):
    """`min_rtp_micro` is None if the level asks for nothing or the flag `rtp_by_level` is off."""

    min_rtp_micro: int | None
    level: str
    flag: bool


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
    loyalty: LoyaltyView | None = None
    flagged: tuple[Flagged, ...] = ()
    """Refused results and rollbacks that wait for an operator, oldest first."""
    erased_ms: int | None = None


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


AnyReply = AnyAnswer | PlayerView | RoundsView | GrantsView | CancelPreview | LoyaltyView | RtpView
"""All that an accepted command or query can answer with."""
