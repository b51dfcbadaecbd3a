"""The gateway's side: starts the explaining process, asks it, and starts another if it has ended."""

import asyncio
import logging
import os
import sys
from contextlib import suppress
from typing import Final

import msgspec

from croupier.explaining.pipe import Begin, framed, read_frame
from gateway.ports import ControlUnavailable, HistoryBusy

log = logging.getLogger("croupier.explaining")

WAITING_MAX: Final = 8
ANSWER_S: Final = 30.0
STOP_S: Final = 5.0
_MODULE: Final = "croupier.explaining.process"


class ExplainingChild:
    """Implements `gateway.ports.HistoryPort`. The process is started when somebody first asks."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._child: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._sent: dict[int, asyncio.subprocess.Process] = {}
        """Which process was asked."""
        self._number = 0

    async def ask_history(self, request: bytes) -> bytes:
        """See HistoryPort."""
        if len(self._waiting) >= WAITING_MAX:
            raise HistoryBusy
        self._number += 1
        number, answer = self._number, asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._send(number, request)
                return bytes(await answer)
        except TimeoutError:
            raise ControlUnavailable(f"the history could not be read within {ANSWER_S:.0f} s") from None
        except OSError as failure:
            raise ControlUnavailable(f"the process that reads histories can't be reached: {failure}") from failure
        finally:
            del self._waiting[number]
            self._sent.pop(number, None)

    async def close(self) -> None:
        """Ends the process."""
        child = self._child
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()
        if self._reading is not None:
            await self._reading

    async def _send(self, number: int, request: bytes) -> None:
        child = self._sent[number] = await self._running()
        assert child.stdin is not None
        child.stdin.write(framed(number, request))
        await child.stdin.drain()

    async def _running(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._child is None or self._child.returncode is not None:
                self._child = await self._start()
                self._reading = asyncio.create_task(self._read(self._child), name="explaining")
            return self._child

    async def _start(self) -> asyncio.subprocess.Process:
        """The secret goes through the pipe: arguments and variables can be read by others."""
        hidden = ("CROUPIER_CLUSTER_SECRET", "CROUPIER_PARENT_PIPE")
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            _MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
        )
        assert child.stdin is not None
        child.stdin.write(framed(0, msgspec.json.encode(self._begin)))
        return child

    async def _read(self, child: asyncio.subprocess.Process) -> None:
        """Hands on what the process says until it ends. One that says what is no frame is ended: nobody hears it."""
        try:
            await self._hand_on(child)
        except Exception:
            log.exception("the explaining process said what can't be read, and is ended")
            with suppress(ProcessLookupError):
                child.kill()
        code = await child.wait()
        lost = [number for number, asked in self._sent.items() if asked is child]
        if lost:
            log.error("the explaining process ended with exit code %d", code)
        for number in lost:
            answer = self._waiting[number]
            if not answer.done():
                answer.set_exception(ControlUnavailable("the process that reads histories ended; ask again"))

    async def _hand_on(self, child: asyncio.subprocess.Process) -> None:
        """Raises ValueError for a frame that is too long, as anything that is no frame seems to be."""
        assert child.stdout is not None
        while (frame := await read_frame(child.stdout)) is not None:
            number, content = frame
            answer = self._waiting.get(number)
            if answer is not None and not answer.done():
                answer.set_result(content)
