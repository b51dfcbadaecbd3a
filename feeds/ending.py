"""Ending the tasks of a sink, whatever the libraries that they call make of a cancellation."""

import asyncio
from collections.abc import Iterable
from typing import Final

CANCELS_MAX: Final = 10
CANCEL_AGAIN_S: Final = 0.2


async def cancelled(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancels, several times if need be.

    `asyncio.wait_for` of Python 3.11 drops a cancellation that comes together with a result, and the mail client uses
    it. How the tasks end is of no interest any more.
    """
    all_tasks = left = set(tasks)
    for _ in range(CANCELS_MAX):
        for task in left:
            task.cancel()
        if not left:
            break
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)
    for task in all_tasks - left:
        if not task.cancelled():
            task.exception()  # else asyncio complains that nobody has looked at it
