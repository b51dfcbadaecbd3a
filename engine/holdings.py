"""Reads of what a player holds: wallets, grants, packages, and what an open round ties. Changes nothing."""

from engine.answers import Balance
from engine.expiry import is_over, is_running
from engine.facts import Signals
from engine.state import FreeSpinPackage, Grant, GrantState, OpenRound, PlayerState


def find_grant(state: PlayerState, grant_id: str) -> Grant | None:
    """The live grant with that id."""
    for grant in state.grants:
        if grant.grant_id == grant_id:
            return grant
    return None


def find_ended_grant(state: PlayerState, grant_id: str) -> Grant | None:
    """The ended grant with that id, while it is kept."""
    for grant in state.ended_grants:
        if grant.grant_id == grant_id:
            return grant
    return None


def find_package(state: PlayerState, package_id: str) -> FreeSpinPackage | None:
    """The package with that id; used up ones are kept for a while."""
    for package in state.packages:
        if package.package_id == package_id:
            return package
    return None


def stakeable_grant(state: PlayerState, time_ms: int) -> Grant | None:
    """The grant in wager, if bets may use it (rules §2.2).

    Past its `valid_to` it only waits for its open round: it can neither be staked nor make progress, so
    wagering that is done was done in time (rules §4).
    """
    for grant in state.grants:
        if grant.state == "in_wager":
            return None if is_over(grant, time_ms) else grant
    return None


def balance(state: PlayerState, time_ms: int) -> Balance:
    """The player's wallets in minor units (rules §2.2).

    Money that withdrawals reserve is still in `real` (rules §9).
    """
    bonus = usable = 0
    for grant in state.grants:
        bonus += grant.balance
        if grant.state == "in_wager" and not is_over(grant, time_ms):
            usable = grant.balance
    return Balance(state.real, bonus, usable, withdrawable(state))


def withdrawable(state: PlayerState) -> int:
    """Real money that no withdrawal has reserved: all that can be staked or withdrawn (rules §2.2, §9)."""
    return state.real - state.reserved


def spins_left(state: PlayerState, game_id: str, time_ms: int) -> int:
    """Free spins usable now on the game, over all packages (rules §5)."""
    total = 0
    for package in state.packages:
        if is_running(package, time_ms) and not package.frozen and game_id in package.games:
            total += package.remaining
    return total


def in_play(state: PlayerState, package_id: str) -> bool:
    """Whether a round of the package is open."""
    return any(round_.package_id == package_id for round_ in state.rounds.values())


def tied(state: PlayerState, grant: Grant) -> bool:
    """Whether an open round keeps the grant from ending: it staked the grant's money or reduced its wagering
    (rules §4).
    """
    return any(round_.ties(grant.grant_id) for round_ in state.rounds.values())


def counts_already(round_: OpenRound, grant: Grant) -> bool:
    """Whether a stake of the round counts for the grant, so that a further one belongs to the same mean (rules §4)."""
    if grant.terms.max_bet_counts == "stake":
        return False
    return any(bet.counted and bet.grant_id == grant.grant_id for bet in round_.bets)


def queue_place(grant: Grant) -> tuple[int, int]:
    """Sorts grants first in, first out by grant time (rules §4).

    Ids are `g<version>-<number>` of their creation, and versions grow with time. A grant that was granted after its
    creation has the later version in `queued_version`.
    """
    version, _, number = grant.grant_id[1:].partition("-")
    return grant.queued_version or int(version), int(number)


def in_queue(grant: Grant) -> bool:
    """Whether the grant is in wager or waits for its turn; initiated, held and frozen ones don't (rules §4)."""
    return grant.state != "initiated" and grant.held is None and not grant.frozen


def state_on_return(state: PlayerState, returning: Grant) -> GrantState:
    """In which state a grant comes back into the queue by a reversal (rules §2.5).

    At the head of the queue the grant is in wager again, and a younger one goes back to waiting. A frozen grant waits
    for its withdrawal.
    """
    if returning.frozen:
        return "granted"
    head = next(filter(in_queue, state.grants), None)
    return "granted" if head is not None and queue_place(head) < queue_place(returning) else "in_wager"


def award_key(campaign_id: str, climbed: str | None) -> str:
    """The key under which a player's awards are counted: per campaign, and for `level_up` also per level (rules §6)."""
    return campaign_id if climbed is None else f"{campaign_id}@{climbed}"


def latest(known: Signals, new: Signals) -> Signals:
    """The signals of `new`; those that it leaves out are taken from `known`."""
    return Signals(
        known.ip if new.ip is None else new.ip,
        known.device if new.device is None else new.device,
        known.payment_instrument if new.payment_instrument is None else new.payment_instrument,
        known.country if new.country is None else new.country,
    )
