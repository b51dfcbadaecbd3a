"""What a FastAPI route needs to get from a validated request to a player's answer."""

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends, Path, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from actors.outcome import Answered, Outcome, Players, ask
from engine.commands import CommandBody, RollbackReportedBet
from engine.queries import QueryBody
from engine.state.invariants import InvariantViolation
from gateway.access.admission import admit, command_id
from gateway.access.auth import Authenticator, Caller
from gateway.declaring import Route, RouteTable
from gateway.documents.base import Json, ReadJson
from gateway.documents.requests import IDENTIFIER
from gateway.documents.values import mark_stale
from gateway.documents.visible import visible
from gateway.four_eyes.approvals import Approvals, Waiting
from gateway.http.errors import FieldError, RefusedByPlayer, invalid
from gateway.http.wire import HeaderMap, HttpRequest, sent_method, target
from gateway.live_operations import OperationsPort
from gateway.ports import (
    ClusterPort,
    ControlLogPort,
    ControlPort,
    HistoryPort,
    ReadersPort,
    ReportsPort,
    SnapshotsPort,
    SwitchesPort,
)
from gateway.recording.changes import change, subject_of
from gateway.recording.changes import wanted as wanted_by
from gateway.recording.operation import Operation, operation_of
from gateway.recording.recording import Recording
from gateway.routes.player_reads import PlayerReads
from gateway.routes.request_guard import RECEIVED, ReceivedRequest
from gateway.texts.wanted import LANGUAGE, wanted

PlayerId = Annotated[str, Path(pattern=IDENTIFIER)]
Lang = Annotated[str | None, Query(pattern=LANGUAGE, description="Of the texts; else Accept-Language, else English")]

NO_EVENTS: Final = b"{}"
"""The document of a gateway that was told of no events."""


class GatewayParts:
    """What all requests share: the routes, the players, who may call, the cluster, its control, what leaves it."""

    def __init__(
        self,
        routes: RouteTable,
        players: Players,
        auth: Authenticator,
        cluster: ClusterPort,
        control: ControlPort,
        recording: Recording,
        approvals: Approvals,
        control_log: ControlLogPort,
        switches: SwitchesPort,
        events: bytes = NO_EVENTS,
        readers: ReadersPort | None = None,
        reports: ReportsPort | None = None,
        history: HistoryPort | None = None,
        operations: OperationsPort | None = None,
        snapshots: SnapshotsPort | None = None,
    ) -> None:
        self.routes = routes
        self.players = players
        self.auth = auth
        self.cluster = cluster
        self.control = control
        self.recording = recording
        self.approvals = approvals
        self.control_log = control_log
        self.switches = switches
        self.events = events
        self.readers = readers
        self.reports = reports
        self.history = history
        self.operations = operations
        self.reads = PlayerReads(players, snapshots)


class Call:
    """One request to a route. FastAPI has checked its syntax by now; role and key are checked here (rules §3)."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._received: ReceivedRequest = request.scope[RECEIVED]
        self.parts: GatewayParts = request.app.state.parts
        self.proposal: Waiting | None = None
        """What a second person approved, if this is carried out because of it."""

    @property
    def headers(self) -> HeaderMap:
        """As sent, names in lower case."""
        return self._received.headers

    @property
    def body(self) -> bytes:
        """As sent."""
        return self._received.body

    def language(self, chosen: str | None, of_player: str | None = None) -> str:
        """The language of texts: as chosen, else as the browser accepts, else the player's, else English."""
        return self.parts.control.texts().choose(wanted(chosen, self.headers.get(b"accept-language", b""), of_player))

    def query_items(self) -> Sequence[tuple[str, str]]:
        """All parameters behind the question mark, as sent."""
        return self._request.query_params.multi_items()

    def admit(self, others: Collection[str] = ()) -> Caller:
        """Refuses unknown parameters, unproved callers and roles the route is not for. Raises Refused.

        `others` are parameters that are known beside those in the handler's signature.
        """
        self.demand_parameters(others)
        route, scope = self.route, self._request.scope
        request = HttpRequest(sent_method(scope), target(scope), scope["query_string"], self.headers, self.body)
        caller = admit(self.parts.auth, route.name, route.roles, request)
        self._received.caller = caller
        self._received.operation = operation_of(route, caller, self.headers)
        self._of_player(self._request.path_params.get("player_id", ""))
        return caller

    def _of_player(self, player_id: str) -> None:
        if self._received.operation is not None:
            self._received.operation.player_id = player_id

    @property
    def operation(self) -> Operation:
        """What the control log will say of this call. For a call that it is told of, once the caller is admitted."""
        if self._received.operation is None:
            raise InvariantViolation("recorded_operation", f"the control log is not told of {self.route.name}")
        return self._received.operation

    def about(self, *, player_id: str, reason: str) -> None:
        """What is known of the operation before it is done, for the control log."""
        if self._received.operation is not None:
            self._received.operation.about(player_id=player_id, reason=reason)

    def approved(self, proposal: Waiting) -> "Call":
        """This call, about an operation that a second person approved."""
        self.proposal = proposal
        if proposal.decision is not None and self._received.operation is not None:
            self._received.operation.approved_by = proposal.decision.by
        return self

    def on_behalf(self, proposal: Waiting, body: bytes) -> "Call":
        """Another call than this one: the request of whoever proposed it, with an operation of its own.

        Whoever calls closes that operation.
        """
        summary = proposal.summary
        key = summary.command_id.partition(":")[2]
        headers = {b"content-type": summary.content_type.encode("latin-1"), b"idempotency-key": key.encode()}
        acting = Call(self._request)
        acting._received = ReceivedRequest(headers, body)
        acting._received.caller = Caller(summary.who, frozenset(summary.proposer_roles))
        operation = Operation(summary.route, summary.who, ",".join(summary.roles), key)
        operation.about(player_id=summary.player_id, reason=summary.reason)
        acting._received.operation = operation
        return acting.approved(proposal)

    async def ask_first(self, *, subject: str = "", reason: str = "", wanted: Any = None) -> None:
        """Before something is changed: the control log says so, once, if it is told of this call.

        Raises LogUnavailable.

        `wanted` is what is asked for, as plain JSON.
        """
        operation = self._received.operation
        if operation is not None:
            operation.about(subject=subject, reason=reason, wanted=wanted)
            if not operation.asked:
                await self.parts.recording.ask(operation)

    def tell(self, before: Any, after: Any, *, subject: str = "", replayed: bool = False) -> None:
        """What was changed, as plain JSON, for the control log."""
        if self._received.operation is not None:
            self._received.operation.changed(before, after, subject=subject, replayed=replayed)

    @property
    def route(self) -> Route:
        """The declaration of what was called; of what is carried out, if this is on somebody's behalf."""
        if self.proposal is not None:
            return self.parts.routes[self.proposal.summary.route]
        return self.parts.routes[f"{self._request.method} {self._request.scope['route'].path}"]

    def demand_parameters(self, others: Collection[str]) -> None:
        """Refuses parameters that are neither in the handler's signature nor among `others`. Raises Refused."""
        known = {field.alias for field in self._request.scope["route"].dependant.query_params} | {*others}
        names = [name for name, _ in self._request.query_params.multi_items()]
        wrong = [
            FieldError(ascii(name[:64])[1:-1], "is not a parameter of this route")
            for name in names
            if name not in known
        ]
        wrong += [FieldError(name, "must be given once") for name in sorted(known) if names.count(name) > 1]
        if wrong:
            raise invalid(wrong)

    def command_id(self, caller: Caller) -> str:
        """`<caller>:<Idempotency-Key>` of this request. Raises Refused `idempotency_key_required`.

        It may be called only in a route that is declared to change something, because only its callers are told to send
        a key.
        """
        if not self.route.keyed:
            raise InvariantViolation("declared_change", f"{self.route.name} is declared to change nothing")
        return command_id(caller, self._received.headers)

    def may_see(self, audience: frozenset[str]) -> bool:
        """Whether the admitted caller has one of these roles (see `gateway.documents.visible`)."""
        caller = self._received.caller
        return caller is not None and not audience.isdisjoint(caller.roles)

    def look(self, player_id: str, what: Any) -> None:
        """What somebody looks at who changes nothing, as plain JSON, for the control log."""
        self._of_player(player_id)
        self.tell(None, what)

    async def command(self, player_id: str, body: CommandBody) -> Answered:
        """Admits the caller and has the player execute `body` under its key. Raises Refused, RefusedByPlayer."""
        command_id = self.command_id(self.admit())
        return await self.execute(player_id, command_id, body)

    async def execute(self, player_id: str, command_id: str, body: CommandBody) -> Answered:
        """Like `command`, for a caller who is admitted already. Raises Refused, RefusedByPlayer."""
        self._of_player(player_id)
        await self.ask_first(subject=subject_of(body), reason=getattr(body, "reason", ""), wanted=wanted_by(body))
        outcome = await self._ask(player_id, command_id, body)
        self.tell(*change(body, outcome.answer), replayed=outcome.replayed)
        return outcome

    async def roll_back_reported(self, player_id: str, transaction_id: str) -> Answered:
        """Like `command`: rolls back the bet that the same caller reported under `transaction_id`."""
        caller = self.admit()
        body = RollbackReportedBet(f"{caller.id}:{transaction_id}")
        return await self.execute(player_id, self.command_id(caller), body)

    async def query(self, player_id: str, body: QueryBody) -> Answered:
        """Admits the caller and asks the player, or its last snapshot. Raises Refused, RefusedByPlayer."""
        self.admit()
        self._of_player(player_id)
        outcome, self._received.as_of = await self.parts.reads.ask(player_id, body)
        return _answered(outcome)

    async def _ask(self, player_id: str, command: str, body: CommandBody) -> Answered:
        return _answered(await ask(self.parts.players, player_id, command, body))


def _answered(outcome: Outcome) -> Answered:
    if isinstance(outcome, Answered):
        return outcome
    raise RefusedByPlayer(outcome)


ThisCall = Annotated[Call, Depends(Call)]


class DocumentResponse(Response):
    """A document as JSON, without the fields that whoever called may not see."""

    media_type = "application/json"

    def __init__(self, document: Json, status: int) -> None:
        super().__init__(status_code=status)
        self._document = document

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        received: ReceivedRequest = scope[RECEIVED]
        roles = received.caller.roles if received.caller is not None else frozenset[str]()
        if received.as_of is not None and isinstance(self._document, ReadJson):
            received.code = "stale"
            mark_stale(self._document, *received.as_of)
        self.body = msgspec.json.encode(visible(self._document, roles))
        self.headers["content-length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


def answer(document: Json, status: int = 200) -> Response:
    """An answer as JSON."""
    return DocumentResponse(document, status)


def created(document: Json, outcome: Answered) -> Response:
    """201 for a creation, 200 for its replay."""
    return answer(document, 200 if outcome.replayed else 201)
