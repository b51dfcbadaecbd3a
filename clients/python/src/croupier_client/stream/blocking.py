"""`SyncSpinStream`: the stream for threads. It lives on a loop in a thread of its own."""

import asyncio
import threading
from concurrent.futures import Future
from types import TracebackType
from typing import Final, Self

from croupier_client.calls import AnswerT, Call
from croupier_client.commands import SyncCommands
from croupier_client.errors import StreamClosed
from croupier_client.origin import Origin
from croupier_client.stream.stream import SpinStream
from croupier_client.stream.under_way import WAITING_MAX

_THREAD_NAME: Final = "croupier-stream"


class SyncSpinStream(SyncCommands):
    """As `SpinStream`, for any number of threads: each waits for its answer, all share one connection."""

    def __init__(self, origin: Origin, waiting_max: int = WAITING_MAX) -> None:
        self._stream = SpinStream(origin, waiting_max)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._drain = True

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close(drain=kind is None)

    def open(self) -> None:
        """Connects. Raises as `SpinStream.open` does."""
        opened: Future[None] = Future()
        self._thread = threading.Thread(target=asyncio.run, args=(self._live(opened),), name=_THREAD_NAME, daemon=True)
        self._thread.start()
        opened.result()

    def close(self, *, drain: bool = True) -> None:
        """As `SpinStream.close`; returns when the thread has ended."""
        with self._lock:
            loop, self._loop = self._loop, None
            self._drain = drain
            if loop is not None:
                loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()

    async def _live(self, opened: "Future[None]") -> None:
        try:
            await self._stream.open()
        except BaseException as error:
            opened.set_exception(error)
            return
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        opened.set_result(None)
        await self._stop.wait()
        await self._stream.close(drain=self._drain)

    def perform(self, call: Call[AnswerT], deadline_s: float | None = None) -> AnswerT:
        """As in `croupier_client.commands`."""
        # Under the lock, so that what is put into the loop's queue comes before the stop, and is answered.
        with self._lock:
            if self._loop is None:
                raise StreamClosed("the stream is not open")
            answer = asyncio.run_coroutine_threadsafe(self._ask(call, deadline_s), self._loop)
        return answer.result()

    async def _ask(self, call: Call[AnswerT], deadline_s: float | None) -> AnswerT:
        return await self._stream.perform(call, deadline_s)
