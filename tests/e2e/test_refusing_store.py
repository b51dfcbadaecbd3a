"""`croupier up` on a Redis that refuses to write: callers are told at once, and play goes on by itself afterwards."""

from pathlib import Path

import pytest
import redis

from tests.support.croupier_up import Api, CroupierUp, register, wait_until
from tests.support.redis_server import RedisServer, free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

PLAYERS = [f"player-{number}" for number in range(8)]


def spin(api: Api, player_id: str, key: str) -> tuple[int, str]:
    """Status, and the code of a refusal."""
    target = f"/spin?player_id={player_id}&game_id=book-of-dunes&mode=real&bet=10&win=0"
    response = api.game("POST", target, key=key)
    return response.status_code, response.json().get("code", "")


def as_a_replica(client: "redis.Redis") -> None:
    client.replicaof("127.0.0.1", str(free_port()))


def mend(client: "redis.Redis") -> None:
    client.replicaof("no", "one")


def test_a_redis_that_refuses_is_named_and_play_goes_on_once_it_writes(tmp_path: Path) -> None:
    redis_server = RedisServer(tmp_path / "redis").start()
    server = CroupierUp(tmp_path / "up", redis_server.url, "--shards", "2")
    try:
        for player_id in PLAYERS:
            register(server.api, player_id, 1_000)
            assert spin(server.api, player_id, f"{player_id}-0") == (200, "")
        with redis.Redis.from_url(redis_server.url) as client:
            as_a_replica(client)
            # The first waits until its shard gives up; then each is told at once.
            codes = {spin(server.api, player_id, f"{player_id}-1") for player_id in PLAYERS}
            assert codes == {(503, "journal_unavailable")}
            mend(client)
        for player_id in PLAYERS:
            key = f"{player_id}-1"
            wait_until(f"{player_id} plays", lambda p=player_id, k=key: spin(server.api, p, k)[0] == 200, 60)
            balance = server.api.platform("GET", f"/players/{player_id}").json()["balance"]["real"]
            assert balance == 980
        assert server.stop() == 0
    finally:
        server.kill_everything()
        redis_server.kill()
