"""The oracle of the bus, on real Ray: whatever dies, the topic tells what the journal tells, in order."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.integration.feeds.topic import deduplicated
from tests.integration.load import Load
from tests.integration.ray_side import actor_pid, move
from tests.support.croupier_up import CroupierUp, wait_until
from tests.support.kafka import MockKafka, mock_kafka
from tests.support.redis_server import RedisServer

pytestmark = [pytest.mark.timeout(300), pytest.mark.long]

ROOT = Path(__file__).resolve().parents[3]
TOPIC = "croupier.events"
STOP_MAX_S = 30


class House:
    """A server with a bus to one cluster."""

    def __init__(self, folder: Path, store: str, kafka: MockKafka) -> None:
        self.store, self.kafka, self.witness = store, kafka, folder / "witness"
        self._folder = folder
        self.server = self.up()

    def up(self) -> CroupierUp:
        """Starts it, for the first time or again."""
        integrations = self._folder / "integrations.yaml"
        brokers = ", ".join(self.kafka.bootstrap_servers.split(","))
        bus = f"bus: {{brokers: [{brokers}], topic: {TOPIC}, waiting_events_max: 2000, linger_ms: 5}}"
        integrations.write_text(bus)
        options = ("--shards", "2", "--spares", "1", "--integrations", str(integrations))
        env = {"WITNESS": str(self.witness), "PYTHONPATH": str(ROOT)}
        return CroupierUp(self._folder / "up", self.store, *options, module="tests.integration.feeds.bus_up", **env)

    def end(self) -> None:
        """Leaves nothing behind when a test has failed."""
        if self.server.process.poll() is None:
            self.server.kill_everything()

    def reader(self, name: str) -> dict[str, Any]:
        """`GET /cluster`, of one reader."""
        readers = self.server.api.person("ops", "GET", "/cluster").json()["readers"]
        found: dict[str, Any] = next((reader for reader in readers if reader["name"] == name), {"reading": False})
        return found

    def reads(self, name: str, but_not: int | None = None) -> bool:
        """Whether the reader reads, in another process than that one."""
        reader = self.reader(name)
        return bool(reader["reading"]) and reader["pid"] not in (None, but_not)

    def has_told_all(self, name: str) -> bool:
        """Whether the reader's cursor stands where the journal ends."""
        reader = self.reader(name)
        return bool(reader["reading"]) and reader["lag_records"] == 0

    def kill_bus(self) -> None:
        """SIGKILL, and waits for the successor."""
        pid = self.reader("bus")["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_until("the bus is replaced", lambda: self.reads("bus", but_not=pid), 60)

    def kill_supervisor(self) -> None:
        """SIGKILL, and waits until its successor has a bus of its own."""
        pid = self.reader("bus")["pid"]
        os.kill(actor_pid(self.server, "Supervisor"), signal.SIGKILL)
        wait_until("the next supervisor has its bus", lambda: self.reads("bus", but_not=pid), 60)

    def journal(self) -> dict[str, list[str]]:
        """By player, the ids of the public events of its versions 1, 2, 3 …, which the journal is checked to have."""
        ids: dict[str, list[str]] = {}
        versions: dict[str, int] = {}
        for line in self.witness.read_text().splitlines():
            player_id, version, *told = line.split()
            before = versions.get(player_id, 0)
            assert int(version) <= before + 1, line
            if int(version) == before + 1:
                versions[player_id] = int(version)
                ids.setdefault(player_id, []).extend(told)
        return ids


@pytest.fixture(params=["sqlite", "redis"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as running:
        kafka = running.enter_context(mock_kafka())
        kafka.create_topic(TOPIC, partitions=6)
        store = f"sqlite:{tmp_path / 'store'}"
        if request.param == "redis":
            redis = RedisServer(tmp_path / "redis").start()
            running.callback(redis.stop)
            store = f"{redis.url}/0"
        house = House(tmp_path, store, kafka)
        running.callback(house.end)
        yield house


def test_the_topic_holds_what_the_journal_holds_whatever_dies(house: House) -> None:
    kafka = house.kafka
    wait_until("the bus reads", lambda: house.reads("bus"), 40)
    document = house.server.api.plain("GET", "/asyncapi.json").json()
    assert document["channels"]["bets"]["address"] == TOPIC
    with Load(house.server, "bus", count=16) as load:
        load.more_spins(300)
        house.kill_bus()
        kafka.all_down()
        load.more_spins(300)
        os.kill(house.server.api.shards()["s1"]["pid"], signal.SIGKILL)
        load.more_spins(300)
        move(house.server, house.store, range(0, 256, 4), "s1")
        kafka.all_up()
        load.more_spins(300)
        move(house.server, house.store, range(0, 256, 2), "s0")
        for partition in range(6):
            kafka.lead(TOPIC, partition, 1 + partition % 3)
        house.kill_supervisor()
        load.more_spins(300)
    load.reconcile()
    wait_until("the bus has told all", lambda: house.has_told_all("bus"), 60)
    assert house.server.stop() == 0
    journal = house.journal()
    assert set(load.player_ids) <= set(journal)
    assert min(map(len, journal.values())) > 20
    assert deduplicated(kafka.read([TOPIC])) == journal


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_what_a_stop_left_behind_while_brokers_were_down_is_told_after_the_next_start(house: House) -> None:
    wait_until("the bus reads", lambda: house.reads("bus"), 40)
    with Load(house.server, "stop", count=8) as load:
        load.more_spins(100)
        house.kafka.all_down()
        load.more_spins(200)
    load.reconcile()
    stopping = time.monotonic()
    assert house.server.stop() == 0
    assert time.monotonic() - stopping < STOP_MAX_S
    house.kafka.all_up()
    told = deduplicated(house.kafka.read([TOPIC]))
    journal = house.journal()
    assert told != journal
    house.server = house.up()
    wait_until("all is told", lambda: deduplicated(house.kafka.read([TOPIC])) == journal, 60)
    assert house.server.stop() == 0
