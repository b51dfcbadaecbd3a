"""The archive's bucket is gone: the alert, then the stop of new bets, then everything made up for, and nothing lost.

`tests/integration/test_archive_dead.py` runs each time, in one process.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec
import pytest
import yaml
from moto.server import ThreadedMotoServer
from prometheus_client import CollectorRegistry
from redis import Redis

from feeds.archive.settings import ArchiveSettings
from feeds.audit.making import make
from snapshots.archive.opening import open_archive
from snapshots.archive.sealing import KeyRing, read_key
from snapshots.codec import decode_batch
from snapshots.opening import open_store
from tests.support.archiving import MemoryNotes, chained_records
from tests.support.croupier_up import Api, CroupierUp, register, wait_until
from tests.support.patience import PATIENCE_S
from tests.support.redis_server import RedisServer, free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

MAXMEMORY = 12_000_000
MIB = 1_048_576
CALLERS = 6
KEYS = count(1)
FILLER = b"x" * 20_000


class Bucket:
    """An S3 service that goes away and comes back with what it held."""

    def __init__(self) -> None:
        self.port = free_port()
        self._server: ThreadedMotoServer | None = None

    def up(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()

    def down(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._server = None

    def make(self) -> None:
        import boto3

        client: Any = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="key",
        )
        client.create_bucket(Bucket="journal")


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    service = Bucket()
    service.up()
    service.make()
    yield service
    service.down()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis", extra=f"--maxmemory {MAXMEMORY} --maxmemory-policy noeviction").start()
    yield server
    server.stop()


@pytest.fixture
def house(tmp_path: Path, bucket: Bucket, redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator["House"]:
    monkeypatch.setenv("BUCKET_KEY", "key")
    key = {"env": "BUCKET_KEY"}
    place = {"url": "s3://journal", "endpoint": f"http://127.0.0.1:{bucket.port}"}
    archive = {
        "place": place | {"access_key_id": key, "secret_access_key": key},
        "spool": str(tmp_path / "spool"),
        "key_file": str(tmp_path / "key"),
        "spool_bytes_max": MIB,
        "segment_bytes": 262_144,
        "segment_age_s": 1,
        "open_s": 0.5,
        "alert_after_bytes": MIB,
    }
    running = House(tmp_path, redis.url, archive)
    yield running
    if running.up.process.poll() is None:
        running.up.kill_everything()


class House:
    """A running Croupier on `store`, and the archive that it was told of."""

    def __init__(self, folder: Path, store: str, archive: dict[str, Any]) -> None:
        self.store, self.archive = store, msgspec.convert(archive, ArchiveSettings)
        file = folder / "integrations.yaml"
        file.write_text(yaml.safe_dump({"archive": archive}))
        options = ("--shards", "1", "--spares", "0", "--integrations", str(file))
        self.up = CroupierUp(folder / "up", store, *options, archive=True, BUCKET_KEY="key")

    async def archived(self) -> tuple[dict[str, list[int]], dict[str, int]]:
        """By player, the versions in the archive as they follow each other, and the version that is stored."""
        await self._bring_away()
        store = open_store(self.store)
        await store.open()
        try:
            kek = read_key(Path(str(self.archive.key_file)).read_text())
            found = defaultdict[str, list[int]](list)
            for record in await chained_records(open_archive(self.archive.place, KeyRing(store, kek)), "s0"):
                for entry in decode_batch(record.payload):
                    found[entry.player_id].append(entry.version)
            return found, {who: (await store.load_player(who)).generations[0].version for who in found}
        finally:
            await store.close()

    async def _bring_away(self) -> None:
        """What lay in the spool when the server was stopped goes into a segment, as at the next start."""
        sink = await make(msgspec.json.encode(self.archive), MemoryNotes(), CollectorRegistry())
        await sink.open()
        async with asyncio.timeout(PATIENCE_S):
            while list(Path(self.archive.spool).glob("*.cut")):
                await asyncio.sleep(0.05)
        await sink.close()


def metric(up: CroupierUp, job: str, name: str) -> float:
    """A metric of the shard or of the archive's reader; its largest sample."""
    targets = up.api.plain("GET", "/metrics/targets").json()
    [target] = [entry["targets"][0] for entry in targets if entry["labels"]["job"] == f"croupier-{job}"]
    with urlopen(f"http://{target}/metrics", timeout=PATIENCE_S) as response:
        lines = str(response.read().decode()).splitlines()
    return max(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


def fill(up: CroupierUp, until: Callable[[], bool]) -> None:
    """Updates players with many segments, which makes large records, from several callers until something holds."""

    def post(number: int) -> int:
        api = Api(up.url)
        try:
            target = f"/players/p{number}"
            answers = [api.platform("PUT", target, profile(), key=f"profile-{next(KEYS)}") for _ in range(20)]
        finally:
            api.close()
        assert {answer.status_code for answer in answers} == {200}, answers[0].text
        return len(answers)

    posted = 0
    with ThreadPoolExecutor(CALLERS) as pool:
        while not until():
            assert posted < 6_000, (shown(up), up.stderr()[-2000:])
            posted += sum(pool.map(post, range(CALLERS)))


def profile() -> dict[str, Any]:
    """Another one each time."""
    number = next(KEYS)
    return {"currency": "EUR", "segments": [f"{number:08d}_{place:02d}".ljust(32, "s") for place in range(32)]}


def shown(up: CroupierUp) -> dict[str, float]:
    """What matters here, for whoever looks at a failure."""
    reader = ("reader_lag_records", "journal_held_bytes", "archive_spool_bytes", "archive_spool_full", "reader_behind")
    shard = ("store_fill_ratio", "shard_bets_stopped")
    return {name: metric(up, "reader", name) for name in reader} | {name: metric(up, "shard", name) for name in shard}


def bet(up: CroupierUp, player_id: str, win: str = "&win=0", key: str | None = None) -> Any:
    return up.api.game("POST", f"/spin?player_id={player_id}&game_id=book-of-dunes&mode=real&bet=10{win}", key=key)


def fill_up(server: RedisServer, share: float) -> None:
    """Other data takes room."""
    with Redis.from_url(server.url) as client:
        number = 0
        while client.info("memory")["used_memory"] < share * MAXMEMORY:
            client.set(f"other:{number}", FILLER)
            number += 1


def test_both_stops_come_in_time_and_all_is_made_up_for(house: House, bucket: Bucket, redis: RedisServer) -> None:
    up = house.up
    for player_id in ("erin", *(f"p{number}" for number in range(CALLERS))):
        register(up.api, player_id, 500)
    assert bet(up, "erin", key="done").status_code == 200
    opened = bet(up, "erin", win="").json()["session_id"]
    wait_until("a segment is stored", lambda: metric(up, "reader", "archive_segments_total") >= 1, 60)
    bucket.down()

    fill(up, lambda: metric(up, "reader", "reader_behind") == 1)
    assert metric(up, "reader", "archive_spool_full") == 1
    assert metric(up, "reader", "journal_held_bytes") >= 0.8 * MIB
    assert bet(up, "p1").status_code == 200  # an alert stops nothing

    fill_up(redis, 0.5)
    fill(up, lambda: metric(up, "shard", "shard_bets_stopped") == 1)
    refused = bet(up, "p1")
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (429, "overloaded", "5")
    check_what_goes_on(up, opened)
    assert metric(up, "shard", "store_fill_ratio") < 0.97

    bucket.up()
    wait_until("bets go on though nobody plays", lambda: metric(up, "shard", "shard_bets_stopped") == 0, 150)
    wait_until("the archive has caught up", lambda: metric(up, "reader", "reader_behind") == 0, 60)
    assert bet(up, "p1").status_code == 200
    assert metric(up, "reader", "archive_gaps_total") == 0
    assert up.stop() == 0, up.stderr()[-3000:]
    found, stored = asyncio.run(house.archived())
    assert len(stored) == CALLERS + 1
    assert found == {who: list(range(1, version + 1)) for who, version in stored.items()}


def check_what_goes_on(up: CroupierUp, opened: str) -> None:
    """Results, rollbacks and deposits."""
    answers = [
        up.api.game("POST", f"/spin/{opened}/result", {"player_id": "erin", "win": 50}),
        up.api.game("POST", "/spin/rollback", {"player_id": "erin", "transaction_id": "done"}),
        up.api.platform("POST", "/players/erin/deposits", {"amount": 100}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 201], [answer.text for answer in answers]
