"""Applies the events of grants and packages: how they come, wait, end and return (rules §4, §5)."""

from bisect import insort
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from engine import events as e
from engine.calendar import DAY_MS
from engine.holdings import award_key, find_ended_grant, find_grant, find_package, queue_place
from engine.state import (
    BONUS_DAYS_MAX,
    ENDED_GRANTS_MAX,
    GRANTED_RESERVATIONS_MAX,
    LIVE_GRANT_STATES,
    AwardEnd,
    FreeSpinPackage,
    Grant,
    GrantState,
    Player,
    PlayerState,
)
from engine.state.window import id_digest


def _count_award(state: PlayerState, key: str, more: int = 1) -> None:
    state.awarded[key] = state.awarded.get(key, 0) + more


def _count_bonus(state: PlayerState, grant: Grant, sign: int) -> None:
    """Bonus money per UTC day: a grant counts from its creation on; it is taken off again if it is never granted
    (rules §7).
    """
    if not grant.bonus_micro_eur:
        return
    day = grant.created_ms // DAY_MS
    if sign < 0 and day not in state.bonus_days:
        return
    state.bonus_days[day] = state.bonus_days.get(day, 0) + sign * grant.bonus_micro_eur
    while len(state.bonus_days) > BONUS_DAYS_MAX:
        del state.bonus_days[min(state.bonus_days)]


def _grant_created(player: Player, event: e.GrantCreated, command_id: str, time_ms: int) -> None:
    state = player.state
    # The event is kept by others: the live grant must be a copy of it.
    grant = replace(event.grant)
    if grant.state in LIVE_GRANT_STATES:
        state.grants.append(grant)
    else:
        _bury(state, grant)
    if grant.package_id is not None and (package := find_package(state, grant.package_id)) is not None:
        package.winnings_grant_id = grant.grant_id
    if event.award and grant.state != "declined":
        _count_award(state, award_key(grant.campaign_id, grant.level))
        _count_bonus(state, grant, 1)
        if grant.state != "initiated":
            _reserved(state, grant.reservation)


def _reserved(state: PlayerState, reservation: str | None) -> None:
    """Notes that the award was granted: what the shared limits hold for it counts for good from now on."""
    if reservation is not None:
        state.granted_reservations.append(id_digest(reservation))
        del state.granted_reservations[:-GRANTED_RESERVATIONS_MAX]


def _claimed(player: Player, event: e.GrantClaimed, command_id: str, time_ms: int) -> None:
    if (grant := find_grant(player.state, event.grant_id)) is not None:
        grant.awaits_claim = False


def _approved(player: Player, event: e.GrantApproved, command_id: str, time_ms: int) -> None:
    if (grant := find_grant(player.state, event.grant_id)) is not None:
        grant.awaits_approval = False


def _declined(player: Player, event: e.GrantDeclined, command_id: str, time_ms: int) -> None:
    grant = _end(player.state, event.grant_id, "declined", time_ms, 0, 0)
    if grant is not None:
        grant.reasons = (*grant.reasons, event.reason)
        _uncount(player.state, grant)


def _uncount(state: PlayerState, grant: Grant) -> None:
    """A grant that ended before it was granted uses up no award of its campaign and no bonus money (rules §6, §7)."""
    _count_award(state, award_key(grant.campaign_id, grant.level), -1)
    _count_bonus(state, grant, -1)


def _bonus_granted(player: Player, event: e.BonusGranted, command_id: str, time_ms: int) -> None:
    """The queue is first in, first out by grant time, so the grant goes to its end (rules §4)."""
    state = player.state
    if (grant := find_grant(state, event.grant_id)) is None:
        return
    grant.state, grant.balance = "granted", event.amount
    grant.granted_ms, grant.valid_to_ms = time_ms, event.valid_to_ms
    grant.queued_version, grant.pending = event.queued_version, None
    _reserved(state, event.reservation)
    state.grants = [other for other in state.grants if other is not grant]
    state.grants.append(grant)


def _activated(player: Player, event: e.GrantActivated, command_id: str, time_ms: int) -> None:
    if (grant := find_grant(player.state, event.grant_id)) is not None:
        _return_to_queue(player.state, grant, "in_wager")


def _held(player: Player, event: e.GrantHeld, command_id: str, time_ms: int) -> None:
    if (grant := find_grant(player.state, event.grant_id)) is not None:
        grant.state, grant.held = "granted", event.reason


def _hold_lifted(player: Player, event: e.GrantHoldLifted, command_id: str, time_ms: int) -> None:
    if (grant := find_grant(player.state, event.grant_id)) is not None:
        grant.held = None
        _return_to_queue(player.state, grant, event.state)


def _return_to_queue(state: PlayerState, grant: Grant, place: GrantState) -> None:
    """One grant is in wager at a time: if the returning one is, a younger one goes back to waiting (rules §4)."""
    if place == "in_wager":
        for other in state.grants:
            if other.state == "in_wager":
                other.state = "granted"
    grant.state = place


def _recorded(player: Player, event: e.AnyEvent, command_id: str, time_ms: int) -> None:
    """Changes nothing: the event is there for the journal, and for those who read it."""


def _end(
    state: PlayerState, grant_id: str, ended: GrantState, time_ms: int, released: int, removed: int
) -> Grant | None:
    if (grant := find_grant(state, grant_id)) is None:
        return None
    state.grants = [other for other in state.grants if other is not grant]
    grant.state, grant.ended_ms = ended, time_ms
    grant.balance, grant.released, grant.removed = 0, released, removed
    grant.exhausted = ended == "completed" and released == removed == 0
    grant.frozen, grant.held, grant.pending = 0, None, None
    _bury(state, grant)
    return grant


def _bury(state: PlayerState, grant: Grant) -> None:
    state.ended_grants.append(grant)
    if len(state.ended_grants) > ENDED_GRANTS_MAX:
        del state.ended_grants[0]


def _part_ended(state: PlayerState, part: Grant | FreeSpinPackage | None, expired: bool = False) -> None:
    """Keeps how a part of an award of free spins alone has ended: by its date, paid out, or given up (rules §6).

    The award is forgotten as soon as no reversal can bring back any part of it.
    """
    if part is None or part.package_id is None or part.beside_bonus:
        return
    known = {grant.package_id for grant in (*state.grants, *state.ended_grants)}
    known.update(package.package_id for package in state.packages)
    ends = {package_id: end for package_id, end in state.award_ends.items() if package_id in known}
    end = ends.setdefault(part.package_id, AwardEnd(part.campaign_id))
    end.expired = end.expired or expired
    end.otherwise += 0 if expired else 1
    state.award_ends = ends


def _redeemed(player: Player, event: e.BonusRedeemed, command_id: str, time_ms: int) -> None:
    player.state.real += event.released
    grant = _end(player.state, event.grant_id, "completed", time_ms, event.released, event.removed)
    if event.released:
        _part_ended(player.state, grant)


def _exhausted(player: Player, event: e.GrantExhausted, command_id: str, time_ms: int) -> None:
    _end(player.state, event.grant_id, "completed", time_ms, 0, 0)


def _expired(player: Player, event: e.GrantExpired, command_id: str, time_ms: int) -> None:
    grant = _end(player.state, event.grant_id, "expired", time_ms, 0, event.removed)
    _part_ended(player.state, grant, expired=True)
    if grant is not None and event.never_granted:
        _uncount(player.state, grant)


def _cancelled(player: Player, event: e.GrantCancelled, command_id: str, time_ms: int) -> None:
    grant = _end(player.state, event.grant_id, "cancelled", time_ms, 0, event.removed)
    _part_ended(player.state, grant)
    if grant is not None and event.never_granted:
        _uncount(player.state, grant)


def _reopened(player: Player, event: e.GrantReopened, command_id: str, time_ms: int) -> None:
    state = player.state
    if (grant := find_ended_grant(state, event.grant_id)) is None:
        return
    state.real -= event.real
    state.ended_grants.remove(grant)
    if (grant.released or grant.state == "cancelled") and grant.package_id in state.award_ends:
        state.award_ends[grant.package_id].otherwise -= 1
    _return_to_queue(state, grant, event.state)
    grant.balance = event.balance
    grant.released = grant.removed = 0
    grant.exhausted, grant.ended_ms = False, None
    insort(state.grants, grant, key=queue_place)


def _free_spins_granted(player: Player, event: e.FreeSpinsGranted, command_id: str, time_ms: int) -> None:
    player.state.packages.append(replace(event.package))
    _reserved(player.state, event.reservation)
    if event.award:
        _count_award(player.state, award_key(event.package.campaign_id, event.package.level))


def _free_spins_gone(
    player: Player, event: e.FreeSpinsExpired | e.FreeSpinsCancelled, command_id: str, time_ms: int
) -> None:
    state = player.state
    gone = find_package(state, event.package_id)
    state.packages = [package for package in state.packages if package is not gone]
    _part_ended(state, gone, expired=type(event) is e.FreeSpinsExpired)


def _silence_noticed(player: Player, event: e.SilenceNoticed, command_id: str, time_ms: int) -> None:
    fired = {campaign_id: since for campaign_id, since in player.state.silence_fired.items() if since == event.since_ms}
    player.state.silence_fired = fired | {event.campaign_id: event.since_ms}


GRANTS: dict[type[e.Event], Callable[[Player, Any, str, int], None]] = {
    e.GrantCreated: _grant_created,
    e.GrantClaimed: _claimed,
    e.GrantApproved: _approved,
    e.GrantDeclined: _declined,
    e.BonusGranted: _bonus_granted,
    e.GrantActivated: _activated,
    e.GrantHeld: _held,
    e.GrantHoldLifted: _hold_lifted,
    e.GrantReleased: _recorded,
    e.PlayerNotified: _recorded,
    e.GrantMoved: _recorded,
    e.BonusRedeemed: _redeemed,
    e.GrantExhausted: _exhausted,
    e.GrantExpired: _expired,
    e.GrantCancelled: _cancelled,
    e.GrantReopened: _reopened,
    e.FreeSpinsGranted: _free_spins_granted,
    e.FreeSpinsExpired: _free_spins_gone,
    e.FreeSpinsCancelled: _free_spins_gone,
    e.SilenceNoticed: _silence_noticed,
}
