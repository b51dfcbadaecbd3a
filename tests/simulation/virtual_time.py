"""An event loop whose clock jumps to the next timer instead of waiting: hours pass in seconds, always the same way.

What belongs to a frozen host waits until the host is woken, as after SIGSTOP and SIGCONT. The loop does in a few lines
what asyncio's does for sockets, threads and signals, too: a history is a hundred thousand callbacks.
"""

import asyncio
import heapq
import itertools
import selectors
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

from tests.simulation.hosts import RUNNING, Host


class _NoSelector(selectors.SelectSelector):
    """Nothing here uses sockets or threads."""

    def select(self, timeout: float | None = None) -> list[Any]:
        raise RuntimeError("the simulated loop waits for nothing outside")


class _Call(asyncio.TimerHandle):
    """A callback that is to run, at once or at its time."""

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        # All that `Handle` has; its own way there asks for more than is needed.
        self._when, self._callback, self._args, self._loop = when, callback, args, loop
        self._context = copy_context() if context is None else context  # type: ignore[misc]
        self._cancelled = self._scheduled = False  # type: ignore[misc]
        self._source_traceback = self._repr = None  # type: ignore[misc]


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0 s and is the clock of the simulated world. Timers of one instant run in the order in which
    they were set.
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        super().__init__(_NoSelector())
        self._ready: deque[_Call] = deque()
        self._timers: list[tuple[float, int, _Call]] = []
        self._set = itertools.count()

    def time(self) -> float:
        return self._now_s

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> _Call:  # type: ignore[override]
        call = _Call(self._now_s, callback, args, self, context)
        self._ready.append(call)
        return call

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> _Call:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> _Call:
        call = _Call(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._set), call))
        return call

    def wake(self, host: Host) -> None:
        """The host goes on with what it was about to do."""
        host.frozen = False
        self._ready.extend(host.held)
        host.held.clear()

    def _run_once(self) -> None:
        """All that is ready, and so on until the loop is stopped."""
        ready, stopping = self._ready, "_stopping"
        while not self.__dict__[stopping]:
            if not ready:
                self._jump()
            for _ in range(len(ready)):
                call = ready.popleft()
                if not call._cancelled:
                    self._run(call)

    def _run(self, call: _Call) -> None:
        context = call._context
        host = context.get(RUNNING)
        if host is not None and host.frozen:
            host.held.append(call)
            return
        try:
            context.run(call._callback, *call._args)  # type: ignore[arg-type]
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as failure:
            self.call_exception_handler({"message": f"in {call._callback}", "exception": failure, "handle": call})

    def _jump(self) -> None:
        """To the next timer: it is ready then, and so are all of the same instant."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not timers:
            raise RuntimeError("the simulation is stuck: nobody waits for a timer")
        self._now_s = max(self._now_s, timers[0][0])
        while timers and timers[0][0] <= self._now_s:
            self._ready.append(heapq.heappop(timers)[2])
