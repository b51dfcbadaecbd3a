"""A store that does what a test tells it: fail before or after the write, hold a call, be down. Else the real one."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from snapshots.contract import Store
from snapshots.errors import StoreUnavailable

Point = Literal["before", "after"]


class Gate:
    """Holds one call. `reached` is set when the call arrives; `open` lets it go on, or fail."""

    def __init__(self, point: Point) -> None:
        self.point, self.fails = point, False
        self.reached, self._opened = asyncio.Event(), asyncio.Event()

    def open(self, *, fails: bool = False) -> None:
        self.fails = fails
        self._opened.set()

    async def pass_(self, point: Point) -> None:
        if point != self.point:
            return
        self.reached.set()
        await self._opened.wait()
        if self.fails:
            raise StoreUnavailable(f"told to fail {point} the write")


class FaultyStore:
    """Delegates every call to `inner`. `calls` records (name, arguments) of each."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.down: set[str] = set()
        self.refusing: dict[str, StoreUnavailable] = {}
        """What all calls of that name raise, and do nothing."""
        self.answers: dict[str, Any] = {}
        """What all calls of that name answer, and do nothing."""
        self._gates: dict[str, deque[Gate]] = defaultdict(deque)

    def hold(self, name: str, point: Point = "before") -> Gate:
        """The next call of that name waits at the point until its gate is opened."""
        gate = Gate(point)
        self._gates[name].append(gate)
        return gate

    def fail(self, name: str, point: Point, times: int = 1) -> None:
        """The next calls of that name raise StoreUnavailable: before they do anything, or after they did it."""
        for _ in range(times):
            self.hold(name, point).open(fails=True)

    def named(self, name: str) -> list[tuple[Any, ...]]:
        """The arguments of all calls of that name."""
        return [args for called, args in self.calls if called == name]

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self.inner, name)

        async def call(*args: Any, **named: Any) -> Any:
            self.calls.append((name, args))
            gate = self._gates[name].popleft() if self._gates[name] else None
            if name in self.down:
                raise StoreUnavailable("down")
            if name in self.refusing:
                raise self.refusing[name]
            if name in self.answers:
                return self.answers[name]
            if gate is not None:
                await gate.pass_("before")
            result = await method(*args, **named)
            if gate is not None:
                await gate.pass_("after")
            return result

        return call
