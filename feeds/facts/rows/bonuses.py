"""Family `bonuses`: how bonuses come, wait, end and return."""

from collections.abc import Callable
from typing import Any

from engine import events as e
from feeds.facts.rows.base import Instant, MicroEur, MinorUnits, Row
from feeds.facts.rows.told import Told


class BonusRow(Row):
    """The cost of a bonus is what it released: the sum of `released`, reopened and corrected bonuses included.

    A `RoundReversed` has a row here for each bonus whose wagering it changed. Its money stands in `bets`.
    """

    grant_id: str | None = None
    campaign_id: str | None = None
    """Of some events it is empty: the view `grants` names it by player and `grant_id`."""
    package_id: str | None = None
    """The free spins whose winnings the bonus holds."""
    deposit_id: str | None = None
    state: str | None = None
    """The state into which the bonus came."""
    source: str | None = None
    """What triggered it. `free_spins`: it holds winnings of free spins."""
    amount: MinorUnits = 0
    """What was awarded, whether it was granted or not; 0 where an event is about an older bonus."""
    amount_micro_eur: MicroEur = 0
    """The same in EUR, for the limits per period."""
    released: MinorUnits = 0
    """Money that went to the real wallet; negative if a reversal took it back."""
    removed: MinorUnits = 0
    """Money that was taken away at the end; negative if it came back."""
    wager: MinorUnits = 0
    """How much is to be wagered, at the award; of a reversal, by how much less is to be wagered, or more."""
    wagered: MinorUnits = 0
    """Only of a reversal: how much less is wagered now, as a negative number. Stakes that count stand in `bets`."""
    award: int = 0
    """Signed change of the campaign's awards to the player: 1 for an award that isn't declined, -1 if it lapsed before
    it was granted.
    """
    award_level: str | None = None
    """The level whose climbing triggered the award."""
    reasons: tuple[str, ...] = ()
    """Why it was declined, or waits for approval, or is held, or was cancelled; an operator's words."""
    verdict: str | None = None
    """What the fraud rules and limits said of the award: `allow`, `review` or `deny`."""
    never_granted: bool = False
    """It ended before it was granted."""
    awaits_claim: bool = False
    awaits_approval: bool = False
    valid_to: Instant | None = None
    redemption_id: str | None = None
    """The points that paid for it."""


def _created(event: e.GrantCreated, told: Told) -> BonusRow:
    grant = event.grant
    declined = grant.state == "declined"
    return BonusRow(
        bonus=0 if declined or grant.state == "initiated" else grant.balance,
        grant_id=grant.grant_id,
        campaign_id=grant.campaign_id,
        package_id=grant.package_id,
        deposit_id=grant.deposit_id,
        state=grant.state,
        source=grant.source,
        amount=grant.amount,
        amount_micro_eur=grant.bonus_micro_eur,
        wager=grant.wager_total,
        award=1 if event.award and not declined else 0,
        award_level=grant.level,
        reasons=grant.reasons,
        verdict=grant.verdict,
        awaits_claim=grant.awaits_claim,
        awaits_approval=grant.awaits_approval,
        valid_to=grant.valid_to_ms or None,
        redemption_id=grant.redemption_id,
    )


def _granted(event: e.BonusGranted, told: Told) -> BonusRow:
    return BonusRow(
        bonus=event.amount,
        grant_id=event.grant_id,
        campaign_id=event.campaign_id,
        state="granted",
        valid_to=event.valid_to_ms,
    )


def _redeemed(event: e.BonusRedeemed, told: Told) -> BonusRow:
    return BonusRow(
        real=event.released,
        bonus=-event.released - event.removed,
        grant_id=event.grant_id,
        campaign_id=event.campaign_id,
        state="completed",
        released=event.released,
        removed=event.removed,
    )


def _expired(event: e.GrantExpired, told: Told) -> BonusRow:
    return BonusRow(
        bonus=-event.removed,
        grant_id=event.grant_id,
        campaign_id=event.campaign_id,
        state="expired",
        removed=event.removed,
        award=-1 if event.never_granted else 0,
        never_granted=event.never_granted,
    )


def _cancelled(event: e.GrantCancelled, told: Told) -> BonusRow:
    return BonusRow(
        bonus=-event.removed,
        grant_id=event.grant_id,
        campaign_id=event.campaign_id,
        state="cancelled",
        removed=event.removed,
        award=-1 if event.never_granted else 0,
        reasons=(event.reason,),
        never_granted=event.never_granted,
    )


def _reopened(event: e.GrantReopened, told: Told) -> BonusRow:
    """What had been released or removed is in the bonus wallet again."""
    return BonusRow(
        real=-event.real,
        bonus=event.balance,
        grant_id=event.grant_id,
        state=event.state,
        released=-event.real,
        removed=event.real - event.balance,
    )


def _declined(event: e.GrantDeclined, told: Told) -> BonusRow:
    return BonusRow(
        grant_id=event.grant_id,
        campaign_id=event.campaign_id,
        state="declined",
        award=-1,
        reasons=(event.reason,),
        never_granted=True,
    )


def _moved(event: e.GrantMoved, told: Told) -> BonusRow:
    return BonusRow(grant_id=event.grant_id, campaign_id=event.campaign_id, state=event.target)


def _activated(event: e.GrantActivated, told: Told) -> BonusRow:
    return BonusRow(grant_id=event.grant_id, state="in_wager")


def _exhausted(event: e.GrantExhausted, told: Told) -> BonusRow:
    return BonusRow(grant_id=event.grant_id, campaign_id=event.campaign_id, state="completed")


def _with_reason(event: e.GrantApproved | e.GrantHeld | e.GrantReleased, told: Told) -> BonusRow:
    return BonusRow(grant_id=event.grant_id, campaign_id=event.campaign_id, reasons=(event.reason,))


def _in_state(event: e.GrantHoldLifted | e.PlayerNotified, told: Told) -> BonusRow:
    return BonusRow(grant_id=event.grant_id, campaign_id=event.campaign_id, state=event.state)


def _claimed(event: e.GrantClaimed, told: Told) -> BonusRow:
    return BonusRow(grant_id=event.grant_id, campaign_id=event.campaign_id)


def _silence(event: e.SilenceNoticed, told: Told) -> BonusRow:
    return BonusRow(campaign_id=event.campaign_id)


def corrected(event: e.RoundReversed) -> list[BonusRow]:
    """What a reversal changed of each bonus, beside the money that `bets` tells."""
    return [
        BonusRow(
            grant_id=delta.grant_id,
            released=delta.released,
            removed=delta.removed,
            wager=delta.wager_total,
            wagered=delta.wager_total - delta.remaining_wager + delta.wagered_beyond,
        )
        for delta in event.grants
    ]


BONUSES: dict[type[e.Event], Callable[[Any, Told], BonusRow]] = {
    e.GrantCreated: _created,
    e.BonusGranted: _granted,
    e.GrantActivated: _activated,
    e.BonusRedeemed: _redeemed,
    e.GrantExhausted: _exhausted,
    e.GrantExpired: _expired,
    e.GrantCancelled: _cancelled,
    e.GrantReopened: _reopened,
    e.GrantClaimed: _claimed,
    e.GrantApproved: _with_reason,
    e.GrantDeclined: _declined,
    e.GrantHeld: _with_reason,
    e.GrantHoldLifted: _in_state,
    e.GrantReleased: _with_reason,
    e.GrantMoved: _moved,
    e.PlayerNotified: _in_state,
    e.SilenceNoticed: _silence,
}
