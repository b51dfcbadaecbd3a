"""`SpinStream`: many calls under way at once on one connection, which is replaced when it breaks.

The path of a call is short: it is encoded and put into a queue; what one turn of the loop queues leaves in one message.
There is one future per call, and no task or timer of its own: one sweep looks after all deadlines and repeats.
"""

import asyncio
import logging
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from croupier_client.calls import AnswerT, Call
from croupier_client.commands import AsyncCommands
from croupier_client.errors import CroupierError, Refused, StreamClosed, StreamFull, Unanswered
from croupier_client.judging import Again, unanswered, worth_repeating
from croupier_client.origin import Origin
from croupier_client.reading import Unreadable, read
from croupier_client.stream.connection import BROKEN, ended, open_connection
from croupier_client.stream.under_way import WAITING_MAX, Pending, UnderWay
from croupier_client.stream.wire import Hello, ProtocolBroken, WireAnswer, encode, read_answers

logger = logging.getLogger(__name__)

_SWEEP_S: Final = 0.05
"""How exactly deadlines are kept."""
_decode: Final = msgspec.msgpack.decode


class SpinStream(AsyncCommands):
    """A stream for one event loop; `async with` opens and closes it.

    Calls of one player take effect in the order in which they are made, unless one has to be repeated: where the order
    matters, await the first before the second. At most `waiting_max` calls wait to be sent.
    """

    def __init__(self, origin: Origin, waiting_max: int = WAITING_MAX) -> None:
        self._origin = origin
        self._waiting_max = waiting_max
        self._under_way = UnderWay()
        self._last_id = 0
        self._failures = 0
        self._why_down = "not connected yet"
        self._ended: Refused | StreamClosed | None = StreamClosed("the stream is not open")
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close(drain=kind is None)

    async def open(self) -> None:
        """Connects. Raises Refused or Unauthenticated, or Unanswered if nothing helps within the policy's deadline."""
        if self._tasks:
            raise RuntimeError("the stream is open already")
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended = None
        self._tasks = [self._loop.create_task(self._live()), self._loop.create_task(self._sweep())]
        deadline_s = self._origin.policy.deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                await self._opened
        except TimeoutError:
            await self.close(drain=False)
            raise Unanswered(f"no stream within {deadline_s} s; last: {self._why_down}") from None
        except BaseException:
            await self.close(drain=False)
            raise

    async def close(self, *, drain: bool = True) -> None:
        """Takes no more calls, waits for the answers that are due if `drain`, and hangs up. Deadlines still hold.

        Without `drain`, calls without an answer end with OutcomeUnknown.
        """
        self._ended = self._ended or StreamClosed("the stream is closed")
        if drain and (futures := [pending.future for pending in self._under_way]):
            await asyncio.wait(futures)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._abandon("the stream was closed", None)

    def perform(self, call: Call[AnswerT], deadline_s: float | None = None) -> "asyncio.Future[AnswerT]":
        """As in `croupier_client.commands`."""
        if self._ended is not None:
            raise _another(self._ended, call.key)
        if self._under_way.unsent >= self._waiting_max:
            raise StreamFull(f"{self._waiting_max} calls wait to be sent; last: {self._why_down}")
        self._last_id = call.id = self._last_id + 1
        future: asyncio.Future[AnswerT] = self._loop.create_future()
        ends_at = self._loop.time() + (self._origin.policy.deadline_s if deadline_s is None else deadline_s)
        self._under_way.add(Pending(call, encode(call), future, ends_at))
        self._wake.set()
        return future

    async def _live(self) -> None:
        """One connection after the other, until one is refused for good."""
        try:
            while True:
                try:
                    await self._serve(*await open_connection(self._origin))
                except Again as again:
                    self._why_down = str(again)
                    self._failures += 1
                    pause_s = self._origin.policy.pause_s(self._failures, again.at_least_s, self._origin.chance)
                    await asyncio.sleep(pause_s)
        except Refused as refused:
            self._end(refused)
        except Unreadable as unreadable:
            self._end(StreamClosed(f"no stream there: {unreadable}"))
        except Exception as bug:
            logger.exception("the stream failed")
            self._end(StreamClosed(f"the stream failed: {bug!r}"))

    async def _serve(self, connection: ClientConnection, hello: Hello) -> None:
        """Until the connection ends. Raises what that means."""
        self._under_way.welcomed(hello)
        if not self._opened.done():
            self._opened.set_result(None)
        writer = self._loop.create_task(self._write(connection))
        try:
            while True:
                self._take_answers(await connection.recv())
        except ConnectionClosed as closed:
            raise ended(closed) from closed
        except ProtocolBroken as broken:
            await connection.close(BROKEN)
            raise Again(str(broken)) from broken
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            self._under_way.lost()
            await connection.close()

    async def _write(self, connection: ClientConnection) -> None:
        """Sends what waits, as much as there is in each message."""
        with suppress(ConnectionClosed):
            while True:
                message, too_long = self._under_way.take()
                for pending in too_long:
                    pending.future.set_exception(_too_long(pending))
                if message:
                    await connection.send(message)
                else:
                    self._wake.clear()
                    await self._wake.wait()

    def _take_answers(self, message: str | bytes) -> None:
        for answer in read_answers(message):
            pending = self._under_way.answered(answer.id)
            if pending is None:
                raise ProtocolBroken(f"an answer to call {answer.id}, which is not under way")
            if not pending.future.done():
                self._settle(pending, answer)
        self._failures = 0
        self._wake.set()

    def _settle(self, pending: Pending, answer: WireAnswer) -> None:
        try:
            pending.future.set_result(read(pending.call, answer.status, answer.body, _decode))
        except Refused as refused:
            self._refused(pending, refused, answer.retry_after_s)
        except Unreadable as unreadable:
            pending.future.set_exception(unanswered(pending.call, str(unreadable), pending.attempts))

    def _refused(self, pending: Pending, refused: Refused, retry_after_s: float) -> None:
        refused.retry_after_s = retry_after_s
        if not worth_repeating(refused):
            pending.future.set_exception(refused)
            return
        pending.last = refused
        pause_s = self._origin.policy.pause_s(pending.attempts, retry_after_s, self._origin.chance)
        self._under_way.rest(pending, self._loop.time() + pause_s)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = self._loop.time()
            if self._under_way.wake(now):
                self._wake.set()
            for pending in self._under_way.overdue(now):
                last = pending.last or self._why_down
                why = f"no answer by the deadline; last: {last}"
                pending.future.set_exception(unanswered(pending.call, why, pending.attempts, pending.last))
            self._under_way.forget_done()

    def _end(self, error: Refused | StreamClosed) -> None:
        self._ended = self._ended or error
        if not self._opened.done():
            self._opened.set_exception(error)
        self._abandon(f"the stream ended: {error}", error if isinstance(error, Refused) else None)

    def _abandon(self, why: str, refused: Refused | None) -> None:
        """Calls that were sent have an unknown outcome; of the others it is known that they were refused."""
        for pending in self._under_way:
            error: Any = unanswered(pending.call, why, pending.attempts, refused)
            if refused is not None and not pending.attempts:
                error = refused.for_call(pending.call.key)
            pending.future.set_exception(error)
        self._under_way.clear()


def _another(ended: Refused | StreamClosed, key: str) -> CroupierError:
    """An exception of its own for each call: a traceback belongs to one."""
    return ended.for_call(key) if isinstance(ended, Refused) else StreamClosed(str(ended))


def _too_long(pending: Pending) -> Refused:
    return Refused("body_too_large", "The call is longer than a message may be.", status=413, key=pending.call.key)
