"""An event loop whose clock jumps to the next timer instead of waiting: hours pass in seconds, always the same way.

What belongs to a frozen host waits until the host is woken, as after SIGSTOP and SIGCONT.
"""

import asyncio
import selectors
from collections import deque
from typing import Any

from tests.simulation.hosts import RUNNING, Host


class _JumpingSelector(selectors.SelectSelector):
    """Where the loop would sleep, time passes at once. Nothing to wait for means that the simulation is stuck."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        """Nothing here uses sockets or threads."""
        if timeout is None:
            raise RuntimeError("the simulation is stuck: nobody waits for a timer")
        self.now_s += max(0.0, timeout)
        return []


class _Ready(deque[asyncio.Handle]):
    """What the loop runs next, without that of frozen hosts."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._nothing = asyncio.Handle(lambda: None, (), loop)
        self._nothing.cancel()

    def popleft(self) -> asyncio.Handle:
        handle = super().popleft()
        host = handle._context.get(RUNNING)  # type: ignore[attr-defined]
        if host is None or not host.frozen:
            return handle
        host.held.append(handle)
        return self._nothing


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0 s and is the clock of the simulated world."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._ready = _Ready(self)

    def time(self) -> float:
        return self._jumping.now_s

    def wake(self, host: Host) -> None:
        """The host goes on with what it was about to do."""
        host.frozen = False
        self._ready.extend(host.held)
        host.held.clear()
