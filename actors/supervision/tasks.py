"""What a supervisor has begun and must end: its tasks."""

import asyncio
from collections.abc import Iterator


class Tasks:
    """The tasks under way. Each leaves by itself when it is done."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator["asyncio.Task[None]"]:
        return iter(self._under_way)

    def spawn(self, coroutine: "asyncio._CoroutineLike[None]", name: str) -> "asyncio.Task[None]":
        """Runs it on this loop until it is done or cancelled."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    def cancel(self) -> None:
        """Cancels all of them."""
        for task in list(self._under_way):
            task.cancel()
