"""Whether a player's points are about to expire: the engine knows, and is asked by its own API."""

from datetime import datetime

import msgspec

from feeds.notifications.asking.asked import Asked, NoAnswer


class PointsStanding(msgspec.Struct, frozen=True):
    """`points` that expire at `expires_ms` (Unix ms) if the player does not play before."""

    points: int
    expires_ms: int


class _Points(msgspec.Struct, frozen=True):
    available: int


class _Loyalty(msgspec.Struct, frozen=True):
    points: _Points
    points_expire_at: datetime | None = None


_decode = msgspec.json.Decoder(_Loyalty).decode


async def points_standing(engine: Asked, player_id: str) -> PointsStanding | None:
    """What the player has to lose, and when; None: nothing. Raises NoAnswer."""
    answer = await engine.about(player_id, "/loyalty/{id}")
    if answer is None:
        return None
    try:
        found = _decode(answer)
    except msgspec.DecodeError as problem:
        raise NoAnswer(f"the engine answers what can't be read: {problem}") from problem
    if found.points_expire_at is None or found.points.available <= 0:
        return None
    return PointsStanding(found.points.available, round(found.points_expire_at.timestamp() * 1_000))
