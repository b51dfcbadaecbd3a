"""The front door of the rules: execute one command, `replay` one recorded transition, answer a `query`.

A command may need facts beyond its player. `execute_or_ask` says which, or executes at once; `execute` takes a command
that has its facts.

Live state equals replayed state at every step: both are nothing but `evolve` over the same events.
"""

import msgspec

from engine.answering import answer
from engine.answering.queries import show
from engine.catalog import Catalog
from engine.commands import Command
from engine.deciding import decide
from engine.events import AnyEvent
from engine.evolving import evolve
from engine.facts import Needs
from engine.idempotency import content_digest, recall
from engine.queries import QueryBody
from engine.rejections import Rejection
from engine.state import Player
from engine.state.invariants import InvariantViolation, check
from engine.state.window import id_digest
from engine.transition import Transition
from engine.views import AnyReply
from engine.workflow.consequences import consequences

CONSEQUENCE_STEPS_MAX = 1_024
_ENCODER = msgspec.msgpack.Encoder()


class Replayed(msgspec.Struct, frozen=True, gc=False):
    """The command had been accepted before: its first answer, encoded, again. Nothing moved."""

    answer: bytes


Outcome = Transition | Replayed | Rejection


def execute(player: Player, catalog: Catalog, command: Command) -> Outcome:
    """Decides one command on the facts it has, and applies it; on a Transition `player` has changed, else it has not
    (rules §3).

    Raises InvariantViolation on a bug in the rules: the player must then be thrown away.
    """
    return _execute(player, catalog, command, True)  # type: ignore[return-value]  # who is informed asks nothing


def execute_or_ask(player: Player, catalog: Catalog, command: Command) -> Outcome | Needs:
    """As `execute`, unless the command needs facts: then these are named, and nothing has changed (rule 11).

    What it asks for follows from the very decision it made, so it names exactly the awards there will be. The command
    is to be given to `execute` with the facts that were found.
    """
    return _execute(player, catalog, command, False)


def is_known(player: Player, command: Command) -> bool:
    """Whether the command's id has been used: what it is answered then needs no new transition."""
    return recall(player, command, id_digest(command.id), content_digest(command.body)) is not None


def _execute(player: Player, catalog: Catalog, command: Command, informed: bool) -> Outcome | Needs:
    digest, content = id_digest(command.id), content_digest(command.body)
    known = recall(player, command, digest, content)
    if known is not None:
        return known if type(known) is Rejection else Replayed(known)
    decided = decide(player, catalog, command, informed)
    if type(decided) is Rejection or type(decided) is Needs:
        return decided
    return _apply(player, command, digest, content, decided)


def _apply(player: Player, command: Command, digest: int, content: bytes, decided: list[AnyEvent]) -> Transition:
    """Applies a command's events and all that follows; remembers its answer."""
    state = player.state
    player.window.real_ms = command.real_ms or command.time_ms
    round_ = state.rounds.get(getattr(command.body, "session_id", "")) if state.rounds else None
    for event in decided:
        evolve(player, event, command.id, command.time_ms)
    followed = _apply_consequences(player, command) if state.grants or state.packages else ()
    check(state)
    encoded = _ENCODER.encode(answer(state, command, decided, round_))
    transition = Transition(
        state.player_id,
        state.version + 1,
        max(state.time_ms, command.time_ms),
        command.id,
        content,
        (*decided, *followed),
        encoded,
        command.real_ms,
    )
    _record(player, transition, digest)
    return transition


def _apply_consequences(player: Player, command: Command) -> list[AnyEvent]:
    """Applies what follows by itself until nothing does."""
    followed: list[AnyEvent] = []
    for _ in range(CONSEQUENCE_STEPS_MAX):
        more = consequences(player.state, command.time_ms)
        if not more:
            return followed
        for event in more:
            evolve(player, event, command.id, command.time_ms)
        followed += more
    raise InvariantViolation("consequences_end", f"{player.state.player_id} still has consequences")


def _record(player: Player, transition: Transition, digest: int) -> None:
    state = player.state
    state.version, state.time_ms = transition.version, transition.time_ms
    accepted_ms = transition.real_ms or transition.time_ms
    player.window.remember(digest, transition.content, accepted_ms, transition.answer)


def replay(player: Player, transition: Transition) -> None:
    """Applies a recorded transition, the player's next; recovery does nothing else."""
    player.window.real_ms = transition.real_ms or transition.time_ms
    for event in transition.events:
        evolve(player, event, transition.command_id, transition.time_ms)
    _record(player, transition, id_digest(transition.command_id))


def query(player: Player, catalog: Catalog, body: QueryBody, time_ms: int) -> AnyReply | Rejection:
    """A read-only view as of `time_ms` (Unix ms); it may share the player's state, so encode it at once."""
    return show(player, catalog, body, time_ms)
