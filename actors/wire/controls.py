"""Requests to a process itself: answered by a coroutine of its own, so that no spin waits for one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from msgspec import Raw

from actors.wire.frames import ControlAnswer, ControlBody, Failed, Kind, Reply, ReplyTo, Request, encode

log = logging.getLogger("croupier.shard")

Answerer = Callable[[ControlBody], Awaitable[ControlAnswer]]


class Controls:
    """Answers control requests with what `answerer` makes of them; an exception becomes `Failed`."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, reply_to: ReplyTo, request: Request) -> None:
        """Takes a request; its answer follows."""
        task = asyncio.get_running_loop().create_task(self._answer(reply_to, request), name="control")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, reply_to: ReplyTo, request: Request) -> None:
        answer: ControlAnswer
        try:
            answer = await self._answerer(request.body)  # type: ignore[arg-type]
        except Exception as failure:
            log.exception("control request %s failed", type(request.body).__name__)
            answer = Failed(str(failure))
        reply_to.reply(Reply(request.rid, Kind.REPORT, Raw(encode(answer))))
