"""One operation while it is under way: what the control log will say of it."""

from collections.abc import Mapping
from secrets import token_hex
from typing import Any, Final

import msgspec

from actors.host.clock import now_ms
from engine.control_entries import CHANGE_BYTES_MAX, REASON_BYTES_MAX, WHO_BYTES_MAX, ControlEntry
from gateway.access.auth import Caller
from gateway.access.roles import PEOPLE, Role
from gateway.declaring import Route
from gateway.http.wire import HeaderMap

ASKED: Final = "asked"
"""The outcome of the entry that is written before the operation is done."""
DONE: Final = "done"
WAITING: Final = "waiting"
"""The operation waits for a second person."""


class Operation:
    """Who does what. `asked`: the first of its two entries is durable."""

    def __init__(self, route: str, who: str, role: str, request_id: str) -> None:
        self.route, self.who, self.role, self.request_id = route, who, role, request_id
        self.asked = False
        self.subject = self.player_id = self.reason = self.approved_by = ""
        self.wanted: Any = None
        """What was asked for, as plain JSON, for the first entry."""
        self.before: Any = None
        self.after: Any = None
        self.outcome = ""
        """If it is neither `done` nor the code of a refusal."""

    def about(self, *, subject: str = "", player_id: str = "", reason: str = "", wanted: Any = None) -> None:
        """What is known before it is done."""
        self.subject, self.player_id = subject or self.subject, player_id or self.player_id
        self.reason, self.wanted = reason or self.reason, wanted

    def changed(self, before: Any, after: Any, *, subject: str = "", replayed: bool = False) -> None:
        """What it did. `replayed`: it had been done before under the same key."""
        self.subject = subject or self.subject
        self.before = before
        self.after = {**(after or {}), "replayed": True} if replayed else after

    def entry(self, outcome: str) -> ControlEntry:
        """The entry of this outcome, as of now."""
        asked = outcome == ASKED
        return ControlEntry(
            time_ms=now_ms(),
            who=cut(self.who, WHO_BYTES_MAX),
            role=self.role,
            operation=self.route,
            outcome=outcome,
            subject=self.subject,
            player_id=self.player_id,
            before=None if asked else bounded(self.before),
            after=bounded(self.wanted if asked else self.after),
            reason=cut(self.reason, REASON_BYTES_MAX),
            request_id=self.request_id,
            approved_by=self.approved_by,
        )


def operation_of(route: Route, caller: Caller, headers: HeaderMap) -> Operation | None:
    """The operation that the control log is to tell of; None if it isn't told of this call."""
    acting = caller.roles & route.roles
    by_person = acting <= PEOPLE
    if not (route.recorded or (by_person and (route.keyed or route.asks_player))):
        return None
    return Operation(route.name, caller.id, roles_text(acting), request_id(headers))


def request_id(headers: HeaderMap) -> str:
    """The Idempotency-Key, by which the journal knows a command, too; else an id of this request alone."""
    return headers.get(b"idempotency-key", b"").decode("latin-1")[:128] or token_hex(8)


def roles_text(roles: frozenset[Role]) -> str:
    """Roles in one word: `ops,support`."""
    return ",".join(sorted(roles))


def cut(text: str, bytes_max: int) -> str:
    """The text, cut at the end if it has more bytes in UTF-8."""
    encoded = text.encode()
    return text if len(encoded) <= bytes_max else encoded[: bytes_max - 3].decode(errors="ignore") + "…"


def bounded(value: Any) -> Any:
    """Plain JSON that is short enough for an entry: of what is too long, lists become shorter, then it is left out."""
    size = len(msgspec.json.encode(value))
    if size <= CHANGE_BYTES_MAX:
        return value
    shorter = _halved(value)
    return bounded(shorter) if len(msgspec.json.encode(shorter)) < size else {"left_off_bytes": size}


def _halved(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _halved(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_halved(member) for member in value[: len(value) // 2]]
    return value
