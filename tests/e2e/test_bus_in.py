"""`croupier bus-in` between a broker and a real Croupier: money arrives once, whatever is repeated or killed."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.bus_in import DEAD, DEPOSIT, TOPIC, Event, produce
from tests.support.croupier_up import CLUSTER_SECRET, START_TIMEOUT_S, CroupierUp, environment, register, wait_until
from tests.support.kafka import MockKafka, mock_kafka
from tests.support.patience import PATIENCE_S
from tests.support.typed import typed


class BusIn:
    """One process of `croupier bus-in`."""

    def __init__(self, folder: Path, store: str, file: Path) -> None:
        self._log = folder / "bus-in.stderr"
        command = [sys.executable, "-m", "croupier", "bus-in", "--store", store, "--integrations", str(file)]
        env = environment(CROUPIER_CLUSTER_SECRET=CLUSTER_SECRET)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=env)
        assert self.process.stdout is not None
        line = (
            self.process.stdout.readline() if select.select([self.process.stdout], [], [], START_TIMEOUT_S)[0] else ""
        )
        assert line.startswith("ready http://"), self._log.read_text()
        self.metrics_url = line.split()[1]

    def metrics(self) -> str:
        with urlopen(self.metrics_url, timeout=PATIENCE_S) as response:
            return str(response.read().decode())

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def kafka() -> Iterator[MockKafka]:
    with mock_kafka(brokers=1) as cluster:
        cluster.form_groups_within(50)
        cluster.create_topic(TOPIC, 4)
        cluster.create_topic(DEAD, 2)
        yield cluster


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, kafka: MockKafka) -> Path:
    section = {
        "brokers": [kafka.bootstrap_servers],
        "topics": [{"name": TOPIC, "types": [DEPOSIT]}],
        "first_start": "earliest",
        "session_timeout_s": 6,
    }
    path = tmp_path_factory.mktemp("integrations") / "integrations.yaml"
    path.write_text(json.dumps({"bus_in": section}))
    return path


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CroupierUp]:
    """A server of its own, whose shards may be killed."""
    folder = tmp_path_factory.mktemp("up")
    store = f"sqlite:{folder / 'store'}"
    running = CroupierUp(folder, store, "--shards", "1", "--spares", "0", CROUPIER_CLUSTER_SECRET=CLUSTER_SECRET)
    yield running
    assert running.stop() == 0


@pytest.mark.timeout(240)
def test_a_deposit_on_the_topic_raises_the_balance_once(
    tmp_path: Path, server: CroupierUp, kafka: MockKafka, file: Path
) -> None:
    register(server.api, "ann", deposit=0)
    deposit = Event("ann", {"amount": 500})
    produce(kafka, deposit, deposit, deposit, Event("nobody", {"amount": 500}))
    bus_in = BusIn(tmp_path, server.store, file)
    wait_until("the copies are finished", lambda: 'outcome="repeated",topic="cashier"} 2.0' in bus_in.metrics(), 60)
    wait_until("nobody's is a dead letter", lambda: '{code="player_not_found"} 1.0' in bus_in.metrics(), 60)
    assert balance(server, "ann") == 500
    register(server.api, "nobody", deposit=0)
    redriven = typed("bus", "redrive", "--integrations", str(file), "--topic", TOPIC, "--store", server.store)
    assert (redriven.returncode, redriven.stdout) == (0, f"1 dead letters sent back to {TOPIC}\n"), redriven.stderr
    wait_until("it is applied now", lambda: balance(server, "nobody") == 500, 60)
    assert bus_in.end() == 0


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kills", [1, pytest.param(4, marks=pytest.mark.long)])
def test_bus_in_that_is_killed_again_and_again_loses_and_doubles_nothing(
    tmp_path: Path, server: CroupierUp, kafka: MockKafka, file: Path, kills: int
) -> None:
    players = [f"killed-{kills}-{number}" for number in range(8)]
    for player_id in players:
        register(server.api, player_id, deposit=0)
    for kill in range(kills):
        before = total(server, players)
        bus_in = BusIn(tmp_path, server.store, file)
        produce(kafka, *(Event(player_id, {"amount": 1}) for _ in range(100) for player_id in players))
        wait_until("some are durable", lambda before=before: total(server, players) > before, 90)
        assert bus_in.end(signal.SIGKILL) == -signal.SIGKILL, f"kill {kill}"
    bus_in = BusIn(tmp_path, server.store, file)
    wait_until("all are applied", lambda: all(balance(server, player_id) == kills * 100 for player_id in players), 90)
    produce(kafka, last := Event(players[0], {"amount": 1}))
    wait_until("and no more than that", lambda: balance(server, players[0]) == kills * 100 + 1, 60)
    assert [balance(server, player_id) for player_id in players[1:]] == [kills * 100] * 7, last.id
    assert bus_in.end() == 0


@pytest.mark.timeout(240)
@pytest.mark.long
def test_a_shard_that_is_killed_meanwhile_costs_time_only(
    tmp_path: Path, up: CroupierUp, kafka: MockKafka, file: Path
) -> None:
    players = [f"moved-{number}" for number in range(8)]
    for player_id in players:
        register(up.api, player_id, deposit=0)
    bus_in = BusIn(tmp_path, up.store, file)
    produce(kafka, *(Event(player_id, {"amount": 1}) for _ in range(200) for player_id in players))
    wait_until("some are applied", lambda: total(up, players) > 100, 90)
    for shard in up.api.shards().values():
        os.kill(shard["pid"], signal.SIGKILL)
    produce(kafka, *(Event(player_id, {"amount": 1}) for _ in range(200) for player_id in players))
    wait_until("all are applied", lambda: all(balance(up, player_id) == 400 for player_id in players), 90)
    assert bus_in.end() == 0


def balance(up: CroupierUp, player_id: str) -> int:
    """The player's real money; asked again while the player's shard is away."""
    while True:
        answer = up.api.platform("GET", f"/players/{player_id}")
        if answer.status_code == 200:
            return int(answer.json()["balance"]["real"])
        assert answer.status_code in (429, 503), answer.text
        time.sleep(0.1)


def total(up: CroupierUp, players: list[str]) -> int:
    return sum(balance(up, player_id) for player_id in players)
