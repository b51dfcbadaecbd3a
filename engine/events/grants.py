"""Events of grants and free spin packages: how they come, wait, end and return (rules §4, §5).

As in `engine.events`, which offers them all: fields are only added at the end, with a default; tags never change.
"""

from engine.events.base import Event
from engine.state import FreeSpinPackage, Grant, GrantState


class GrantCreated(Event, tag="GrantCreated", frozen=True):
    """A new grant as it stands: `granted` with its balance already in the bonus wallet, `initiated` or `declined`.

    `award`: the grant counts as one award of its campaign to the player, unless it was declined.
    """

    grant: Grant
    award: bool = True


class GrantActivated(Event, tag="GrantActivated", frozen=True):
    """The head of the queue is now in wager. A younger grant that was in wager goes back to waiting (rules §9)."""

    grant_id: str


class BonusRedeemed(Event, tag="BonusRedeemed", frozen=True):
    """The grant completed with money: `released` went to the real wallet, `removed` was above `max_cashout`."""

    grant_id: str
    campaign_id: str
    released: int
    removed: int


class GrantExhausted(Event, tag="GrantExhausted", frozen=True):
    """The grant completed because its money was played down to nothing."""

    grant_id: str
    campaign_id: str


class GrantExpired(Event, tag="GrantExpired", frozen=True):
    """`never_granted`: it lapsed before it was granted. Then it uses up no award, and its `reservation` is returned."""

    grant_id: str
    campaign_id: str
    removed: int
    never_granted: bool = False
    reservation: str | None = None


class GrantCancelled(Event, tag="GrantCancelled", frozen=True):
    """`never_granted`: it was given up before it was granted.

    Then it uses up no award, and its `reservation` is returned.
    """

    grant_id: str
    campaign_id: str
    removed: int
    reason: str
    never_granted: bool = False
    reservation: str | None = None


class GrantReopened(Event, tag="GrantReopened", frozen=True):
    """A reversal undid the end of a grant. `real`, which had been released, goes back into the grant's `balance`.

    The grant returns to the queue in `state`; the reversal's own deltas follow in `RoundReversed`. `campaign_id` and
    `valid_to_ms` are the grant's own, for those who watch its end; events written before these fields lack them.
    """

    grant_id: str
    real: int
    balance: int
    state: GrantState
    campaign_id: str = ""
    valid_to_ms: int = 0


class FreeSpinsGranted(Event, tag="FreeSpinsGranted", frozen=True):
    """A new package. `award`: it counts as one award of its campaign; beside a grant of the same award it doesn't.

    `reservation`: the id under which the shared limits hold the award, if no grant names it.
    """

    package: FreeSpinPackage
    award: bool = True
    reservation: str | None = None


class FreeSpinsExpired(Event, tag="FreeSpinsExpired", frozen=True):
    """The package's unused spins are lost."""

    package_id: str
    unused: int


class FreeSpinsCancelled(Event, tag="FreeSpinsCancelled", frozen=True):
    """The package's unused spins are given up."""

    package_id: str
    campaign_id: str
    unused: int
    reason: str


class GrantClaimed(Event, tag="GrantClaimed", frozen=True):
    """The player has opted in."""

    grant_id: str
    campaign_id: str


class GrantApproved(Event, tag="GrantApproved", frozen=True):
    """An operator's verdict."""

    grant_id: str
    campaign_id: str
    reason: str


class GrantDeclined(Event, tag="GrantDeclined", frozen=True):
    """An initiated grant is declined: it uses up no award, and its `reservation` is returned."""

    grant_id: str
    campaign_id: str
    reason: str
    reservation: str | None = None


class BonusGranted(Event, tag="BonusGranted", frozen=True):
    """An initiated grant is granted: its amount is in the bonus wallet, and it joins the queue at its end."""

    grant_id: str
    campaign_id: str
    amount: int
    valid_to_ms: int
    queued_version: int
    reservation: str | None = None


class GrantHeld(Event, tag="GrantHeld", frozen=True):
    """The grant is wagered, but because of `reason` it is set aside for an operator (rules §4)."""

    grant_id: str
    campaign_id: str
    reason: str


class GrantHoldLifted(Event, tag="GrantHoldLifted", frozen=True):
    """A reversed bet took away the reason of the hold: the grant goes back into the queue, in `state`."""

    grant_id: str
    campaign_id: str
    state: GrantState = "granted"


class GrantReleased(Event, tag="GrantReleased", frozen=True):
    """An operator released a held grant; `BonusRedeemed` or `GrantExhausted` follows."""

    grant_id: str
    campaign_id: str
    reason: str


class PlayerNotified(Event, tag="PlayerNotified", frozen=True):
    """A workflow's `notify`: tell the player that the grant is now `state`."""

    grant_id: str
    campaign_id: str
    state: GrantState


class GrantMoved(Event, tag="GrantMoved", frozen=True):
    """A workflow's `emit`: the grant went from one state to another."""

    grant_id: str
    campaign_id: str
    source: GrantState
    target: GrantState


class SilenceNoticed(Event, tag="SilenceNoticed", frozen=True):
    """The player has been silent since `since_ms`, for longer than the campaign's days; once per silence (rules §6)."""

    campaign_id: str
    since_ms: int
