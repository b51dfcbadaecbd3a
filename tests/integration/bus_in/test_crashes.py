"""A process that dies at any boundary of command, letter, watermark and commit: all once, in order, nothing lost."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bus_in import Event, letters, produce
from tests.support.bus_in_crash import CODE, POINTS
from tests.support.croupier_up import environment, wait_until
from tests.support.kafka import MockKafka

PLAYERS, EVENTS, POISON = 10, 400, 8
SEEDS = [int(seed) for seed in os.environ.get("CRASH_SEEDS", "1").split()]
"""Every commit pays for one history of each boundary."""


def process(folder: Path, kafka: MockKafka, crash: str = "") -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.support.bus_in_crash", str(folder), kafka.bootstrap_servers]
    return subprocess.Popen(command, env=environment(CRASH=crash))


def events(chance: random.Random) -> list[Event]:
    """Deposits, with some that can't be read among them."""
    poison = set(chance.sample(range(EVENTS), POISON))
    data = [b"not json" if number in poison else {"amount": 1} for number in range(EVENTS)]
    return [Event(f"p{number % PLAYERS}", data[number]) for number in range(EVENTS)]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", SEEDS, ids=str)
@pytest.mark.parametrize("point", POINTS)
def test_a_crash_costs_a_repetition_only(tmp_path: Path, kafka: MockKafka, point: str, seed: int) -> None:
    chance = random.Random(f"{point} {seed}")
    sent = events(chance)
    produce(kafka, *sent)
    nth = chance.randint(1, 300 if point.endswith("apply") else 2)
    assert process(tmp_path, kafka, f"{point}:{nth}").wait(60) == CODE
    after = process(tmp_path, kafka)
    produce(kafka, last := Event("p0", {"amount": 1}))
    good = [event for event in [*sent, last] if event.value != b"not json"]
    wait_until("all are applied", lambda: len(applied(tmp_path)) == len(good), 60)
    after.terminate()
    assert after.wait(20) == 0
    assert len(applied(tmp_path)) == len(set(applied(tmp_path))) == len(good)
    for player_id in {event.key for event in good}:
        told = [command_id for command_id, owner in applied(tmp_path) if owner == player_id]
        assert told == [event.command_id for event in good if event.key == player_id]
    assert {letter["ce_id"] for letter in letters(kafka)} == {event.id for event in sent if event not in good}


def applied(folder: Path) -> list[tuple[str, str]]:
    """(command id, player), in the order they were applied. The last line may be half written yet."""
    path = folder / "applied"
    lines = [line for line in path.read_text().splitlines(True) if line.endswith("\n")] if path.exists() else []
    return [(command_id, player_id) for command_id, player_id in (line.split() for line in lines)]
