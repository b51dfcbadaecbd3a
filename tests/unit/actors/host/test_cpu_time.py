"""Of a coroutine's CPU time its own steps are counted, and it does not notice."""

import asyncio

import pytest

from actors.host.cpu_time import metered


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The thread's CPU clock, set by the test."""
    clock = [0.0]
    monkeypatch.setattr("actors.host.cpu_time.thread_cpu_s", lambda: clock[0])
    return clock


async def test_what_others_do_between_its_steps_is_not_counted(cpu: list[float]) -> None:
    spent: list[float] = []
    may_go_on = asyncio.Event()

    async def work() -> str:
        cpu[0] += 1
        await may_go_on.wait()
        cpu[0] += 2
        return "done"

    working = asyncio.ensure_future(metered(work(), spent.append))
    await asyncio.sleep(0)
    cpu[0] += 100
    may_go_on.set()
    assert await working == "done"
    assert spent == [1, 2]


async def test_a_failure_and_what_led_to_it_is_counted(cpu: list[float]) -> None:
    spent: list[float] = []

    async def work() -> None:
        cpu[0] += 3
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await metered(work(), spent.append)
    assert spent == [3]


async def test_what_it_awaits_may_fail(cpu: list[float]) -> None:
    failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> str:
        try:
            await failing
        except ValueError:
            return "caught"
        return "not reached"

    working = asyncio.ensure_future(metered(work(), lambda cpu_s: None))
    await asyncio.sleep(0)
    failing.set_exception(ValueError())
    assert await working == "caught"


async def test_a_cancellation_reaches_it(cpu: list[float]) -> None:
    cleaned: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    working = asyncio.ensure_future(metered(work(), lambda cpu_s: None))
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert cleaned == [True]
