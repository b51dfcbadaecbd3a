"""One spin, whatever carries it: read, admit, ask the player, answer. The spin protocol, ASGI and the stream share it.

Order (rules §3): syntax → authentication → role → idempotency key → the player. Nothing here is awaited: the answer is
handed to whoever asked, at once or when the player has answered.
"""

import logging
from collections.abc import Callable
from time import perf_counter_ns

from msgspec.structs import replace

from actors.outcome import Answered, Outcome, Players
from engine.commands import CommandBody, Result, Rollback
from engine.queries import QueryBody
from gateway.access.admission import admit, command_id
from gateway.access.auth import Authenticator, Caller
from gateway.access.roles import PEOPLE
from gateway.documents.visible import visible
from gateway.http.errors import Refused, internal_error, refusal
from gateway.http.wire import Answer, HeaderMap, HttpRequest
from gateway.metrics import GatewayMetrics
from gateway.recording.operation import operation_of
from gateway.recording.recording import Recording
from gateway.settings import GatewaySettings
from gateway.spin.hot_routes import HotRoute

logger = logging.getLogger(__name__)

Respond = Callable[[Answer], None]
"""Called exactly once for a request, at once or later; must not raise."""


class SpinCore:
    """Serves requests to the hot routes, and counts them."""

    def __init__(
        self,
        players: Players,
        auth: Authenticator,
        metrics: GatewayMetrics,
        settings: GatewaySettings,
        recording: Recording,
    ) -> None:
        self._players = players
        self._auth = auth
        self._recording = recording
        self._in_flight_max = settings.in_flight_max
        self._in_flight = 0
        self.body_bytes_max = settings.body_bytes_max
        self.connections_max = settings.connections_max
        self.count = metrics.spin
        self.request = metrics.request

    def serve(self, route: HotRoute, session_id: str, request: HttpRequest, respond: Respond) -> None:
        """Serves one HTTP request to a known route; `session_id` is the one in its path, or empty."""
        started_ns = perf_counter_ns()
        try:
            player_id, body = route.read(request.query, request.body, session_id)
            caller = admit(self._auth, route.name, route.roles, request, started_ns)
            command = ""
            if route.keyed:
                command = command_id(caller, request.headers)
                body = of_caller(body, caller.id)
            elif caller.roles <= PEOPLE:
                respond = self._recorded(route, player_id, caller, request, respond)
        except Refused as refused:
            self.attempt(route.name, refused, request.headers)
            self.refuse(route.name, refused, respond, started_ns)
        except Exception:
            self.fail(route, respond, started_ns)
        else:
            self.ask(route, player_id, command, body, respond, started_ns)

    def attempt(self, route: str, refused: Refused, headers: HeaderMap) -> None:
        """Notes who was refused for want of proof or role. It takes no time that a caller could notice."""
        self._recording.attempt(refused, route, headers)

    def _recorded(
        self, route: HotRoute, player_id: str, caller: Caller, request: HttpRequest, respond: Respond
    ) -> Respond:
        """A person reads a round: the control log tells of it before the answer leaves."""
        operation = operation_of(route.declared, caller, request.headers)
        if operation is None:
            return respond
        operation.about(player_id=player_id)
        return self._recording.responding(operation, lambda answer: respond(_for_eyes_of(caller, answer)))

    def ask(
        self,
        route: HotRoute,
        player_id: str,
        command: str,
        body: CommandBody | QueryBody,
        respond: Respond,
        started_ns: int,
    ) -> None:
        """Asks the player; `command` is its id (empty for a query). For a request that has been read and admitted."""
        if self._in_flight >= self._in_flight_max:
            too_many = Refused("overloaded", "This gateway has as many spins under way as it may have.")
            self.refuse(route.name, too_many, respond, started_ns)
            return
        self._in_flight += 1
        exchange = _Exchange(self, route, player_id, respond, started_ns)
        try:
            self._players.submit(player_id, command, body, exchange.finish)
        except Exception:
            self._in_flight -= 1
            self.fail(route, respond, started_ns)

    def finish(self, exchange: "_Exchange", outcome: Outcome) -> None:
        """Answers with what the player said."""
        self._in_flight -= 1
        route, respond = exchange.route, exchange.respond
        try:
            if type(outcome) is Answered:
                answer, code = Answer(200, route.render(outcome, exchange.player_id)), "ok"
            else:
                answer, code = refusal(outcome), outcome.code  # type: ignore[arg-type, union-attr]
            respond(answer)
        except Exception:
            self.fail(route, respond, exchange.started_ns)
        else:
            self.count(route.name, code, perf_counter_ns() - exchange.started_ns)

    def refuse(self, route: str, refused: Refused, respond: Respond, started_ns: int) -> None:
        """Answers with a refusal of the gateway's own, and counts it."""
        respond(refused.answer())
        self.count(route, refused.code, perf_counter_ns() - started_ns)

    def fail(self, route: HotRoute, respond: Respond, started_ns: int) -> None:
        """Answers after a bug; to be called where its exception is caught."""
        logger.exception("%s failed", route.name)
        respond(internal_error())
        self.count(route.name, "internal_error", perf_counter_ns() - started_ns)


class _Exchange:
    """A request whose player has been asked."""

    __slots__ = ("core", "player_id", "respond", "route", "started_ns")

    def __init__(self, core: SpinCore, route: HotRoute, player_id: str, respond: Respond, started_ns: int) -> None:
        self.core, self.route, self.player_id = core, route, player_id
        self.respond, self.started_ns = respond, started_ns

    def finish(self, outcome: Outcome) -> None:
        self.core.finish(self, outcome)


def _for_eyes_of(caller: Caller, answer: Answer) -> Answer:
    return Answer(answer.status, visible(answer.document, caller.roles), answer.headers)


def of_caller(body: CommandBody | QueryBody, caller_id: str) -> CommandBody | QueryBody:
    """A command that names another by its Idempotency-Key means one of the same caller (rules §3)."""
    kind = type(body)
    if kind is Rollback:
        return Rollback(f"{caller_id}:{body.transaction_id}")  # type: ignore[union-attr]
    if kind is Result and body.settles is not None:  # type: ignore[union-attr]
        return replace(body, settles=f"{caller_id}:{body.settles}")  # type: ignore[union-attr]
    return body
