"""The hot path: `/spin*` as plain ASGI. What FastAPI would cost per request is more than everything here together.

Order (rules §3): syntax → authentication → role → idempotency key → the player. Nothing here is awaited but
the body, if there is one, and the player.
"""

import logging
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any, Final, NamedTuple

import msgspec

from actors.outcome import Answered, Players
from engine.commands import AddBet, CancelRound, CommandBody, Result, Rollback, Spin
from engine.queries import GetRound, QueryBody
from gateway import render
from gateway.admission import admit, command_id, decoded, json_body, single_headers
from gateway.auth import Authenticator
from gateway.declaring import CONVERTED, Route
from gateway.duplicates import duplicate_check
from gateway.errors import (
    FieldError,
    Refused,
    internal_error,
    invalid,
    invalid_field,
    method_not_allowed,
    refusal_reply,
)
from gateway.metrics import GatewayMetrics
from gateway.parameters import (
    PLAYER_PARAMETER,
    SESSION_ID,
    SPIN_PARAMETERS,
    amount,
    identifier,
    mode,
    parse_query,
    reference,
)
from gateway.requests import AddBetBody, CancelBody, HotBody, ResultBody, RollbackBody
from gateway.roles import GAME, SUPPORT, Role
from gateway.schemas import RollbackJson, SpinAnswer
from gateway.settings import GatewaySettings
from gateway.wire import JSON_HEADER, Receive, Reply, Scope, Send, send_reply

logger = logging.getLogger(__name__)

Ask = tuple[str, CommandBody | QueryBody]
"""Which player is asked what."""

_SPIN_NAMES: Final = frozenset(parameter.name for parameter in SPIN_PARAMETERS)
_ROUND_NAMES: Final = frozenset({PLAYER_PARAMETER.name})
_NONE: Final[frozenset[str]] = frozenset()
_encode = msgspec.json.Encoder().encode


def _read_spin(query: bytes, body: bytes, _session_id: str) -> Ask:
    _no_body(body)
    given = parse_query(query, _SPIN_NAMES)
    wrong: list[FieldError] = []
    player_id = identifier(given, "player_id", wrong)
    spin = Spin(
        identifier(given, "game_id", wrong),
        mode(given, wrong),
        amount(given, "bet", 1, wrong),
        amount(given, "win", 0, wrong),
        reference(given, "round_id", wrong),
    )
    if given.get("mode") == "real" and "bet" not in given:
        wrong.append(FieldError("bet", "is required in mode real"))
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


def _write_round(outcome: Answered, player_id: str) -> bytes:
    return _encode(render.spin(outcome.answer, player_id, outcome.replayed))  # type: ignore[arg-type]


def _write_rollback(outcome: Answered, player_id: str) -> bytes:
    return _encode(render.rollback(outcome.answer, player_id, outcome.replayed))  # type: ignore[arg-type]


class HotRoute(NamedTuple):
    """A declared route, taken apart once. `read` checks the syntax, `write` renders the answer."""

    declared: Route
    method: str
    name: str
    roles: frozenset[Role]
    keyed: bool
    read: Callable[[bytes, bytes, str], Ask]
    write: Callable[[Answered, str], bytes]


def _route(
    declared: Route,
    read: Callable[[bytes, bytes, str], Ask],
    write: Callable[[Answered, str], bytes] = _write_round,
) -> HotRoute:
    return HotRoute(declared, declared.method, declared.name, declared.roles, declared.keyed, read, write)


_STAKE: Final = (
    *CONVERTED,
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
    _reader(RollbackBody, lambda body, _: Rollback(body.transaction_id)),
    _write_rollback,
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
    _reader(ResultBody, lambda body, session_id: Result(session_id, body.win, body.final, body.settles)),
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
    _reader(AddBetBody, lambda body, session_id: AddBet(session_id, body.amount)),
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
    _reader(CancelBody, lambda _, session_id: CancelRound(session_id)),
)
STEPS: Final = {"result": RESULT, "bet": BET, "cancel": CANCEL}
DECLARED: Final = tuple(route.declared for route in (SPIN, RESULT, BET, CANCEL, ROLLBACK, ROUND))


def find(path: str) -> tuple[HotRoute | None, str]:
    """The route of a path under `/spin` and the session id in it; None if there is no such route."""
    if path == "/spin":
        return SPIN, ""
    _, _, session_id, *step = path.split("/")
    if not step:
        return (ROLLBACK if session_id == "rollback" else ROUND if session_id else None), session_id
    return (STEPS.get(step[0]) if len(step) == 1 and session_id else None), session_id


def is_hot(path: str) -> bool:
    """Whether a path belongs to the hot path."""
    return path == "/spin" or path.startswith("/spin/")


class HotPath:
    """The ASGI application behind `/spin*`."""

    def __init__(
        self, players: Players, auth: Authenticator, metrics: GatewayMetrics, settings: GatewaySettings
    ) -> None:
        self._players = players
        self._auth = auth
        self._metrics = metrics
        self._body_bytes_max = settings.body_bytes_max
        self._in_flight_max = settings.in_flight_max
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, whatever it is, and counts it."""
        started_ns = perf_counter_ns()
        route, session_id = find(scope["path"])
        name = route.name if route is not None else "unmatched"
        try:
            reply, code = await self._answer(route, session_id, scope, receive)
        except Refused as refused:
            reply, code = refused.reply(), refused.code
        except Exception:
            logger.exception("%s failed", name)
            reply, code = internal_error(), "internal_error"
        await send_reply(send, reply)
        self._metrics.spin(name, code, perf_counter_ns() - started_ns)

    async def _answer(
        self, route: HotRoute | None, session_id: str, scope: Scope, receive: Receive
    ) -> tuple[Reply, str]:
        if route is None:
            raise Refused("not_found", f"There is no route {scope['path'][:200]!a}.")
        if scope["method"] != route.method:
            raise method_not_allowed([route.method])
        if session_id and SESSION_ID.fullmatch(session_id) is None:
            raise invalid_field("session_id", "must be 1 to 128 of A-Z a-z 0-9 . _ : @ ~ -")
        headers = single_headers(scope["headers"])
        body = await json_body(headers, receive, self._body_bytes_max)
        player_id, ask = route.read(scope["query_string"], body, session_id)
        caller = admit(self._auth, route.name, route.roles, scope, headers, body)
        if not route.keyed:
            return await self._ask(route, player_id, "", ask)
        if type(ask) is Rollback:
            ask = Rollback(f"{caller.id}:{ask.transaction_id}")
        elif type(ask) is Result and ask.settles is not None:
            ask = msgspec.structs.replace(ask, settles=f"{caller.id}:{ask.settles}")
        return await self._ask(route, player_id, command_id(caller, headers), ask)

    async def _ask(
        self, route: HotRoute, player_id: str, command: str, ask: CommandBody | QueryBody
    ) -> tuple[Reply, str]:
        if self._in_flight >= self._in_flight_max:
            raise Refused("overloaded", "This gateway has as many spins under way as it may have.")
        self._in_flight += 1
        try:
            outcome = await self._players.ask(player_id, command, ask)
        finally:
            self._in_flight -= 1
        if isinstance(outcome, Answered):
            return Reply(200, route.write(outcome, player_id), [JSON_HEADER]), "ok"
        return refusal_reply(outcome), outcome.code
