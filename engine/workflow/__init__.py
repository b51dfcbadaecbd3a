"""The path of a grant as data: the words a workflow may use, the standard workflow, and how a step is found (rules §4).

A workflow is a list of transitions, each `source --on--> target` with guards (`when`) and actions (`do`). Of those
with the same source and event the first whose guards all hold is taken. Every grant starts as `initiated`. The
tables below are the whole vocabulary; `catalog check` and the documentation list them.

Deciding and awarding take its `steps`, the player asks for `consequences`, and whoever reads workflows has them
checked by `check`.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from engine.catalog import Workflow, WorkflowTransition
from engine.expiry import is_over
from engine.holdings import find_package, in_play, tied
from engine.state import Grant, PlayerState

Guard = Callable[[PlayerState, Grant, int], bool]
Transitions = tuple[WorkflowTransition, ...]

LIVE_STATES: Final = ("initiated", "granted", "in_wager")
END_STATES: Final = ("completed", "expired", "cancelled", "declined")

EVENTS: Final = {
    "matched": "a trigger of the campaign matched and the gate has ruled; once, when the grant is created",
    "claimed": "the player has opted in",
    "approved": "an operator has approved it",
    "declined": "an operator has declined it",
    "lapsed": "claim_days, or the campaign's valid_to, passed before it was granted",
    "settled": "nothing else happened; this is looked at after every command of the player, and at due times",
    "cancelled": "the player or an operator gives it up",
    "released": "an operator releases it although it was held",
}
GUARDS: Final = {
    "refused": "a limit or a fraud rule refuses it: the opposite of limits_ok and fraud_ok together",
    "limits_ok": "no limit refuses it: budget, per IP, per device, bonus money per period",
    "fraud_ok": "no fraud rule denies it",
    "opted_in": "the player has claimed it, or its campaign does not ask for that",
    "player_claimed": "the player has claimed it; naming this guard makes the claim necessary for every campaign",
    "approved": "an operator has approved it, or no fraud rule asked for that",
    "operator_approved": "an operator has approved it; naming this guard makes the approval necessary for every grant",
    "within_window": "it has not lapsed yet",
    "its_turn": "no bonus is in wager, and none that waits was granted earlier",
    "wager_done": "nothing remains to be wagered, no free spins can add to it, and no withdrawal freezes it",
    "average_bet_ok": "the mean counted stake is at least min_average_bet, or none is asked for",
    "played_out": "its money is gone, nothing can refill it, and no withdrawal freezes it",
    "no_open_round": "no open round has staked its money, counted for it or voids it",
    "overdue": "its valid_to has passed",
    "void": "a bet that was over max_bet under the policy cancel still stands",
    "held": "it is set aside for an operator",
}
ACTIONS: Final = {
    "reserve": "puts the amount into the bonus wallet, and hands out the free spins that come with it",
    "release": "moves what is left to the real wallet, at most max_cashout",
    "remove": "takes away what is left",
    "hold": "sets it aside for an operator: it neither expires nor blocks the queue",
    "notify": "records PlayerNotified: a message to the player that the platform picks up",
    "emit": "records GrantMoved: from which state to which, for back-office tools",
}
WAITING: Final = frozenset({"wager_done", "played_out", "overdue", "void", "its_turn"})
"""Guards that can't hold for a grant with money, wagering and time left, while that grant or another is in wager."""


def _move(source: str, on: str, when: str, do: str, target: str) -> WorkflowTransition:
    return WorkflowTransition(source, on, tuple(when.split()), tuple(do.split()), target)


STANDARD: Final = Workflow(
    "standard",
    (
        _move("initiated", "matched", "refused", "", "declined"),
        _move("initiated", "matched", "limits_ok fraud_ok opted_in approved", "reserve", "granted"),
        _move("initiated", "claimed", "limits_ok fraud_ok opted_in approved within_window", "reserve", "granted"),
        _move("initiated", "approved", "limits_ok fraud_ok opted_in approved within_window", "reserve", "granted"),
        _move("initiated", "declined", "", "", "declined"),
        _move("initiated", "cancelled", "", "", "cancelled"),
        _move("initiated", "lapsed", "", "", "expired"),
        _move("granted", "settled", "void no_open_round", "remove", "cancelled"),
        _move("granted", "settled", "wager_done average_bet_ok no_open_round", "release", "completed"),
        _move("granted", "settled", "overdue no_open_round", "remove", "expired"),
        _move("granted", "settled", "played_out no_open_round", "", "completed"),
        _move("granted", "settled", "its_turn", "", "in_wager"),
        _move("granted", "released", "held no_open_round", "release", "completed"),
        _move("granted", "cancelled", "no_open_round", "remove", "cancelled"),
        _move("in_wager", "settled", "void no_open_round", "remove", "cancelled"),
        _move("in_wager", "settled", "wager_done average_bet_ok no_open_round", "release", "completed"),
        _move("in_wager", "settled", "wager_done played_out no_open_round", "", "completed"),
        _move("in_wager", "settled", "wager_done no_open_round", "hold", "granted"),
        _move("in_wager", "settled", "overdue no_open_round", "remove", "expired"),
        _move("in_wager", "settled", "played_out no_open_round", "", "completed"),
        _move("in_wager", "cancelled", "no_open_round", "remove", "cancelled"),
    ),
)
"""The path of rules §4. Grants that follow it carry no copy of it, so it must never change; another path needs another
name.
"""


def may_win_more(state: PlayerState, grant: Grant) -> bool:
    """Winnings of free spins: whether the package has spins left, or one of its rounds is open (rules §5)."""
    if grant.package_id is None:
        return False
    package = find_package(state, grant.package_id)
    return package is not None and (package.remaining > 0 or in_play(state, grant.package_id))


def average_bet_ok(grant: Grant) -> bool:
    """Whether the mean counted stake reaches `min_average_bet` minor units; with nothing counted it does (rules §4)."""
    asked = grant.terms.min_average_bet
    return asked is None or grant.counted_stakes >= asked * grant.counted_bets


LIMIT_REASONS: Final = frozenset(
    {"budget_exhausted", "per_ip", "per_device", "max_bonus_per_ip", "max_bonus_per_player", "too_many_grants"}
)
"""Reasons stored with a grant that come from limits; the others come from fraud rules (rules §6, §7)."""


def _limits_ok(state: PlayerState, grant: Grant, time_ms: int) -> bool:
    return LIMIT_REASONS.isdisjoint(grant.reasons)


def _refused(state: PlayerState, grant: Grant, time_ms: int) -> bool:
    return grant.verdict == "deny" or not LIMIT_REASONS.isdisjoint(grant.reasons)


def _claimed(state: PlayerState, grant: Grant, time_ms: int) -> bool:
    return not grant.awaits_claim


def _approved(state: PlayerState, grant: Grant, time_ms: int) -> bool:
    return not grant.awaits_approval


def _wager_done(state: PlayerState, grant: Grant, time_ms: int) -> bool:
    """A grant that a withdrawal may take away does not complete meanwhile (rules §9)."""
    return not grant.remaining_wager and not grant.frozen and not may_win_more(state, grant)


def _played_out(state: PlayerState, grant: Grant, time_ms: int) -> bool:
    return not grant.balance and not grant.frozen and not may_win_more(state, grant)


_GUARDS: Final[dict[str, Guard]] = {
    "refused": _refused,
    "limits_ok": _limits_ok,
    "fraud_ok": lambda state, grant, time_ms: grant.verdict != "deny",
    "opted_in": _claimed,
    "player_claimed": _claimed,
    "approved": _approved,
    "operator_approved": _approved,
    "within_window": lambda state, grant, time_ms: not is_over(grant, time_ms),
    "wager_done": _wager_done,
    "average_bet_ok": lambda state, grant, time_ms: average_bet_ok(grant),
    "played_out": _played_out,
    "no_open_round": lambda state, grant, time_ms: not tied(state, grant),
    "overdue": lambda state, grant, time_ms: is_over(grant, time_ms),
    "void": lambda state, grant, time_ms: grant.void_after_round,
    "held": lambda state, grant, time_ms: grant.held is not None,
}
"""`its_turn` is about the whole queue, so `consequences` decides it."""


class Step(NamedTuple):
    """A transition made ready: its guards as functions, `turn` if `its_turn` is among them."""

    guards: tuple[Guard, ...]
    turn: bool
    move: WorkflowTransition


class Path(NamedTuple):
    """A workflow made ready.

    `steps` by (source, event); `waits`: states where nothing follows by itself while a grant has money, wagering and
    time left; `names`: all guards of the transitions from `initiated`.
    """

    steps: dict[tuple[str, str], tuple[Step, ...]]
    waits: frozenset[str]
    names: frozenset[str]


def _prepare(transitions: Transitions) -> Path:
    steps: dict[tuple[str, str], tuple[Step, ...]] = {}
    for move in transitions:
        guards = tuple(_GUARDS[name] for name in move.when if name != "its_turn")
        found = steps.get((move.source, move.on), ())
        steps[move.source, move.on] = (*found, Step(guards, "its_turn" in move.when, move))
    restless = {move.source for move in transitions if move.on == "settled" and WAITING.isdisjoint(move.when)}
    names = frozenset(name for move in transitions if move.source == "initiated" for name in move.when)
    return Path(steps, frozenset(LIVE_STATES) - restless, names)


PATHS_MAX: Final = 4_096
_STANDARD_PATH: Final = _prepare(STANDARD.transitions)
_ready: dict[int, tuple[Transitions, Path]] = {}
_equal: dict[Transitions, Path] = {}


def path(transitions: Transitions) -> Path:
    """The workflow made ready; empty means STANDARD. A spin needs it, so it is remembered by the tuple's identity."""
    if not transitions:
        return _STANDARD_PATH
    known = _ready.get(id(transitions))
    return known[1] if known is not None else _remember(transitions)


def _remember(transitions: Transitions) -> Path:
    # Every snapshot brings another tuple, equal to those before: the cache is bounded, and equal ones share one path.
    if len(_ready) >= PATHS_MAX:
        _ready.clear()
    if len(_equal) >= PATHS_MAX:
        _equal.clear()
    found = _equal.get(transitions)
    if found is None:
        found = _equal[transitions] = _prepare(transitions)
    _ready[id(transitions)] = (transitions, found)
    return found


def copied(workflow: Workflow) -> Transitions:
    """What a new grant carries: the workflow's own tuple, shared by all its grants; empty for the standard path."""
    return () if workflow.transitions == STANDARD.transitions else workflow.transitions


def find_step(state: PlayerState, grant: Grant, on: str, time_ms: int, turn: bool = False) -> WorkflowTransition | None:
    """The transition the grant takes on the event `on` at `time_ms` (Unix ms); None if it stays. `turn`: `its_turn`."""
    for guards, needs_turn, move in path(grant.workflow).steps.get((grant.state, on), ()):
        if (turn or not needs_turn) and all(guard(state, grant, time_ms) for guard in guards):
            return move
    return None
