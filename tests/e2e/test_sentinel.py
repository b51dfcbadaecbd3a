"""`croupier up` behind three sentinels: the master dies under play, and no acknowledged spin is lost."""

import logging
import threading
import time
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.support.croupier_up import Api, CroupierUp, register, wait_until
from tests.support.sentinel_house import sentinel_house

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

log = logging.getLogger(__name__)

PLAYERS = [f"player-{number}" for number in range(6)]
DEPOSIT = 100_000


class Caller(threading.Thread):
    """One player's game server: each spin with its own key, repeated until it is answered; books of its own."""

    def __init__(self, url: str, player_id: str) -> None:
        super().__init__(daemon=True)
        self.player_id, self.spins, self.longest_s = player_id, 0, 0.0
        self.stopping = threading.Event()
        self._url = url
        self.odd: list[str] = []

    def run(self) -> None:
        api = Api(self._url)
        while not self.stopping.is_set():
            began = time.monotonic()
            self._spin(api, f"{self.player_id}-{self.spins}")
            self.longest_s = max(self.longest_s, time.monotonic() - began)
        api.close()

    def _spin(self, api: Api, key: str) -> None:
        target = f"/spin?player_id={self.player_id}&game_id=book-of-dunes&mode=real&bet=10&win=0"
        while True:
            response = api.game("POST", target, key=key)
            if response.status_code == 200:
                self.spins += 1
                return
            if response.status_code not in (429, 503):
                self.odd.append(response.text)
                return
            time.sleep(0.05)


def test_the_master_dies_under_play_and_every_acknowledged_spin_is_there(tmp_path: Path) -> None:
    with sentinel_house(tmp_path / "redis") as house:
        server = CroupierUp(tmp_path / "up", house.url, "--shards", "2")
        try:
            for player_id in PLAYERS:
                register(server.api, player_id, DEPOSIT)
            bonus = {player_id: real_of(server.api, player_id) for player_id in PLAYERS}
            callers = [Caller(server.url, player_id) for player_id in PLAYERS]
            for caller in callers:
                caller.start()
            wait_until("everybody plays", lambda: all(caller.spins > 20 for caller in callers))
            old = house.signal_master(SIGKILL)
            wait_until("another master", lambda: house.master() is not old)
            so_far = {caller: caller.spins for caller in callers}
            wait_until("everybody plays again", lambda: all(c.spins > so_far[c] + 20 for c in callers), 60)
            for caller in callers:
                caller.stopping.set()
            for caller in callers:
                caller.join(30)
            assert [caller.odd for caller in callers] == [[]] * len(callers)
            for caller in callers:
                assert bonus[caller.player_id] - real_of(server.api, caller.player_id) == 10 * caller.spins
            log.info("the longest spin took %.1f s", max(caller.longest_s for caller in callers))
            assert server.stop() == 0
        finally:
            server.kill_everything()


def real_of(api: Api, player_id: str) -> int:
    """Real money as the platform sees it."""
    balance: int = api.platform("GET", f"/players/{player_id}").json()["balance"]["real"]
    return balance
