"""Rule 15 without Redis: what happens once all living shards follow another history, and what is reported as lost."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from actors.settings import SupervisorSettings
from actors.supervision.living_first import LivingFirst
from actors.wire.frames import ShardReport
from snapshots.errors import StoreUnavailable
from tests.support.shard_harness import eventually
from tests.unit.actors.supervision.test_supervisor import EVEN_PLAYER, house


class Nobody:
    """A store with a history, and a crew without shards."""

    live: Mapping[str, Any] = MappingProxyType({})
    history = "one"

    async def lineage_now(self) -> str:
        return self.history


async def test_rule_15_what_could_not_be_told_again_at_once_is_told_with_the_next_look() -> None:
    nobody: Any = Nobody()
    living_first, told = LivingFirst(nobody, nobody, nobody, SupervisorSettings()), list[str]()

    async def tell() -> None:
        told.append(nobody.history)
        if len(told) == 1:
            raise StoreUnavailable("not yet")

    living_first.on_changed = tell
    await living_first.until_followed()
    nobody.history = "two"
    with pytest.raises(StoreUnavailable):
        await living_first.until_followed()
    assert await living_first.changed()
    await living_first.until_followed()
    assert told == ["two", "two"] and not await living_first.changed()


async def test_rule_15_a_log_that_was_removed_meanwhile_is_not_reported_as_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its owner died before it had heard of the store's other history, and the supervisor is slow to look."""
    async with house(tmp_path, snapshot_interval_ms=10) as here:
        supervisor = await here.supervisor()
        await here.seat(EVEN_PLAYER)
        living_first, late, looked = supervisor._recovery._living_first, asyncio.Event(), asyncio.Event()
        look = living_first.report_lost

        async def look_late(former: ShardReport | None) -> None:
            await late.wait()
            await look(former)
            looked.set()

        living_first.report_lost = look_late  # type: ignore[method-assign]
        victim = here.cluster.serving()["s0"]
        victim.asking.shard.context.committer.lineage = "before"
        await eventually(lambda: (told := living_first._heard.get("s0")) and told.lineage and not told.dirty_players)
        assert living_first._heard["s0"].durable_seq
        victim.kill()
        await eventually(lambda: supervisor.recoveries_ms)
        rounds = len(here.store.named("unfinished_logs"))
        await eventually(lambda: len(here.store.named("unfinished_logs")) > rounds + 2)
        late.set()
        await looked.wait()
        assert "are lost" not in caplog.text
        await eventually(lambda: any(args[1] == "s0-1" for args in here.store.named("finish_log")))
