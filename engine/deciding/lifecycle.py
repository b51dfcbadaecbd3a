"""What is done to a grant by name: opt-in, verdicts of operators, release, giving up (rules §4)."""

from typing import Final

from msgspec.structs import replace

from engine.catalog import Catalog
from engine.commands import ApproveGrant, CancelGrant, ClaimGrant, Command, DeclineGrant, ReleaseGrant
from engine.deciding.declaring import decides
from engine.events import AnyEvent, FreeSpinsCancelled, GrantApproved, GrantClaimed, GrantReleased
from engine.expiry import is_over
from engine.holdings import find_ended_grant, find_grant, find_package
from engine.rejections import GRANT_NOT_FOUND, INVALID_STATE, ROUND_OPEN, Rejection
from engine.state import FreeSpinPackage, Grant, Player, PlayerState
from engine.transition import Decision
from engine.workflow import find_step
from engine.workflow.steps import carry_out

BY_PLAYER: Final = "cancelled"


@decides(ClaimGrant, while_blocked=False)
def claim(player: Player, catalog: Catalog, command: Command, body: ClaimGrant) -> Decision:
    """The player opts in. The gate ruled when the grant was created, and what it reserved is still held."""
    grant = _waiting(player.state, body.grant_id, command.time_ms)
    if isinstance(grant, Rejection):
        return grant
    if not grant.awaits_claim:
        return _invalid(grant.grant_id, "waits for an operator, not for a claim")
    claimed = GrantClaimed(grant.grant_id, grant.campaign_id)
    return [claimed, *_onward(player.state, replace(grant, awaits_claim=False), "claimed", command.time_ms)]


@decides(ApproveGrant, while_blocked=False)
def approve(player: Player, catalog: Catalog, command: Command, body: ApproveGrant) -> Decision:
    """An operator approves a grant that is under review or whose workflow asks for an approval."""
    grant = _waiting(player.state, body.grant_id, command.time_ms)
    if isinstance(grant, Rejection):
        return grant
    if not grant.awaits_approval:
        return _invalid(grant.grant_id, "does not wait for an operator's verdict")
    approved = GrantApproved(grant.grant_id, grant.campaign_id, body.reason)
    return [approved, *_onward(player.state, replace(grant, awaits_approval=False), "approved", command.time_ms)]


@decides(DeclineGrant)
def decline(player: Player, catalog: Catalog, command: Command, body: DeclineGrant) -> Decision:
    """An operator declines a grant: it ends before it was granted, and uses up no award of its campaign (rules §6)."""
    grant = _waiting(player.state, body.grant_id, command.time_ms)
    if isinstance(grant, Rejection):
        return grant
    events = _onward(player.state, grant, "declined", command.time_ms, body.reason)
    return events or _invalid(grant.grant_id, "can't be declined: its workflow has no way for that")


@decides(ReleaseGrant)
def release(player: Player, catalog: Catalog, command: Command, body: ReleaseGrant) -> Decision:
    """An operator completes a held grant, although its mean stake was too low."""
    state = player.state
    grant = _live(state, body.grant_id)
    if isinstance(grant, Rejection):
        return grant
    if grant.held is None:
        return _invalid(grant.grant_id, "is not held")
    if grant.frozen:
        return _invalid(grant.grant_id, "is frozen by a withdrawal: confirm or cancel that first")
    events = _onward(state, grant, "released", command.time_ms)
    if not events:
        return _open_round(state, grant) or _invalid(grant.grant_id, "can't be released: its workflow has no way")
    return [GrantReleased(grant.grant_id, grant.campaign_id, body.reason), *events]


@decides(CancelGrant)
def cancel(player: Player, catalog: Catalog, command: Command, body: CancelGrant) -> Decision:
    """Gives up a grant, or the unused spins of a package; `round_open` while a round has staked its money."""
    state = player.state
    reason = body.reason or BY_PLAYER
    package = find_package(state, body.grant_id)
    if package is not None:
        return _cancel_package(state, package, reason)
    grant = _live(state, body.grant_id)
    if isinstance(grant, Rejection):
        return grant
    events = _onward(state, grant, "cancelled", command.time_ms, reason)
    if events:
        return events
    return _open_round(state, grant) or _invalid(grant.grant_id, "can't be cancelled: its workflow has no way for that")


def _cancel_package(state: PlayerState, package: FreeSpinPackage, reason: str) -> Decision:
    for round_ in state.rounds.values():
        if round_.package_id == package.package_id:
            return _round_is_open(package.package_id, round_.session_id)
    if not package.remaining:
        return _invalid(package.package_id, "has no spins left")
    return [FreeSpinsCancelled(package.package_id, package.campaign_id, package.remaining, reason)]


def _onward(state: PlayerState, grant: Grant, on: str, time_ms: int, reason: str = "") -> list[AnyEvent]:
    move = find_step(state, grant, on, time_ms)
    return [] if move is None else carry_out(state, grant, move, time_ms, reason)


def _live(state: PlayerState, grant_id: str) -> Grant | Rejection:
    grant = find_grant(state, grant_id)
    if grant is not None:
        return grant
    ended = find_ended_grant(state, grant_id)
    if ended is not None:
        return _invalid(grant_id, f"is {ended.state} already")
    return Rejection(GRANT_NOT_FOUND, f"Player {state.player_id} has no bonus {grant_id}.")


def _waiting(state: PlayerState, grant_id: str, time_ms: int) -> Grant | Rejection:
    grant = _live(state, grant_id)
    if isinstance(grant, Rejection):
        return grant
    if grant.state != "initiated":
        return _invalid(grant_id, f"is {grant.state} already")
    if is_over(grant, time_ms):
        return _invalid(grant_id, "has lapsed")
    return grant


def _invalid(grant_id: str, why: str) -> Rejection:
    return Rejection(INVALID_STATE, f"Bonus {grant_id} {why}.")


def _open_round(state: PlayerState, grant: Grant) -> Rejection | None:
    for round_ in state.rounds.values():
        if round_.ties(grant.grant_id):
            return _round_is_open(grant.grant_id, round_.session_id)
    return None


def _round_is_open(what: str, session_id: str) -> Rejection:
    return Rejection(
        ROUND_OPEN, f"Round {session_id} has staked {what}: settle or cancel it first.", {"session_id": session_id}
    )
