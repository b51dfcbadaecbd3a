"""Bonuses and packages of free spins. Free spins that are used are told with the bets."""

from collections.abc import Callable
from typing import Any

from engine import events as e
from engine.state import Grant
from feeds.public.data import bonus as p
from feeds.public.data.base import PublicData
from feeds.public.from_journal.told import Told


def _created(event: e.GrantCreated, told: Told) -> PublicData:
    """A new grant is initiated, granted or declined."""
    grant = event.grant
    if grant.state == "initiated":
        return _initiated(grant, told)
    if grant.state == "declined":
        return p.BonusDeclined(
            told.player_id, told.command_id, grant.grant_id, grant.campaign_id, grant.reasons, grant.amount
        )
    return p.BonusGranted(
        player_id=told.player_id,
        command_id=told.command_id,
        grant_id=grant.grant_id,
        campaign_id=grant.campaign_id,
        amount=grant.amount,
        valid_to_ms=grant.valid_to_ms,
        source=grant.source,
        wager=grant.wager_total,
        deposit_id=grant.deposit_id,
        package_id=grant.package_id,
    )


def _initiated(grant: Grant, told: Told) -> PublicData:
    return p.BonusInitiated(
        player_id=told.player_id,
        command_id=told.command_id,
        grant_id=grant.grant_id,
        campaign_id=grant.campaign_id,
        amount=grant.amount,
        source=grant.source,
        awaits_claim=grant.awaits_claim,
        awaits_approval=grant.awaits_approval,
        valid_to_ms=grant.valid_to_ms,
        reasons=grant.reasons,
        deposit_id=grant.deposit_id,
    )


def _granted(event: e.BonusGranted, told: Told) -> PublicData:
    return p.BonusGranted(
        told.player_id, told.command_id, event.grant_id, event.campaign_id, event.amount, event.valid_to_ms
    )


def _declined(event: e.GrantDeclined, told: Told) -> PublicData:
    return p.BonusDeclined(told.player_id, told.command_id, event.grant_id, event.campaign_id, (event.reason,))


def _claimed(event: e.GrantClaimed, told: Told) -> PublicData:
    return p.BonusClaimed(told.player_id, told.command_id, event.grant_id, event.campaign_id)


def _approved(event: e.GrantApproved, told: Told) -> PublicData:
    return p.BonusApproved(told.player_id, told.command_id, event.grant_id, event.campaign_id, event.reason)


def _activated(event: e.GrantActivated, told: Told) -> PublicData:
    return p.BonusActivated(told.player_id, told.command_id, event.grant_id)


def _held(event: e.GrantHeld, told: Told) -> PublicData:
    return p.BonusHeld(told.player_id, told.command_id, event.grant_id, event.campaign_id, event.reason)


def _hold_lifted(event: e.GrantHoldLifted, told: Told) -> PublicData:
    return p.BonusHoldLifted(told.player_id, told.command_id, event.grant_id, event.campaign_id, event.state)


def _released(event: e.GrantReleased, told: Told) -> PublicData:
    return p.BonusReleased(told.player_id, told.command_id, event.grant_id, event.campaign_id, event.reason)


def _redeemed(event: e.BonusRedeemed, told: Told) -> PublicData:
    return p.BonusRedeemed(
        told.player_id, told.command_id, event.grant_id, event.campaign_id, event.released, event.removed
    )


def _exhausted(event: e.GrantExhausted, told: Told) -> PublicData:
    return p.BonusExhausted(told.player_id, told.command_id, event.grant_id, event.campaign_id)


def _expired(event: e.GrantExpired, told: Told) -> PublicData:
    return p.BonusExpired(
        told.player_id, told.command_id, event.grant_id, event.campaign_id, event.removed, event.never_granted
    )


def _cancelled(event: e.GrantCancelled, told: Told) -> PublicData:
    return p.BonusCancelled(
        player_id=told.player_id,
        command_id=told.command_id,
        grant_id=event.grant_id,
        campaign_id=event.campaign_id,
        removed=event.removed,
        reason=event.reason,
        never_granted=event.never_granted,
    )


def _reopened(event: e.GrantReopened, told: Told) -> PublicData:
    return p.BonusReopened(
        player_id=told.player_id,
        command_id=told.command_id,
        grant_id=event.grant_id,
        real=event.real,
        balance=event.balance,
        state=event.state,
        campaign_id=event.campaign_id or None,
        valid_to_ms=event.valid_to_ms or None,
    )


def _moved(event: e.GrantMoved, told: Told) -> PublicData:
    return p.BonusMoved(told.player_id, told.command_id, event.grant_id, event.campaign_id, event.source, event.target)


def _notified(event: e.PlayerNotified, told: Told) -> PublicData:
    return p.BonusNotified(told.player_id, told.command_id, event.grant_id, event.campaign_id, event.state)


def _spins_granted(event: e.FreeSpinsGranted, told: Told) -> PublicData:
    package = event.package
    return p.FreeSpinsGranted(
        player_id=told.player_id,
        command_id=told.command_id,
        package_id=package.package_id,
        campaign_id=package.campaign_id,
        count=package.count,
        bet=package.bet,
        games=package.games,
        valid_from_ms=package.valid_from_ms,
        valid_to_ms=package.valid_to_ms,
        max_win=package.max_win,
    )


def _spins_expired(event: e.FreeSpinsExpired, told: Told) -> PublicData:
    return p.FreeSpinsExpired(told.player_id, told.command_id, event.package_id, event.unused)


def _spins_cancelled(event: e.FreeSpinsCancelled, told: Told) -> PublicData:
    return p.FreeSpinsCancelled(
        told.player_id, told.command_id, event.package_id, event.campaign_id, event.unused, event.reason
    )


BONUS: dict[type[e.Event], Callable[[Any, Told], PublicData]] = {
    e.GrantCreated: _created,
    e.BonusGranted: _granted,
    e.GrantDeclined: _declined,
    e.GrantClaimed: _claimed,
    e.GrantApproved: _approved,
    e.GrantActivated: _activated,
    e.GrantHeld: _held,
    e.GrantHoldLifted: _hold_lifted,
    e.GrantReleased: _released,
    e.BonusRedeemed: _redeemed,
    e.GrantExhausted: _exhausted,
    e.GrantExpired: _expired,
    e.GrantCancelled: _cancelled,
    e.GrantReopened: _reopened,
    e.GrantMoved: _moved,
    e.PlayerNotified: _notified,
    e.FreeSpinsGranted: _spins_granted,
    e.FreeSpinsExpired: _spins_expired,
    e.FreeSpinsCancelled: _spins_cancelled,
}
