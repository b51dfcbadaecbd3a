"""What must hold of every player after every command (rules §2.6). A violation is a bug, never a caller's mistake."""

from engine.state import STORABLE_MAX, PlayerState


class InvariantViolation(Exception):
    """The rules broke their own promise; `invariant` names it. The player must not go on from this state."""

    def __init__(self, invariant: str, detail: str) -> None:
        super().__init__(f"{invariant}: {detail}")
        self.invariant = invariant


def check(state: PlayerState) -> None:
    """Raises InvariantViolation unless money, wagering and free spins are all within their bounds."""
    if not 0 <= state.reserved <= state.real:
        name = "real_not_negative" if state.real < 0 else "reserved_within_real"
        raise InvariantViolation(name, f"{state.player_id} has {state.real}, {state.reserved} of it reserved")
    if state.real > STORABLE_MAX:
        raise InvariantViolation("real_storable", f"{state.player_id} has {state.real}")
    if state.turnover_micro < 0:
        raise InvariantViolation("turnover_not_negative", f"{state.player_id} has {state.turnover_micro}")
    loyalty = state.loyalty
    if loyalty.available + loyalty.locked + loyalty.spent + loyalty.expired != loyalty.lifetime:
        raise InvariantViolation("points_add_up", f"{state.player_id} has {loyalty}")
    if loyalty.locked < 0 or loyalty.qualifying < 0:
        raise InvariantViolation("loyalty_not_negative", f"{state.player_id} has {loyalty}")
    if state.grants:
        _check_grants(state)
    for package in state.packages:
        if not 0 <= package.remaining <= package.count:
            raise InvariantViolation(
                "spins_within_count", f"{package.package_id} has {package.remaining} of {package.count}"
            )
        if package.won < 0 or (package.max_win is not None and package.won > package.max_win):
            raise InvariantViolation("free_spin_win_within_cap", f"{package.package_id} has won {package.won}")


def _check_grants(state: PlayerState) -> None:
    in_wager = 0
    for grant in state.grants:
        if grant.balance < 0:
            raise InvariantViolation("grant_not_negative", f"{grant.grant_id} has {grant.balance}")
        if not 0 <= grant.remaining_wager <= grant.wager_total:
            raise InvariantViolation(
                "wagering_within_total", f"{grant.grant_id} has {grant.remaining_wager} of {grant.wager_total}"
            )
        if grant.wager_total > STORABLE_MAX:
            raise InvariantViolation("wagering_storable", f"{grant.grant_id} has {grant.wager_total}")
        if grant.state == "in_wager":
            in_wager += 1
    if in_wager > 1:
        raise InvariantViolation("one_grant_in_wager", f"{state.player_id} has {in_wager}")
