"""`croupier up --fallback`: Redis is killed under play. Spins go on, shards may die, and every balance is right."""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.croupier_up import Api, CroupierUp, croupier, environment, register, token, wait_until
from tests.support.redis_server import RedisServer

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

log = logging.getLogger(__name__)

PLAYERS = [f"player-{number}" for number in range(6)]
DEPOSIT = 100_000
RETRY_S = 0.02


class Caller(threading.Thread):
    """One player's game server: each spin with its own key, repeated until it is answered; books of its own."""

    def __init__(self, url: str, player_id: str) -> None:
        super().__init__(daemon=True)
        self.player_id, self.spins, self.longest_s = player_id, 0, 0.0
        self.stopping = threading.Event()
        self._api = Api(url)
        self.odd: list[str] = []

    def run(self) -> None:
        while not self.stopping.is_set():
            began = time.monotonic()
            self._spin(f"{self.player_id}-{self.spins}")
            self.longest_s = max(self.longest_s, time.monotonic() - began)
        self._api.close()

    def _spin(self, key: str) -> None:
        target = f"/spin?player_id={self.player_id}&game_id=book-of-dunes&mode=real&bet=10&win=0"
        while not self.stopping.is_set():
            response = self._api.game("POST", target, key=key)
            if response.status_code == 200:
                self.spins += 1
                return
            if response.status_code not in (429, 503):
                self.odd.append(response.text)
                return
            time.sleep(RETRY_S)


class House:
    """A Croupier with two shards on a Redis, and players who play."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.redis = RedisServer(folder / "redis").start()
        self.server = self.another()
        self.api = self.server.api
        for player_id in PLAYERS:
            register(self.api, player_id, DEPOSIT)
        self.callers = [Caller(self.server.url, player_id) for player_id in PLAYERS]
        for caller in self.callers:
            caller.start()
        self.all_play(20)
        wait_until("every shard has its grant", lambda: len(self.files()) == 2)
        time.sleep(3)  # a grant counts once Redis, which syncs each second, can't lose it any more

    def another(self) -> CroupierUp:
        options = ("--shards", "2", "--fallback", "--fallback-dir", str(self.folder / "fallback"))
        return CroupierUp(self.folder / "up", self.redis.url, *options)

    def files(self) -> list[Path]:
        return sorted((self.folder / "fallback").glob("*.fallback"))

    def all_play(self, spins: int, timeout_s: float = 60) -> None:
        """Returns once each has so many spins more."""
        before = {caller: caller.spins for caller in self.callers}
        wait_until("everybody plays", lambda: all(c.spins >= before[c] + spins for c in self.callers), timeout_s)

    def on_fallback(self) -> list[bool]:
        return [shard["on_fallback"] for shard in self.api.shards().values()]

    def everything_is_right(self) -> None:
        for caller in self.callers:
            caller.stopping.set()
        for caller in self.callers:
            caller.join(30)
        assert [caller.odd for caller in self.callers] == [[]] * len(PLAYERS)
        for caller in self.callers:
            real = self.api.platform("GET", f"/players/{caller.player_id}").json()["balance"]["real"]
            paid = DEPOSIT - real
            assert paid in (10 * caller.spins, 10 * (caller.spins + 1)), caller.player_id  # the last had no answer


@contextmanager
def a_house(folder: Path) -> Iterator[House]:
    house = House(folder)
    try:
        yield house
    finally:
        for caller in house.callers:
            caller.stopping.set()
        house.server.kill_everything()
        house.redis.kill()


def test_spins_go_on_while_redis_is_dead(tmp_path: Path) -> None:
    with a_house(tmp_path) as house:
        for caller in house.callers:
            caller.longest_s = 0.0
        house.redis.kill()
        house.all_play(50, 20)
        longest = max(caller.longest_s for caller in house.callers)
        log.info("Redis is dead: the longest spin took %.0f ms", longest * 1000)
        assert longest < 2
        wait_until("both are shown", lambda: house.on_fallback() == [True, True])
        house.redis.start()
        wait_until("both are back", lambda: house.on_fallback() == [False, False])
        house.all_play(20)
        log.info("with its return: %.0f ms", max(caller.longest_s for caller in house.callers) * 1000)
        house.everything_is_right()
        assert house.server.stop() == 0
        assert house.files() == []


def test_a_shard_that_dies_meanwhile_is_taken_through_its_file(tmp_path: Path) -> None:
    with a_house(tmp_path) as house:
        house.redis.kill()
        house.all_play(20)
        victim = house.api.shards()["s0"]
        os.kill(victim["pid"], signal.SIGKILL)
        time.sleep(1)
        house.redis.start()
        wait_until("its successor serves", lambda: house.api.shards()["s0"]["epoch"] > victim["epoch"])
        house.all_play(20)
        house.everything_is_right()
        assert house.server.stop() == 0


def test_all_of_it_dies_meanwhile_and_is_started_again(tmp_path: Path) -> None:
    with a_house(tmp_path) as house:
        house.redis.kill()
        house.all_play(20)
        for caller in house.callers:
            caller.stopping.set()
        for caller in house.callers:
            caller.join(30)
        house.server.kill_everything()
        house.redis.start()
        house.server = house.another()
        house.api = house.server.api
        house.everything_is_right()


def test_without_its_file_a_shard_is_down_until_the_loss_is_accepted(tmp_path: Path) -> None:
    with a_house(tmp_path) as house:
        house.redis.kill()
        house.all_play(20)
        for caller in house.callers:
            caller.stopping.set()
        victim = house.api.shards()["s0"]
        os.kill(victim["pid"], signal.SIGKILL)
        (lost,) = [file for file in house.files() if file.name.startswith("s0-")]
        for file in lost.parent.glob(f"{lost.name}*"):
            file.rename(tmp_path / file.name)
        house.redis.start()
        wait_until("s1 is back", lambda: house.api.shards()["s1"]["on_fallback"] is False)
        wait_until("s0 is shown as down", lambda: not house.api.shards()["s0"]["serving"])
        assert house.api.plain("GET", "/health/ready").status_code == 503
        env = environment()
        refused = croupier("recover", "s0", "--store", house.redis.url, env=env)
        assert refused.returncode == 1 and "that file is not here" in refused.stderr
        accepted = croupier("recover", "s0", "--accept-loss", "--store", house.redis.url, env=env)
        assert accepted.returncode == 0 and "whatever was acknowledged behind record" in accepted.stdout
        wait_until("s0 serves again", lambda: house.api.shards().get("s0", {}).get("serving"), 90)
        entries = house.api.person("auditor", "GET", "/audit?operation=croupier recover").json()["entries"]
        assert [entry["outcome"] for entry in entries] == ["done", "asked", "failed", "asked"]
        assert {entry["subject"] for entry in entries} == {"s0"}


def test_live_operations_and_a_take_over_as_without(tmp_path: Path) -> None:
    with a_house(tmp_path) as house:
        for operation in (("scale", "--shards", "3"), ("rolling-restart",), ("scale", "--shards", "2")):
            ran = croupier(*operation, "--url", house.server.url, "--token", token("ops"), timeout=200)
            assert ran.returncode == 0, ran.stderr
        house.all_play(10)
        successor = CroupierUp(
            house.folder / "next", house.redis.url, "--shards", "2", "--take-over", "--fallback", "--fallback-dir",
            str(house.folder / "fallback"),
        )  # fmt: skip
        for caller in house.callers:  # the gateways of the old one serve some seconds longer, not for good
            caller.stopping.set()
        assert house.server.ends() == 1
        house.server, house.api = successor, successor.api
        house.everything_is_right()
        assert successor.stop() == 0
