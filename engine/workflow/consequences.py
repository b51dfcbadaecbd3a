"""What follows from a state by itself: grants go on along their workflows, packages expire (rules §4, §5)."""

from engine.catalog import WorkflowTransition
from engine.events import AnyEvent, FreeSpinsExpired, GrantHoldLifted
from engine.expiry import is_over
from engine.holdings import in_play, state_on_return
from engine.state import Grant, PlayerState
from engine.workflow import average_bet_ok, find_step, path
from engine.workflow.steps import LOW_AVERAGE, carry_out


def consequences(state: PlayerState, time_ms: int) -> list[AnyEvent]:
    """The events that follow at `time_ms`; apply them and ask again until there are none (rules §4, §5)."""
    events: list[AnyEvent] = []
    for package in state.packages:
        if package.remaining and is_over(package, time_ms) and not in_play(state, package.package_id):
            events.append(FreeSpinsExpired(package.package_id, package.remaining))
    # A package that is over frees its winnings first: wagering that is done then completes, even at the same instant.
    if events or not state.grants:
        return events
    active = False
    waiting: list[Grant] = []
    for grant in state.grants:
        followed = _by_itself(state, grant, time_ms)
        if followed:
            events += followed
            active = active or type(followed[0]) is GrantHoldLifted  # it may be in wager: whose turn it is comes next
        elif grant.state == "in_wager":
            active = True
        elif grant.held is None and not grant.frozen:
            waiting.append(grant)
    return events if active else events + _next_turn(state, waiting, time_ms)


def _by_itself(state: PlayerState, grant: Grant, time_ms: int) -> list[AnyEvent] | None:
    """The events of one grant, apart from its turn in the queue. None if it has money, wagering and time left."""
    if (
        grant.remaining_wager
        and grant.balance
        and not is_over(grant, time_ms)
        and not grant.void_after_round
        and grant.held is None
        and (not grant.workflow or grant.state in path(grant.workflow).waits)
    ):
        return None
    if grant.held is not None:
        return _lifted(state, grant)
    lapsed = grant.state == "initiated" and is_over(grant, time_ms)
    return _moved(state, grant, find_step(state, grant, "lapsed" if lapsed else "settled", time_ms), time_ms)


def _moved(state: PlayerState, grant: Grant, move: WorkflowTransition | None, time_ms: int) -> list[AnyEvent] | None:
    return None if move is None else carry_out(state, grant, move, time_ms)


def _lifted(state: PlayerState, grant: Grant) -> list[AnyEvent] | None:
    """A reversed bet may take away what a hold rests on: the wagering, or the low average (rules §2.5, §4)."""
    if grant.remaining_wager or (grant.held == LOW_AVERAGE and average_bet_ok(grant)):
        return [GrantHoldLifted(grant.grant_id, grant.campaign_id, state_on_return(state, grant))]
    return None


def _next_turn(state: PlayerState, waiting: list[Grant], time_ms: int) -> list[AnyEvent]:
    """No grant is in wager: the first that waits for its turn gets it."""
    for grant in waiting:
        move = find_step(state, grant, "settled", time_ms, turn=True)
        if move is not None:
            return carry_out(state, grant, move, time_ms)
    return []
