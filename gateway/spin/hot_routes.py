"""The routes of the hot path: for each its declaration, how its syntax is read, and how its answer is rendered."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from actors.outcome import Answered
from engine.commands import AddBet, CancelRound, CommandBody, Result, Rollback, Spin
from engine.queries import GetRound, QueryBody
from gateway.access.roles import GAME, SUPPORT, Role
from gateway.declaring import CONVERTED, Route
from gateway.documents.base import RollbackJson, SpinAnswer
from gateway.documents.requests import AddBetBody, CancelBody, HotBody, ResultBody, RollbackBody
from gateway.http.bodies import decoded
from gateway.http.duplicates import duplicate_check
from gateway.http.errors import FieldError, invalid, invalid_field
from gateway.spin import render
from gateway.spin.parameters import (
    PLAYER_PARAMETER,
    SPIN_PARAMETERS,
    amount,
    canonical_spin,
    chosen_mode,
    identifier,
    parse_query,
    reference,
)

Ask = tuple[str, CommandBody | QueryBody]
"""Which player is asked what."""

_SPIN_NAMES: Final = frozenset(parameter.name for parameter in SPIN_PARAMETERS)
_ROUND_NAMES: Final = frozenset({PLAYER_PARAMETER.name})
_NONE: Final[frozenset[str]] = frozenset()


NO_BET: Final = FieldError("bet", "is required in mode real")


def _read_spin(query: bytes, body: bytes, _session_id: str) -> Ask:
    _no_body(body)
    canonical = canonical_spin(query)
    if canonical is not None:
        player_id, game_id, mode, bet, win = canonical
        if mode == "freespin" or bet is not None:
            return player_id, Spin(game_id, mode, bet, win)
    return read_any_spin(query)


def read_any_spin(query: bytes) -> Ask:
    """A spin's query, canonical or not. Raises Refused."""
    given = parse_query(query, _SPIN_NAMES)
    wrong: list[FieldError] = []
    player_id = identifier(given, "player_id", wrong)
    spin = Spin(
        identifier(given, "game_id", wrong),
        chosen_mode(given, wrong),
        amount(given, "bet", 1, wrong),
        amount(given, "win", 0, wrong),
        reference(given, "round_id", wrong),
    )
    if given.get("mode") == "real" and "bet" not in given:
        wrong.append(NO_BET)
    if wrong:
        raise invalid(wrong)
    return player_id, spin


def _read_round(query: bytes, body: bytes, session_id: str) -> Ask:
    _no_body(body)
    wrong: list[FieldError] = []
    player_id = identifier(parse_query(query, _ROUND_NAMES), "player_id", wrong)
    if wrong:
        raise invalid(wrong)
    return player_id, GetRound(session_id)


def _no_body(body: bytes) -> None:
    if body:
        raise invalid_field("body", "must be empty: the parameters belong into the query")


def _reader(type_: type[HotBody], build: Callable[[Any, str], CommandBody]) -> Callable[[bytes, bytes, str], Ask]:
    decode = msgspec.json.Decoder(type_).decode
    refuse_duplicates = duplicate_check(type_.__struct_fields__)

    def read(query: bytes, body: bytes, session_id: str) -> Ask:
        parse_query(query, _NONE)
        parsed: Any = decoded(decode, body)
        refuse_duplicates(body)
        return parsed.player_id, build(parsed, session_id)

    return read


def build_rollback(body: Any, _session_id: str) -> Rollback:
    """The command of a parsed request, over HTTP or on a stream; so do the next three."""
    return Rollback(body.transaction_id)


def build_result(body: Any, session_id: str) -> Result:
    return Result(session_id, body.win, body.final, body.settles)


def build_bet(body: Any, session_id: str) -> AddBet:
    return AddBet(session_id, body.amount)


def build_cancel(_body: Any, session_id: str) -> CancelRound:
    return CancelRound(session_id)


Document = SpinAnswer | RollbackJson


def _render_round(outcome: Answered, player_id: str) -> Document:
    return render.spin(outcome.answer, player_id, outcome.replayed)  # type: ignore[arg-type]


def _render_rollback(outcome: Answered, player_id: str) -> Document:
    return render.rollback(outcome.answer, player_id, outcome.replayed)  # type: ignore[arg-type]


class HotRoute(NamedTuple):
    """A declared route, taken apart once. `read` checks the syntax, `render` makes the answer's document."""

    declared: Route
    method: str
    name: str
    roles: frozenset[Role]
    keyed: bool
    read: Callable[[bytes, bytes, str], Ask]
    render: Callable[[Answered, str], Document]


def _route(
    declared: Route,
    read: Callable[[bytes, bytes, str], Ask],
    render: Callable[[Answered, str], Document] = _render_round,
) -> HotRoute:
    return HotRoute(
        declared=declared,
        method=declared.method,
        name=declared.name,
        roles=declared.roles,
        keyed=declared.keyed,
        read=read,
        render=render,
    )


_STAKE: Final = (
    *CONVERTED,
    "game_blocked",
    "rolled_back",
    "bet_below_min",
    "bet_above_max",
    "bonus_max_bet",
    "insufficient_funds",
)
_ROUND: Final = ("session_not_found", "round_closed")

SPIN: Final = _route(
    Route(
        "POST /spin",
        "Opens a round; with `win`, bet and win are one step",
        roles=GAME,
        answer=SpinAnswer,
        refuses=(
            *_STAKE,
            "unknown_game",
            "round_open",
            "no_free_spins",
            "free_spin_game_mismatch",
            "free_spin_bet_mismatch",
        ),
        keyed=True,
        query=SPIN_PARAMETERS,
    ),
    _read_spin,
)
ROLLBACK: Final = _route(
    Route(
        "POST /spin/rollback",
        "Reverses the bet made with an Idempotency-Key",
        roles=GAME,
        answer=RollbackJson,
        refuses=("round_has_result", "win_already_spent", "not_a_bet"),
        keyed=True,
        body=RollbackBody,
    ),
    _reader(RollbackBody, build_rollback),
    _render_rollback,
)
ROUND: Final = _route(
    Route(
        "GET /spin/{session_id}",
        "One round",
        roles=GAME | SUPPORT,
        answer=SpinAnswer,
        refuses=("session_not_found",),
        query=(PLAYER_PARAMETER,),
    ),
    _read_round,
)
RESULT: Final = _route(
    Route(
        "POST /spin/{session_id}/result",
        "Credits a win, closes the round when final",
        roles=GAME,
        answer=SpinAnswer,
        refuses=(*_ROUND, "round_refunded", "not_a_bet", "rolled_back"),
        keyed=True,
        body=ResultBody,
    ),
    _reader(ResultBody, build_result),
)
BET: Final = _route(
    Route(
        "POST /spin/{session_id}/bet",
        "Adds a stake to an open round",
        roles=GAME,
        answer=SpinAnswer,
        refuses=(*_ROUND, *_STAKE),
        keyed=True,
        body=AddBetBody,
    ),
    _reader(AddBetBody, build_bet),
)
CANCEL: Final = _route(
    Route(
        "POST /spin/{session_id}/cancel",
        "Reverses an open round without a result",
        roles=GAME,
        answer=SpinAnswer,
        refuses=(*_ROUND, "round_has_result"),
        keyed=True,
        body=CancelBody,
    ),
    _reader(CancelBody, build_cancel),
)
STREAM_PATH: Final = "/spin/stream"
SINGLE: Final[dict[str, HotRoute | None]] = {"rollback": ROLLBACK, "stream": None}
"""What stands where else a session id does; the stream is no HTTP route."""
STEPS: Final = {"result": RESULT, "bet": BET, "cancel": CANCEL}
DECLARED: Final = tuple(route.declared for route in (SPIN, RESULT, BET, CANCEL, ROLLBACK, ROUND))


def find(path: str) -> tuple[HotRoute | None, str]:
    """The route of a path under `/spin` and the session id in it; None if there is no such route."""
    if path == "/spin":
        return SPIN, ""
    _, _, session_id, *step = path.split("/")
    if not step:
        return SINGLE.get(session_id, ROUND) if session_id else None, session_id
    return (STEPS.get(step[0]) if len(step) == 1 and session_id else None), session_id


def is_hot(path: str) -> bool:
    """Whether a path belongs to the hot path."""
    return path == "/spin" or path.startswith("/spin/")
