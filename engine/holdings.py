"""Reads of what a player holds: wallets, grants, packages, and what an open round ties. Changes nothing."""

from engine.answers import Balance
from engine.state import FreeSpinPackage, Grant, PlayerState


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
            return grant if time_ms < grant.valid_to_ms else None
    return None


def balance(state: PlayerState, time_ms: int) -> Balance:
    """The player's wallets in minor units (rules §2.2). All real money is withdrawable."""
    bonus = usable = 0
    for grant in state.grants:
        bonus += grant.balance
        if grant.state == "in_wager" and time_ms < grant.valid_to_ms:
            usable = grant.balance
    return Balance(state.real, bonus, usable, state.real)


def spins_left(state: PlayerState, game_id: str, time_ms: int) -> int:
    """Free spins usable now on the game, over all packages (rules §5)."""
    total = 0
    for package in state.packages:
        if package.valid_from_ms <= time_ms < package.valid_to_ms and game_id in package.games:
            total += package.remaining
    return total


def in_play(state: PlayerState, package_id: str) -> bool:
    """Whether a round of the package is open."""
    return any(round_.package_id == package_id for round_ in state.rounds.values())


def tied(state: PlayerState, grant: Grant) -> bool:
    """Whether an open round keeps the grant from ending: it staked its money or reduced its wagering (rules §4)."""
    return any(round_.ties(grant.grant_id) for round_ in state.rounds.values())


def queue_place(grant: Grant) -> tuple[int, int]:
    """Sorts grants first in, first out: ids are `g<version>-<number>`, and versions grow with time (rules §4)."""
    version, _, number = grant.grant_id[1:].partition("-")
    return int(version), int(number)
