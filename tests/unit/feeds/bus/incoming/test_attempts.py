"""What is "not now" is repeated with the same id; a trouble of one player's own holds nobody else, and ends one day."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from actors.outcome import Answered, Outcome, Unavailable
from actors.routing.breaker import Breaker
from engine.commands import Deposit
from engine.rejections import Rejection
from feeds.bus.incoming import attempts
from feeds.bus.incoming.attempts import ALONE_ATTEMPTS_MAX, HOLDING_ATTEMPTS, Attempts
from feeds.bus.incoming.cloud_events import EventRefused
from feeds.bus.incoming.metrics import BusInMetrics
from feeds.bus.incoming.progress import Progress, Taken
from feeds.bus.incoming.reading import AGE_MAX_MS, Incoming
from feeds.bus.incoming.record import Record
from tests.support.bus_in import RememberingPlayers

AWAY = Unavailable("outcome_unknown", "The player's shard did not answer in time.")


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FIRST_DELAY_S", 0.0)
    monkeypatch.setattr(attempts, "DELAY_MAX_S", 0.0)


class Bench:
    def __init__(self) -> None:
        self.now_ms = 0
        self.players = RememberingPlayers()
        self.breaker = Breaker("players", failures_max=1_000)
        self.progress = Progress(("t", 0), 0)
        metrics = BusInMetrics(CollectorRegistry())
        self.attempts = Attempts(self.players, self.breaker, metrics, lambda: self.now_ms)

    async def run(self, player_id: str = "ann", command_id: str = "bus:s:1") -> Answered | Rejection | None:
        incoming = Incoming(player_id, command_id, 0, Deposit(1))
        record = Record("t", 0, 0, None, b"", (), 0)
        taken = self.progress.take(record, incoming)
        return await self.attempts.until_outcome(Taken(record, incoming, self.progress, taken.mark), incoming)

    def answers(self, outcomes: Iterator[Outcome | None]) -> None:
        self.players.outcome_of = lambda *_: next(outcomes)


async def test_the_same_id_is_asked_until_there_is_an_outcome() -> None:
    bench = Bench()
    bench.answers(iter([AWAY, AWAY, None]))
    assert isinstance(await bench.run(), Answered)
    assert list(bench.players.applied) == ["bus:s:1"]
    assert bench.players.asked == 3


async def test_a_refusal_is_an_outcome() -> None:
    bench = Bench()
    bench.answers(iter([AWAY, Rejection("player_not_found", "no")]))
    outcome = await bench.run()
    assert isinstance(outcome, Rejection)
    assert bench.breaker.state == "closed"


async def test_the_first_few_attempts_hold_the_partition() -> None:
    bench = Bench()
    held: list[int] = []
    rest = bench.progress.gone_within

    async def watched(seconds: float) -> bool:
        held.append(bench.progress.holds)
        return await rest(seconds)

    bench.progress.gone_within = watched  # type: ignore[method-assign]
    bench.answers(iter([AWAY] * 7 + [None]))
    await bench.run()
    assert held == [1] * HOLDING_ATTEMPTS + [0] * (7 - HOLDING_ATTEMPTS)
    assert bench.progress.holds == 0


async def test_an_event_that_gets_too_old_while_it_waits_is_tried_no_more() -> None:
    bench = Bench()

    def away_for_a_day(*_: str) -> Outcome:
        bench.now_ms = AGE_MAX_MS + 1
        return AWAY

    bench.players.outcome_of = away_for_a_day
    with pytest.raises(EventRefused) as refused:
        await bench.run()
    assert refused.value.code == "too_old"
    assert bench.players.asked == 1


async def test_who_fails_while_others_succeed_is_given_up_in_the_end() -> None:
    bench = Bench()
    calls = 0

    def others_succeed(*_: str) -> Outcome:
        nonlocal calls
        calls += 1
        bench.attempts._successes += 1
        return AWAY

    bench.players.outcome_of = others_succeed
    with pytest.raises(EventRefused) as refused:
        await bench.run()
    assert (refused.value.code, calls) == ("outcome_unknown", ALONE_ATTEMPTS_MAX)


async def test_an_outage_of_everybody_gives_nothing_up() -> None:
    bench = Bench()
    bench.answers(iter([AWAY] * (3 * ALONE_ATTEMPTS_MAX) + [None]))
    assert isinstance(await bench.run(), Answered)


async def test_nothing_is_tried_for_a_partition_that_has_gone() -> None:
    bench = Bench()
    bench.progress.gone.set()
    assert await bench.run() is None
    assert bench.players.asked == 0


async def test_a_command_that_can_not_be_sent_is_tried_again() -> None:
    bench = Bench()
    outcomes = iter([True, False])

    def broken_once(*_: str) -> Outcome | None:
        if next(outcomes):
            raise RuntimeError("a bug")
        return None

    bench.players.outcome_of = broken_once
    assert isinstance(await bench.run(), Answered)
