"""Workflows as what they ask for: a few choices from which a wiring is generated and by which the ledger judges."""

from dataclasses import dataclass
from typing import Literal

from engine.catalog import Workflow, WorkflowTransition
from engine.workflow.check import check_workflow


@dataclass(frozen=True)
class Wiring:
    """`claim`, `approval`: necessary for every grant. `low_average`: what becomes of wagering done with stakes too low.

    `gives_up`: a granted one can be cancelled. `straight`: paid out at once, the state `in_wager` is left out.
    """

    claim: bool = False
    approval: bool = False
    low_average: Literal["hold", "release", "cancel"] = "hold"
    gives_up: bool = True
    straight: bool = False


STANDARD = Wiring()
"""The table of rules §4."""
APPROVAL = Wiring(claim=True, approval=True)
"""`catalog/workflows/approval.yaml`: opt-in and an operator's approval, in either order."""


def workflow(workflow_id: str, wiring: Wiring) -> Workflow:
    """The wiring as a workflow file would have it; it passes the check of `croupier catalog check`."""
    lines = [*_until_granted(wiring), *(_paid_at_once() if wiring.straight else _wagered(wiring))]
    found = Workflow(workflow_id, tuple(_transition(line) for line in lines))
    assert check_workflow(found) == []
    return found


def _transition(line: str) -> WorkflowTransition:
    """`source on target: guards / actions`."""
    way, _, rest = line.partition(":")
    source, on, target = way.split()
    guards, _, actions = rest.partition("/")
    return WorkflowTransition(source, on, tuple(guards.split()), tuple(actions.split()), target)


def _until_granted(wiring: Wiring) -> list[str]:
    asked = (
        f"{'player_claimed' if wiring.claim else 'opted_in'} {'operator_approved' if wiring.approval else 'approved'}"
    )
    return [
        "initiated matched declined: refused / notify",
        f"initiated matched granted: limits_ok fraud_ok {asked} / reserve emit",
        f"initiated claimed granted: limits_ok fraud_ok {asked} within_window / reserve notify",
        f"initiated approved granted: limits_ok fraud_ok {asked} within_window / reserve notify emit",
        "initiated declined declined: / notify",
        "initiated cancelled cancelled:",
        "initiated lapsed expired: / emit",
    ]


def _paid_at_once() -> list[str]:
    return ["granted settled completed: no_open_round / release emit"]


def _wagered(wiring: Wiring) -> list[str]:
    low = {
        "hold": ["in_wager settled granted: wager_done no_open_round / hold"],
        "release": ["in_wager settled completed: wager_done no_open_round / release"],
        "cancel": ["in_wager settled cancelled: wager_done no_open_round / remove"],
    }
    lines = ["granted settled in_wager: its_turn / emit"]
    for state in ("granted", "in_wager"):
        lines += [
            f"{state} settled cancelled: void no_open_round / remove",
            f"{state} settled completed: wager_done average_bet_ok no_open_round / release notify",
            *(["in_wager settled completed: wager_done played_out no_open_round"] if state == "in_wager" else []),
            *(low[wiring.low_average] if state == "in_wager" else []),
            f"{state} settled expired: overdue no_open_round / remove",
            f"{state} settled completed: played_out no_open_round /",
            *([f"{state} cancelled cancelled: no_open_round / remove"] if wiring.gives_up else []),
        ]
    if wiring.low_average == "hold":
        lines.append("granted released completed: held no_open_round / release")
    return lines
