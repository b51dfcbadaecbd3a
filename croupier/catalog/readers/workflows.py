"""`workflows/*.yaml`: the path of a grant as data, checked word by word and as a whole (rules §4).

The words and the checks are the engine's (`engine.workflow`, `engine.workflow.check`). This module adds the lines.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from croupier.catalog.places import Place, suggestion
from croupier.catalog.readers.values import distinct
from engine.catalog import Workflow, WorkflowTransition
from engine.identifiers import SLUG
from engine.workflow import ACTIONS, END_STATES, EVENTS, GUARDS, LIVE_STATES, STANDARD
from engine.workflow.check import check_transition, check_whole

WORKFLOW_ID: Final = re.compile(SLUG)
TRANSITIONS_MAX: Final = 200
WORKFLOW_FIELDS: Final = ("id", "transitions")
TRANSITION_FIELDS: Final = ("from", "on", "when", "do", "to")
STATES: Final = (*LIVE_STATES, *END_STATES)
_NUMBER: Final = re.compile(r"transition (\d+) ")
_STATE: Final = re.compile(rf"`({'|'.join(STATES)})`")


class _Move(NamedTuple):
    """A transition and its place; `sound`: all its words are known."""

    place: Place
    transition: WorkflowTransition
    sound: bool


def read_workflows(tops: Mapping[str, Place]) -> dict[str, Workflow]:
    """Workflows by id. `standard` is always among them: the built-in one, unless a file has that id."""
    found: dict[str, Workflow] = {}
    homes: dict[str, str] = {}
    for name, top in tops.items():
        named, workflow = _workflow(top)
        if workflow.workflow_id in found:
            named.problem(f"the id `{workflow.workflow_id}` is taken by {homes[workflow.workflow_id]}; choose another")
        elif workflow.workflow_id:
            found[workflow.workflow_id], homes[workflow.workflow_id] = workflow, name
    found.setdefault(STANDARD.workflow_id, STANDARD)
    return found


def _workflow(top: Place) -> tuple[Place, Workflow]:
    fields = top.section(WORKFLOW_FIELDS)
    named, listed = fields.need("id"), fields.need("transitions")
    moves = [_move(place) for place in listed.items()[:TRANSITIONS_MAX]]
    if len(listed.items()) > TRANSITIONS_MAX:
        listed.problem(f"there are {len(listed.items())} transitions; at most {TRANSITIONS_MAX} are allowed")
    elif listed.node is not None and all(move.sound for move in moves):
        _check(listed, moves)
    workflow_id = named.matching(WORKFLOW_ID, "an id: use a-z, 0-9, - and _, at most 64, a letter or digit first")
    return named, Workflow(workflow_id, tuple(move.transition for move in moves))


def _move(place: Place) -> _Move:
    noted = len(place.problems)
    fields = place.section(TRANSITION_FIELDS)
    transition = WorkflowTransition(
        source=_word(fields.need("from"), STATES, "state"),
        on=_word(fields.need("on"), tuple(EVENTS), "event"),
        when=_words(fields.get("when"), tuple(GUARDS), "guard"),
        do=_words(fields.get("do"), tuple(ACTIONS), "action"),
        target=_word(fields.need("to"), STATES, "state"),
    )
    return _Move(place, transition, len(place.problems) == noted)


def _words(place: Place | None, known: Collection[str], what: str) -> tuple[str, ...]:
    return distinct((item, _word(item, known, what)) for item in place.items()) if place else ()


def _word(place: Place, known: Collection[str], what: str) -> str:
    text = place.text()
    if text and text not in known:
        place.problem(
            f"`{text[:80]}` is not a known {what}{suggestion(text, tuple(known))}; use one of: {', '.join(known)}"
        )
        return ""
    return text


def _check(listed: Place, moves: list[_Move]) -> None:
    """Notes what is wrong with a transition, and what only the whole workflow shows, each at the line that it is most
    about.
    """
    wrong = [(move.place, reason) for move in moves for reason in check_transition(move.transition)]
    if not wrong:
        reasons = check_whole(tuple(move.transition for move in moves))
        wrong = [(_about(listed, moves, reason), reason) for reason in reasons]
    for place, reason in wrong:
        place.problem(reason)


def _about(listed: Place, moves: list[_Move], reason: str) -> Place:
    """The transition a reason names by number, or the first one from or to the state it names; else the list."""
    if numbered := _NUMBER.search(reason):
        return moves[int(numbered.group(1)) - 1].place
    for state in _STATE.findall(reason)[:1]:
        for move in moves:
            if state in (move.transition.source, move.transition.target):
                return move.place
    return listed
