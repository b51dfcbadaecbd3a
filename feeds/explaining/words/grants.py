"""Sentences about bonuses and free spins: how they come, wait, end and return."""

from collections.abc import Callable
from typing import Any, Final

from engine import events as e
from engine.state import Grant
from feeds.explaining import rules as r
from feeds.explaining.amounts import Purse, micro, moment, times
from feeds.explaining.line import Line

_SOURCES: Final = {
    "free_spins": "winnings of free spins",
    "cashback": "cashback",
    "redemption": "free play for points",
}
_STATES: Final = {
    "granted": "waits for its turn",
    "in_wager": "is in wager",
    "initiated": "waits for opt-in or approval",
    "completed": "is completed",
    "expired": "has expired",
    "cancelled": "is cancelled",
    "declined": "is declined",
}
_WHY: Final = {
    "over_max_bet": "a bet was over its limit",
    "withdrawal": "the player withdrew money",
    "workflow": "its path said so",
    "min_average_bet": "the mean of the stakes that counted was below the bonus's minimum",
}


def why(reason: str) -> str:
    """A reason in words; what an operator wrote is quoted."""
    return _WHY.get(reason) or (f"“{reason}”" if reason else "no reason was given")


def _created(event: e.GrantCreated, purse: Purse) -> Line:
    grant = event.grant
    named = (
        f"Bonus {grant.grant_id} of campaign {grant.campaign_id} "
        f"({_SOURCES.get(grant.source, f'trigger {grant.source}')})"
    )
    if grant.state == "declined":
        return Line(
            f"{named} was declined: {', '.join(grant.reasons) or 'no reason was noted'}.", (r.DECLINED, r.VERDICT)
        )
    if grant.state == "initiated":
        asked = [*(["the player's opt-in"] if grant.awaits_claim else [])]
        asked += ["an operator's approval"] if grant.awaits_approval else []
        text = (
            f"{named} over {purse.said(grant.amount)} waits for {' and '.join(asked) or 'its time'}, until "
            f"{moment(grant.valid_to_ms)}."
        )
        return Line(text, (r.STATES, r.INITIATED))
    if grant.source == "free_spins":
        return Line(f"{named} was opened for the wins of package {grant.package_id}.", (r.WINNINGS, r.TERMS_FROZEN))
    text = (
        f"{named}: {purse.said(grant.amount)} were added to bonus money, {_due(grant, purse)}. It is valid "
        f"until {moment(grant.valid_to_ms)}."
    )
    return Line(text, (r.DUE, r.VALID_TO, r.TERMS_FROZEN))


def _due(grant: Grant, purse: Purse) -> str:
    if not grant.wager_total:
        return "with nothing to be wagered"
    return f"{purse.said(grant.wager_total)} are to be wagered ({micro(grant.terms.multiplier_micro)} times)"


def _claimed(event: e.GrantClaimed, purse: Purse) -> Line:
    return Line(f"The player opted in to bonus {event.grant_id}.", (r.STATES, r.INITIATED))


def _approved(event: e.GrantApproved, purse: Purse) -> Line:
    return Line(f"An operator approved bonus {event.grant_id}: {why(event.reason)}.", (r.VERDICT, r.INITIATED))


def _declined(event: e.GrantDeclined, purse: Purse) -> Line:
    return Line(f"Bonus {event.grant_id} was declined: {why(event.reason)}.", (r.STATES, r.VERDICT))


def _granted(event: e.BonusGranted, purse: Purse) -> Line:
    text = (
        f"Bonus {event.grant_id} was granted: {purse.said(event.amount)} were added to bonus money. It is "
        f"valid until {moment(event.valid_to_ms)}."
    )
    return Line(text, (r.INITIATED, r.VALID_TO))


def _activated(event: e.GrantActivated, purse: Purse) -> Line:
    return Line(
        f"Bonus {event.grant_id} is now in wager: it can be staked, and bets count for it.", (r.QUEUE, r.IN_WAGER_ONLY)
    )


def _redeemed(event: e.BonusRedeemed, purse: Purse) -> Line:
    cut = f" {purse.said(event.removed)} above its highest payout were removed." if event.removed else ""
    text = f"Bonus {event.grant_id} is completed: {purse.said(event.released)} of it became real money.{cut}"
    return Line(text, (r.COMPLETES,))


def _exhausted(event: e.GrantExhausted, purse: Purse) -> Line:
    return Line(f"Bonus {event.grant_id} ended: its money was played down to nothing.", (r.COMPLETES,))


def _expired(event: e.GrantExpired, purse: Purse) -> Line:
    if event.never_granted:
        return Line(f"Bonus {event.grant_id} lapsed before it was granted.", (r.INITIATED,))
    return Line(
        f"Bonus {event.grant_id} reached its date: {purse.said(event.removed)} of bonus money were removed.",
        (r.VALID_TO,),
    )


def _cancelled(event: e.GrantCancelled, purse: Purse) -> Line:
    rules = {"over_max_bet": r.MAX_BET, "withdrawal": r.WITHDRAWN}
    text = (
        f"Bonus {event.grant_id} was cancelled ({why(event.reason)}): {purse.said(event.removed)} of bonus "
        "money were removed."
    )
    return Line(text, (rules.get(event.reason, r.GIVEN_UP),))


def _reopened(event: e.GrantReopened, purse: Purse) -> Line:
    text = (
        f"Bonus {event.grant_id} was opened again, because a bet was undone: it holds {purse.said(event.balance)} again"
    )
    taken = f", of which {purse.said(event.real)} came back from real money" if event.real else ""
    return Line(f"{text}{taken}. It {_STATES[event.state]}.", (r.REVERSAL,))


def _held(event: e.GrantHeld, purse: Purse) -> Line:
    return Line(
        f"The wagering of bonus {event.grant_id} is done, but it waits for an operator: {why(event.reason)}.",
        (r.AVERAGE_BET,),
    )


def _lifted(event: e.GrantHoldLifted, purse: Purse) -> Line:
    return Line(
        f"A bet was undone, so bonus {event.grant_id} no longer waits for an operator; it {_STATES[event.state]}.",
        (r.AVERAGE_BET,),
    )


def _released(event: e.GrantReleased, purse: Purse) -> Line:
    return Line(f"An operator released bonus {event.grant_id}: {why(event.reason)}.", (r.AVERAGE_BET,))


def _notified(event: e.PlayerNotified, purse: Purse) -> Line:
    return Line(f"The player is to be told that bonus {event.grant_id} {_STATES[event.state]}.", (r.WORKFLOW,))


def _moved(event: e.GrantMoved, purse: Purse) -> Line:
    text = f"For back-office tools: bonus {event.grant_id} went from {event.source} to {event.target}."
    return Line(text, (r.WORKFLOW,))


def _silence(event: e.SilenceNoticed, purse: Purse) -> Line:
    text = f"The player has been silent since {moment(event.since_ms)}, which triggers campaign {event.campaign_id}."
    return Line(text, (r.INACTIVE,))


def _spins(event: e.FreeSpinsGranted, purse: Purse) -> Line:
    package = event.package
    text = (
        f"Package {package.package_id} of campaign {package.campaign_id}: {times(package.count, 'free spin')} "
        f"at a stake of {purse.said(package.bet)} on {', '.join(package.games)}, until "
        f"{moment(package.valid_to_ms)}."
    )
    return Line(text, (r.PACKAGE,))


def _spins_expired(event: e.FreeSpinsExpired, purse: Purse) -> Line:
    return Line(
        f"Package {event.package_id} reached its date: {times(event.unused, 'free spin')} were lost.",
        (r.PACKAGE_EXPIRES,),
    )


def _spins_cancelled(event: e.FreeSpinsCancelled, purse: Purse) -> Line:
    rule = r.WITHDRAWN if event.reason == "withdrawal" else r.GIVEN_UP
    text = f"{times(event.unused, 'free spin')} of package {event.package_id} were given up: {why(event.reason)}."
    return Line(text, (rule,))


GRANTS: Final[dict[type[e.Event], Callable[[Any, Purse], Line]]] = {
    e.GrantCreated: _created,
    e.GrantClaimed: _claimed,
    e.GrantApproved: _approved,
    e.GrantDeclined: _declined,
    e.BonusGranted: _granted,
    e.GrantActivated: _activated,
    e.BonusRedeemed: _redeemed,
    e.GrantExhausted: _exhausted,
    e.GrantExpired: _expired,
    e.GrantCancelled: _cancelled,
    e.GrantReopened: _reopened,
    e.GrantHeld: _held,
    e.GrantHoldLifted: _lifted,
    e.GrantReleased: _released,
    e.PlayerNotified: _notified,
    e.GrantMoved: _moved,
    e.SilenceNoticed: _silence,
    e.FreeSpinsGranted: _spins,
    e.FreeSpinsExpired: _spins_expired,
    e.FreeSpinsCancelled: _spins_cancelled,
}
