"""Rule 15: a former owner is not forgotten before its successor may claim."""

from pathlib import Path
from typing import Any, cast

import pytest

from actors.settings import ShardSettings, SupervisorSettings
from actors.supervision.recovering import Recovery
from actors.supervision.shard_process import ShardProcess
from actors.supervision.tasks import Tasks
from snapshots.errors import LineageChanged, StoreUnavailable
from tests.support.engine_players import CATALOG


class Owner:
    """A process that is to be replaced."""

    async def dead(self) -> None:
        return


class House:
    """Term, crew and the waiting for living shards. The store is silent for the first `silences` looks at the table."""

    over, history = False, "two"

    def __init__(self, silences: int) -> None:
        self.owner, self.silences = Owner(), silences
        self.live: dict[str, Any] = {"s0": self.owner}
        self.spares: list[Any] = []
        self.waited_for: list[Any] = []
        self.activated: list[str] = []

    async def until_gone(self, shard_id: str, corpse: Any) -> None:
        self.waited_for.append(corpse)

    async def routing(self) -> None:
        if len(self.waited_for) <= self.silences:
            raise StoreUnavailable("no answer")

    async def activate(self, shard_id: str, history: str) -> None:
        self.activated.append(f"{shard_id} on {history}")

    def replaced(self, shard_id: str) -> None:
        return

    def forget(self, shard_id: str) -> None:
        return

    async def report_lost(self, former: None) -> None:
        return

    def fill(self) -> None:
        return


async def test_rule_15_after_a_silence_of_the_store_the_former_owner_is_waited_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("actors.supervision.recovering.CLAIM_AGAIN_S", 0)
    house: Any = House(silences=2)
    recovery = Recovery(house, house, house, house, SupervisorSettings(spare_rest_ms=0), Tasks())
    recovery.begin("s0", "the test says so")
    await recovery.under_way["s0"]
    assert house.waited_for == [house.owner] * 3
    assert house.activated == ["s0 on two"]


class Store:
    """It tells its history, and notes who claims."""

    def __init__(self) -> None:
        self.claimed: list[str] = []

    async def watch_lineage(self) -> str:
        return "two"

    async def claim(self, shard_id: str, *args: Any) -> None:
        self.claimed.append(shard_id)
        raise StoreUnavailable("no answer")


async def test_rule_15_nobody_claims_on_another_history_than_the_supervisor_has_looked_at(tmp_path: Path) -> None:
    process = ShardProcess(ShardSettings(f"sqlite:{tmp_path}", "secret"), CATALOG, lambda reason: None)
    process.store = store = cast("Any", Store())
    with pytest.raises(LineageChanged, match="another one than the supervisor has looked at"):
        await process.activate("s0", "one")
    assert store.claimed == []
    with pytest.raises(StoreUnavailable, match="no answer"):
        await process.activate("s0", "two")
    assert store.claimed == ["s0"]
