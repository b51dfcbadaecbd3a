"""The face of the control log in a gateway: entries that an answer waits for, and entries that it doesn't."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from actors.host.clock import now_ms
from engine.control_entries import ControlEntry
from gateway.access.admission import Forbidden
from gateway.http.errors import Refused
from gateway.http.wire import Answer, HeaderMap
from gateway.metrics import GatewayMetrics
from gateway.ports import ControlLogPort, LogUnavailable
from gateway.recording.attempts import RefusedAttempts
from gateway.recording.operation import ASKED, DONE, Operation, request_id, roles_text

log = logging.getLogger("croupier.audit")

LATER_MAX: Final = 1_000
"""Entries that wait to be written while nobody waits for them; more are dropped, and counted."""
WRITING_MAX: Final = 1_000
"""Answers of the hot path that wait for their entries; while so many wait, nobody else is asked."""
LOOK_INTERVAL_S: Final = 1.0
Respond = Callable[[Answer], None]
_AUDITED: Final = frozenset({"unauthenticated", "forbidden"})


class Recording:
    """Writes the control log of this gateway. `run` writes what nobody waits for."""

    def __init__(self, port: ControlLogPort, metrics: GatewayMetrics) -> None:
        self._port, self._metrics = port, metrics
        self._attempts = RefusedAttempts()
        self._later: deque[ControlEntry] = deque()
        self._news = asyncio.Event()
        self._writing: set[asyncio.Task[None]] = set()

    # --- entries that an answer waits for

    async def ask(self, operation: Operation) -> None:
        """Before an operation is done: `asked` is durable. Raises LogUnavailable: then nothing may be done."""
        await self._port.append([operation.entry(ASKED)])
        operation.asked = True

    async def close(self, operation: Operation, code: str) -> Refused | None:
        """After it: its outcome is durable. `code` is `ok`, or that of its refusal.

        If the log can't be written now, the refusal to answer with instead; the outcome of what is done is written
        later.
        """
        entry = operation.entry(operation.outcome or (DONE if code == "ok" else code))
        try:
            await self._port.append([entry])
        except LogUnavailable as failure:
            if not operation.asked:
                return Refused("journal_unavailable", f"Nothing was answered: {failure}")
            self.later(entry)
            return Refused("outcome_unknown", f"The outcome is not in the control log yet: {failure}")
        return None

    def responding(self, operation: Operation, respond: Respond) -> Respond:
        """As `respond`, for an operation of the hot path: the answer is handed on once its entry is durable.

        Raises Refused if too many answers wait for that already.
        """
        if len(self._writing) >= WRITING_MAX:
            raise Refused("overloaded", "The control log is slow now, and too many answers wait for it.")

        async def record(answer: Answer) -> None:
            code = "ok" if answer.status < HTTPStatus.BAD_REQUEST else str(answer.document["code"])  # type: ignore[index]
            refused = await self.close(operation, code)
            respond(answer if refused is None else refused.answer())

        def respond_later(answer: Answer) -> None:
            task = asyncio.get_running_loop().create_task(record(answer), name="control log")
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

        return respond_later

    # --- entries that no answer waits for

    def later(self, entry: ControlEntry) -> None:
        """Written as soon as the log can be written, while this process lives and there is room."""
        if len(self._later) >= LATER_MAX:
            self._metrics.control_dropped += 1
            return
        self._later.append(entry)
        self._news.set()

    def attempt(self, refused: Refused, route: str, headers: HeaderMap) -> None:
        """Notes a refused attempt, if it is one that the log tells of: no proof, or not the role for it."""
        if refused.code in _AUDITED:
            first = self._attempts.note(_attempt(refused, route, headers))
            if first is not None:
                self.later(first)

    async def run(self) -> None:
        """Writes until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_INTERVAL_S):
                    await self._news.wait()
            try:
                await self.flush()
            except LogUnavailable as failure:
                log.warning("the control log can't be written, %d entries wait: %s", len(self._later), failure)
                await asyncio.sleep(LOOK_INTERVAL_S)

    async def flush(self) -> None:
        """Writes all that waits. Raises LogUnavailable."""
        self._news.clear()
        for entry in self._attempts.due(now_ms()):
            self.later(entry)
        while self._later:
            batch: Sequence[ControlEntry] = tuple(self._later)
            await self._port.append(batch)
            for _ in batch:
                self._later.popleft()


def _attempt(refused: Refused, route: str, headers: HeaderMap) -> ControlEntry:
    who = role = subject = ""
    if isinstance(refused, Forbidden):
        who, role, subject = refused.caller.id, roles_text(refused.caller.roles), refused.subject
    else:
        subject = _claimed(headers)
    return ControlEntry(
        time_ms=now_ms(),
        who=who,
        role=role,
        operation=route,
        outcome=refused.code,
        subject=subject,
        request_id=request_id(headers),
    )


def _claimed(headers: HeaderMap) -> str:
    """The key that somebody claimed to have, which proves nothing."""
    named = headers.get(b"x-api-key", b"")[:64].decode("latin-1")
    return f"key {named}" if named.isascii() and named.isprintable() and named else ""
