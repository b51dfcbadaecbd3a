"""Registration, profile, standing, sessions."""

from collections.abc import Callable
from typing import Any

from engine import events as e
from feeds.public.data import account as p
from feeds.public.data.base import PublicData
from feeds.public.from_journal.told import Told


def _registered(event: e.PlayerRegistered, told: Told) -> PublicData:
    return p.PlayerRegistered(
        player_id=told.player_id,
        command_id=told.command_id,
        currency=event.currency,
        segments=event.segments,
        country=event.country,
        language=event.language,
        level=event.level or None,
        exponent=event.exponent,
    )


def _updated(event: e.PlayerUpdated, told: Told) -> PublicData:
    return p.PlayerUpdated(told.player_id, told.command_id, event.segments, event.country, event.language)


def _blocked(event: e.PlayerBlocked, told: Told) -> PublicData:
    return p.PlayerBlocked(told.player_id, told.command_id, event.reason)


def _unblocked(event: e.PlayerUnblocked, told: Told) -> PublicData:
    return p.PlayerUnblocked(told.player_id, told.command_id, event.reason)


def _erased(event: e.PlayerErased, told: Told) -> PublicData:
    """The reason stays inside: it may tell of the person."""
    return p.PlayerErased(told.player_id, told.command_id)


def _session_started(event: e.SessionStarted, told: Told) -> PublicData:
    """IP, device and countries stay inside."""
    return p.SessionStarted(told.player_id, told.command_id, event.min_rtp_micro)


ACCOUNT: dict[type[e.Event], Callable[[Any, Told], PublicData]] = {
    e.PlayerRegistered: _registered,
    e.PlayerUpdated: _updated,
    e.PlayerBlocked: _blocked,
    e.PlayerUnblocked: _unblocked,
    e.PlayerErased: _erased,
    e.SessionStarted: _session_started,
}
