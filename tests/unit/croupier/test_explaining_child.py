"""A process that says what is no frame is ended and replaced: one bad answer is not the end of all explanations."""

import asyncio
from typing import Any

import pytest

from croupier.explaining.child import ExplainingChild
from croupier.explaining.pipe import FRAME_BYTES_MAX, Begin, framed
from gateway.ports import ControlUnavailable
from tests.support.patience import PATIENCE_S


class FakeProcess:
    """Says the given bytes once it was asked something; it ends when it is killed or its input is closed."""

    def __init__(self, says: bytes) -> None:
        self.stdin, self.stdout = self, asyncio.StreamReader()
        self.returncode: int | None = None
        self._says, self._ended = says, asyncio.Event()

    def write(self, content: bytes) -> None:
        pass

    async def drain(self) -> None:
        self.stdout.feed_data(self._says)

    def kill(self) -> None:
        self._end(-9)

    def close(self) -> None:
        self._end(0)

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def _end(self, code: int) -> None:
        self.returncode = code
        self.stdout.feed_eof()
        self._ended.set()


@pytest.mark.parametrize(
    "noise",
    [b"Warning: this library prints to stdout\n", (FRAME_BYTES_MAX + 1).to_bytes(4) + bytes(4)],
    ids=["printed", "too long"],
)
async def test_what_is_no_frame_costs_one_question(monkeypatch: pytest.MonkeyPatch, noise: bytes) -> None:
    processes = [FakeProcess(noise), FakeProcess(framed(2, b"answer"))]
    begun = iter(processes)

    async def begin(*arguments: Any, **options: Any) -> FakeProcess:
        return next(begun)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", begin)
    child = ExplainingChild(Begin("memory:", None, "a secret"))
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(ControlUnavailable, match="ask again"):
            await child.ask_history(b"{}")
        assert processes[0].returncode == -9
        assert await child.ask_history(b"{}") == b"answer"
        await child.close()
