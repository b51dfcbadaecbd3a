"""Family `players`: registration, profile, standing, sessions. No addresses, devices, countries or languages."""

from collections.abc import Callable
from typing import Any

from engine import events as e
from feeds.facts.rows.base import Row
from feeds.facts.rows.told import Told


class PlayerRow(Row):
    """Who a player is or where is in no fact: the archive seals it, and an erasure destroys its key."""

    exponent: int | None = None
    """Of a registration: how many digits the currency's minor unit has behind the point."""
    segments: tuple[str, ...] = ()
    """All segments of the player after the event."""
    reason: str | None = None
    """Why the player was blocked, or is no more."""
    min_rtp_micro: int | None = None
    """Of a session: the return to player that the level asks of games, in millionths."""
    name: str | None = None
    """Of an event of the platform's own."""


def _registered(event: e.PlayerRegistered, told: Told) -> PlayerRow:
    told.currency, told.level = event.currency, event.level or None
    return PlayerRow(exponent=event.exponent, segments=event.segments)


def _updated(event: e.PlayerUpdated, told: Told) -> PlayerRow:
    return PlayerRow(segments=event.segments)


def _with_reason(event: e.PlayerBlocked | e.PlayerUnblocked, told: Told) -> PlayerRow:
    return PlayerRow(reason=event.reason)


def _erased(event: e.PlayerErased, told: Told) -> PlayerRow:
    """The reason stays inside: it may tell of the person."""
    return PlayerRow()


def _session(event: e.SessionStarted, told: Told) -> PlayerRow:
    return PlayerRow(min_rtp_micro=event.min_rtp_micro)


def _custom(event: e.CustomEventPosted, told: Told) -> PlayerRow:
    return PlayerRow(name=event.name)


PLAYERS: dict[type[e.Event], Callable[[Any, Told], PlayerRow]] = {
    e.PlayerRegistered: _registered,
    e.PlayerUpdated: _updated,
    e.PlayerBlocked: _with_reason,
    e.PlayerUnblocked: _with_reason,
    e.PlayerErased: _erased,
    e.SessionStarted: _session,
    e.CustomEventPosted: _custom,
}
