"""The player's account: registration, profile, standing, sessions. No addresses, devices or claims of place."""

from feeds.public.data.base import PublicData


class PlayerRegistered(PublicData, frozen=True):
    """The player exists from now on. `exponent`: how many digits the currency's minor unit has behind the point.

    `level` is the lowest one; it is left out if there is no ladder.
    """

    currency: str
    segments: tuple[str, ...]
    country: str | None = None
    language: str | None = None
    level: str | None = None
    exponent: int | None = None


class PlayerUpdated(PublicData, frozen=True):
    """The whole profile after an update."""

    segments: tuple[str, ...]
    country: str | None = None
    language: str | None = None


class PlayerBlocked(PublicData, frozen=True):
    """The player can't bet any more."""

    reason: str


class PlayerUnblocked(PublicData, frozen=True):
    """The player can bet again."""

    reason: str


class PlayerErased(PublicData, frozen=True):
    """The player's personal data was erased for good: erase yours, too. Facts of the ledger stay."""


class SessionStarted(PublicData, frozen=True):
    """The player came in. `min_rtp_micro`: the return to player that the level asks of games, in millionths."""

    min_rtp_micro: int | None = None
