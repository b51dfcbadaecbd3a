"""Nothing is half there: every command, event and query has all that `docs/how-to-add.md` asks for."""

import inspect
from typing import Any, get_args

import msgspec
import pytest

from engine import answering, answers, commands, events, queries
from engine import evolving as evolve
from engine.answering import queries as querying
from engine.answers import Answer, AnyAnswer
from engine.commands import BETS, Body, CommandBody, ReportBet
from engine.deciding import syntax
from engine.deciding.declaring import DECLARED
from engine.events.base import Event
from engine.rejections import Rejection
from tests.support.playing import Table

COMMANDS = get_args(CommandBody)
EVENTS = get_args(events.AnyEvent)
AMOUNTS = ("amount", "win", "bet", "points")
"""Fields of commands that only some numbers fit in."""


def defined(module: Any, base: type) -> set[type]:
    return {found for _, found in inspect.getmembers(module, inspect.isclass) if issubclass(found, base)} - {base}


def test_every_body_is_a_command() -> None:
    assert defined(commands, Body) == set(COMMANDS)


@pytest.mark.parametrize("kind", COMMANDS)
def test_every_command_has_its_decider_and_its_answer(kind: type) -> None:
    assert kind in DECLARED
    assert kind in answering._ANSWERS


def test_nothing_is_decided_or_answered_that_is_no_command() -> None:
    assert set(DECLARED) == set(answering._ANSWERS) == set(COMMANDS)


@pytest.mark.parametrize("kind", COMMANDS)
def test_every_command_has_its_place_in_the_order_of_refusals(kind: type) -> None:
    """Whoever asks for it: an unknown player is refused first, bets of a blocked one before all that follows."""
    if kind is commands.Register:
        return
    body = sample(kind)
    stranger = Table()
    stranger.player.state.currency = ""
    refusal = stranger.refused(body)
    assert refusal.code == "player_not_found"
    if kind in BETS:
        declared = DECLARED[kind]
        assert (declared.while_blocked, declared.converts, declared.moves_turnover) == (False, True, True)


@pytest.mark.parametrize("kind", [kind for kind in COMMANDS if set(AMOUNTS) & set(kind.__struct_fields__)])
def test_every_amount_a_caller_sends_is_bounded(kind: type) -> None:
    if kind is commands.FlagForOperator:
        return  # the shard's own
    for field in set(AMOUNTS) & set(kind.__struct_fields__):
        body = msgspec.structs.replace(sample(kind), **{field: 2**60})
        problem = syntax.problem(body)
        assert isinstance(problem, Rejection), (kind, field)
        assert problem.fields["errors"][0]["field"] == field


def sample(kind: type) -> Any:
    """The least that makes such a command."""
    if kind is ReportBet:
        return ReportBet(1, "slot")
    if kind is commands.Spin:
        return commands.Spin("book", "real", 1, 1)
    by_type: dict[Any, Any] = {int: 1, str: "x", bool: True}
    return kind(*(by_type[field.type] for field in msgspec.structs.fields(kind) if field.required))


def test_every_event_is_applied() -> None:
    assert set(EVENTS) == set(evolve._APPLY)
    assert defined(events, Event) == set(EVENTS)


def test_every_answer_can_be_read_back() -> None:
    """One that `AnyAnswer` does not name could be sent, but neither the gateway nor a snapshot could decode it."""
    assert defined(answers, Answer) == set(get_args(AnyAnswer))


def test_tags_are_unique() -> None:
    for kinds in (COMMANDS, EVENTS, get_args(AnyAnswer)):
        tags = [kind.__struct_config__.tag for kind in kinds]
        assert len(set(tags)) == len(tags)


def test_every_query_has_its_view() -> None:
    asked = set(get_args(queries.QueryBody))
    assert asked == set(querying._SHOWS) | set(querying._BY_CATALOG)
    assert not set(querying._SHOWS) & set(querying._BY_CATALOG)
