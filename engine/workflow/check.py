"""Whether a workflow can work: known words, a way through for every grant, and money that neither vanishes nor stays.

The reasons are for the person who wrote the file. `check_transition` is about one transition, so that a loader can
name its line; `check_workflow` adds what only the whole shows.
"""

from collections.abc import Collection, Iterable

from engine.catalog import Workflow, WorkflowTransition
from engine.workflow import ACTIONS, END_STATES, EVENTS, GUARDS, LIVE_STATES

_EVENTS_OF = {
    "initiated": ("matched", "claimed", "approved", "declined", "lapsed", "settled", "cancelled"),
    "granted": ("settled", "cancelled", "released"),
    "in_wager": ("settled", "cancelled"),
}


def check_workflow(workflow: Workflow) -> list[str]:
    """Everything wrong with the workflow, each reason a sentence; empty if it can be used (rules §4)."""
    moves = workflow.transitions
    problems = [
        f"transition {number}: {reason}" for number, move in enumerate(moves, 1) for reason in check_transition(move)
    ]
    return problems or check_whole(moves)


def check_transition(move: WorkflowTransition) -> list[str]:
    """What is wrong with one transition by itself."""
    unknown = [
        *_unknown("state", (move.source, move.target), (*LIVE_STATES, *END_STATES)),
        *_unknown("event", (move.on,), EVENTS),
        *_unknown("guard", move.when, GUARDS),
        *_unknown("action", move.do, ACTIONS),
    ]
    if unknown:
        return unknown
    if move.source in END_STATES:
        return [f"`{move.source}` is an end: a bonus never leaves it"]
    return [*_misplaced(move), *_money(move), *_gate(move)]


def _unknown(what: str, words: Iterable[str], known: Collection[str]) -> list[str]:
    return [
        f"{word!r} is not a known {what}; use one of {', '.join(sorted(known))}" for word in words if word not in known
    ]


def _misplaced(move: WorkflowTransition) -> list[str]:
    """Events, guards and targets that make no sense where they stand."""
    problems = []
    if move.on not in _EVENTS_OF[move.source]:
        problems.append(f"`{move.on}` never happens to a bonus that is `{move.source}`")
    if move.target == "initiated":
        problems.append("nothing leads back to `initiated`: every bonus starts there")
    if move.source == move.target and move.source != "initiated":
        problems.append(f"it leads from `{move.source}` to itself: nothing would happen")
    if move.target == "declined" and move.source != "initiated":
        problems.append("only a bonus that was not granted yet can be declined; use `cancelled`")
    if move.on == "matched" and move.target in ("expired", "cancelled"):
        problems.append(f"a bonus that has just matched can't be {move.target}: use `declined`, or let it wait")
    if move.target == "completed" and move.source == "initiated":
        problems.append("a bonus can't be completed before it was granted")
    if "its_turn" in move.when and move.on != "settled":
        problems.append("the guard `its_turn` goes with `on: settled`: turns are given when nothing else happens")
    if move.target == "in_wager" and "its_turn" not in move.when:
        problems.append("the way into `in_wager` needs the guard `its_turn`: only one bonus is played at a time")
    if move.source == "in_wager" and move.target == "granted" and "hold" not in move.do:
        problems.append("the way from `in_wager` back to `granted` needs the action `hold`: else it turns in circles")
    return problems


def _money(move: WorkflowTransition) -> list[str]:
    """Money enters with `reserve`, and every end says what becomes of the rest."""
    problems = []
    enters = move.source == "initiated" and move.target in LIVE_STATES
    if enters != ("reserve" in move.do):
        problems.append(
            f"the way to `{move.target}` needs the action `reserve`: without it no money is given"
            if enters
            else "the action `reserve` goes with the way from `initiated` to `granted` or `in_wager`"
        )
    if "hold" in move.do and (move.source, move.target) != ("in_wager", "granted"):
        problems.append("the action `hold` goes with the way from `in_wager` to `granted`")
    elif "hold" in move.do and "wager_done" not in move.when:
        problems.append("the action `hold` needs the guard `wager_done`: with wagering left it would turn in circles")
    has_money = move.source != "initiated"
    if has_money and move.target == "completed" and not {"release", "played_out"} & {*move.do, *move.when}:
        problems.append("a bonus that is completed needs the action `release`, or the guard `played_out`")
    if has_money and move.target in ("expired", "cancelled") and "remove" not in move.do:
        problems.append(f"a bonus that is {move.target} needs the action `remove`: its money must go somewhere")
    if "release" in move.do and move.target != "completed":
        problems.append("the action `release` goes with the way to `completed`")
    if "remove" in move.do and (not has_money or move.target not in ("expired", "cancelled")):
        problems.append("the action `remove` goes with the way of a granted bonus to `expired` or `cancelled`")
    if has_money and move.target in END_STATES and "no_open_round" not in move.when:
        problems.append("a granted bonus ends only with the guard `no_open_round`: a round may have staked its money")
    return problems


def _gate(move: WorkflowTransition) -> list[str]:
    """Every bonus passes the gate before money is given (rules §7)."""
    if "reserve" not in move.do:
        return []
    return [
        f"money is given without the guard `{guard}`: every bonus must pass the limits and the fraud rules"
        for guard in ("limits_ok", "fraud_ok")
        if guard not in move.when
    ]


def check_whole(moves: tuple[WorkflowTransition, ...]) -> list[str]:
    """What only the whole workflow shows; its transitions are sound each by itself."""
    return [*_shadowed(moves), *_ways(moves), *_always_ends(moves), *_waits(moves)]


def _shadowed(moves: tuple[WorkflowTransition, ...]) -> list[str]:
    problems = []
    for number, move in enumerate(moves):
        for earlier, before in enumerate(moves[:number], 1):
            same = (before.source, before.on) == (move.source, move.on)
            if same and set(before.when) <= set(move.when):
                problems.append(f"transition {number + 1} is never taken: transition {earlier} always comes first")
                break
    return problems


def _ways(moves: tuple[WorkflowTransition, ...]) -> list[str]:
    """Unreachable states, dead ends, and whether the bonus can be completed."""
    reached = _closure({"initiated"}, [(move.source, move.target) for move in moves])
    mentioned = dict.fromkeys(move.source for move in moves)
    problems = [f"the state `{state}` is never reached" for state in mentioned if state not in reached]
    problems += [
        f"the state `{state}` is a dead end: no way leads on to {', '.join(END_STATES)}"
        for state in LIVE_STATES
        if state in reached and not _closure({state}, [(m.source, m.target) for m in moves]) & set(END_STATES)
    ]
    if "completed" not in reached:
        problems.append("the bonus can never be completed: no way leads to `completed`")
    return problems


def _closure(start: set[str], ways: list[tuple[str, str]]) -> set[str]:
    reached = set(start)
    for _ in ways:
        reached |= {target for source, target in ways if source in reached}
    return reached


def _always_ends(moves: tuple[WorkflowTransition, ...]) -> list[str]:
    """No bonus outlives its dates: each live state has a way out that waits for nothing else."""
    problems = []
    if not _has(moves, "initiated", "matched", "declined", {"refused"}):
        problems.append("a refused bonus goes nowhere: add `initiated` on `matched` when `refused` to `declined`")
    if not _has(moves, "initiated", "lapsed", None, set()):
        problems.append("a bonus nobody claims stays for ever: add `initiated` on `lapsed` to `expired`")
    used = {move.target for move in moves}
    problems += [
        f"an overdue bonus stays for ever: add `{state}` on `settled` when `overdue`, `no_open_round` to `expired`"
        for state in ("granted", "in_wager")
        if state in used and not _has(moves, state, "settled", None, {"overdue", "no_open_round"})
    ]
    return problems


def _has(moves: tuple[WorkflowTransition, ...], source: str, on: str, target: str | None, when: set[str]) -> bool:
    return any(
        (move.source, move.on) == (source, on)
        and move.target in (END_STATES if target is None else (target,))
        and set(move.when) <= when
        for move in moves
    )


def _waits(moves: tuple[WorkflowTransition, ...]) -> list[str]:
    """Notes claims, approvals and releases that the workflow waits for, but that can never come."""
    named = {guard for move in moves if move.source == "initiated" for guard in move.when}
    problems = []
    for guards, event, who in (
        (("opted_in", "player_claimed"), "claimed", "the player's claim"),
        (("approved", "operator_approved"), "approved", "an operator's approval"),
    ):
        asked = [guard for guard in guards if guard in named]
        if asked and not any(move.source == "initiated" and move.on in (event, "settled") for move in moves):
            problems.append(f"`{asked[0]}` waits for {who}, but nothing happens on `{event}`")
    holds = any("hold" in move.do for move in moves)
    if holds and not any(move.on == "released" for move in moves):
        problems.append("a held bonus can't be released: add `granted` on `released` when `held` to `completed`")
    return problems
