"""A backup is taken while players play, restored elsewhere, and Croupier started on it.

Each spin raises a player's balance by one, so a balance tells which spins are in the backup.
"""

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import redis

from croupier.audit.expecting import snapshots_of
from croupier.backing_up.places import Places, places_of
from croupier.backing_up.taking import take
from feeds.archive.resuming import resume
from feeds.archive.spool import Spool
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace
from snapshots.opening import open_store
from tests.support.croupier_up import Api, CroupierUp, croupier, environment, register, wait_until
from tests.support.redis_server import RedisServer

pytestmark = [pytest.mark.timeout(300), pytest.mark.long]

DEPOSIT, PLAYERS, THREADS, BACKUPS = 500, 8, 4, 20
OPTIONS = ("--shards", "2", "--spares", "0")


class Load:
    """Players who spin until told to stop, and how many of each one's spins were acknowledged and sent."""

    def __init__(self, url: str) -> None:
        self.acknowledged = dict.fromkeys([f"p{number}" for number in range(PLAYERS)], 0)
        self.sent = dict(self.acknowledged)
        self._url, self._stop = url, threading.Event()
        self._threads = [threading.Thread(target=self._play, args=(number,)) for number in range(THREADS)]

    def __enter__(self) -> "Load":
        """Registers the players and begins."""
        api = Api(self._url)
        for player_id in self.acknowledged:
            register(api, player_id, DEPOSIT)
        api.close()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends with the spins that are under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _play(self, number: int) -> None:
        api = Api(self._url)
        players = [player_id for player_id in self.acknowledged if int(player_id[1:]) % THREADS == number]
        while not self._stop.is_set():
            for player_id in players:
                self.sent[player_id] += 1
                target = f"/spin?player_id={player_id}&game_id=book-of-dunes&mode=real&bet=10&win=11"
                key = f"{player_id}-{self.sent[player_id]}"
                if api.game("POST", target, key=key).status_code == 200:
                    self.acknowledged[player_id] += 1
        api.close()


def balances(api: Api) -> dict[str, int]:
    """Of all players, counted in spins."""
    found = {f"p{number}": api.platform("GET", f"/players/p{number}").json() for number in range(PLAYERS)}
    return {player_id: answer["balance"]["real"] - DEPOSIT for player_id, answer in found.items()}


def backed_up(
    server: CroupierUp, target: Path, env: dict[str, str], *options: str, meanwhile: Callable[[], None] = lambda: None
) -> Callable[[dict[str, int]], None]:
    """Takes a backup under load; answers a check of balances that a restored Croupier has."""
    with Load(server.url) as load:
        wait_until("everybody plays", lambda: min(load.acknowledged.values()) > 20, 60)
        wait_until("there are snapshots", lambda: asyncio.run(snapshots_of(server.store)), 60)  # balances to compare
        meanwhile()
        before = dict(load.acknowledged)
        words = ("backup", str(target), "--store", server.store, "--with-keys", *options)
        done = croupier(*words, env=env, timeout=120)
        after = dict(load.sent)
        wait_until("they go on", lambda: all(load.acknowledged[player] > after[player] for player in after), 60)
    assert done.returncode == 0, done.stderr
    assert "writes waited for" in done.stdout

    def check(found: dict[str, int]) -> None:
        assert all(before[player] <= found[player] <= after[player] for player in found), (before, found, after)

    return check


def is_sound(archive: Path, store: str) -> bool:
    """Whether `croupier audit verify` finds nothing wrong, and has found balances to compare."""
    return croupier("audit", "verify", str(archive), "--store", store, timeout=120).returncode == 0


def verified(archive: Path, store: str) -> None:
    """`croupier audit verify` finds the archive sound, and its balances those of the store."""
    done = croupier("audit", "verify", str(archive), "--store", store, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nsound;" in done.stdout and " 0 balances compared" not in done.stdout


def played_on(server: CroupierUp, check: Callable[[dict[str, int]], None]) -> None:
    """Everybody has what the backup says, and plays on; a repeated key gets the first answer."""
    found = balances(server.api)
    check(found)
    for player_id, spins in found.items():
        target = f"/spin?player_id={player_id}&game_id=book-of-dunes&mode=real&bet=10&win=11"
        repeated = server.api.game("POST", target, key=f"{player_id}-{spins}").json()
        assert (repeated["replayed"], repeated["balance"]["real"]) == (True, DEPOSIT + spins)
        assert server.api.game("POST", target).json()["balance"]["real"] == DEPOSIT + spins + 1
    assert balances(server.api) == {player_id: spins + 1 for player_id, spins in found.items()}


def integrations(home: Path) -> Path:
    """A file that puts the archive into `home`, in segments of a fraction of a second."""
    home.mkdir()
    path = home / "integrations.yaml"
    places = f"place: {{url: {home / 'archive'}}}\n  spool: {home / 'spool'}\n  key_file: {home / 'archive.key'}"
    path.write_text(f"archive:\n  {places}\n  segment_age_s: 0.2\n")
    return path


def test_a_sqlite_store_is_backed_up_under_load_and_restored_elsewhere(tmp_path: Path) -> None:
    backup, store, elsewhere = tmp_path / "backup", f"sqlite:{tmp_path / 'store'}", f"sqlite:{tmp_path / 'elsewhere'}"
    file, new_file = integrations(tmp_path / "home"), integrations(tmp_path / "new-home")
    server = CroupierUp(tmp_path / "first", store, *OPTIONS, "--integrations", str(file), archive=True)
    try:
        check = backed_up(
            server,
            backup,
            environment(),
            "--integrations",
            str(file),
            meanwhile=lambda: many_backups(places_of(store, file), tmp_path),
        )
    finally:
        assert server.stop() == 0
    done = croupier("restore", str(backup), "--store", elsewhere, "--integrations", str(new_file))
    assert done.returncode == 0, done.stderr
    verified(tmp_path / "new-home" / "archive", elsewhere)
    restored = CroupierUp(tmp_path / "second", elsewhere, *OPTIONS, "--integrations", str(new_file), archive=True)
    try:
        played_on(restored, check)
    finally:
        assert restored.stop() == 0
    verified(tmp_path / "new-home" / "archive", elsewhere)


def many_backups(places: Places, folder: Path) -> None:
    """Each shows one instant: the archive has all that the store's cursor says, and nothing that the store has not."""
    for number in range(BACKUPS):
        backup = folder / f"backup{number}"
        take(places, backup, with_keys=False)
        cursors, heads, ends = asyncio.run(standing(backup))
        assert cursors and all(cursors[shard] <= ends[shard] for shard in cursors), (number, cursors, ends)
        assert all(ends[shard] <= heads[shard] for shard in ends), (number, heads, ends)
        shutil.rmtree(backup)


Reached = dict[str, tuple[int, int]]


async def standing(backup: Path) -> tuple[Reached, Reached, Reached]:
    """(epoch, number) of each shard: the archive's cursor in the store, the last record of the store, and how far
    archive and spool have come, as the next archiver finds it.
    """
    store = open_store(f"sqlite:{backup / 'store'}")
    await store.open()
    cursors = {shard: (place.epoch, place.seq) for shard, place in (await store.reader_positions("archive")).items()}
    await store.close()
    heads = {}
    for path in (backup / "store").glob("shard-*.db"):
        with closing(sqlite3.connect(path)) as file:
            heads[path.stem.removeprefix("shard-")] = file.execute("SELECT log_epoch, seq FROM shard").fetchone()
    spool = Spool(backup / "spool", 2**40)
    found = await resume(open_bucket(ArchivePlace(str(backup / "archive"))), spool, asyncio.to_thread, 0)
    spool.close()
    return cursors, heads, {shard: (end.epoch, end.seq) for shard, end in found.ends.items()}


def test_a_redis_store_is_backed_up_under_load_and_restored_elsewhere(tmp_path: Path) -> None:
    first, backup = RedisServer(tmp_path / "redis").start(), tmp_path / "backup"
    home, new_home = tmp_path / "home", tmp_path / "new-home"
    server = CroupierUp(tmp_path / "first", first.url, *OPTIONS, archive=True, XDG_STATE_HOME=str(home))
    try:
        check = backed_up(server, backup, environment(XDG_STATE_HOME=str(home)))
    finally:
        assert server.stop() == 0
        first.stop()
    second = loaded(backup / "store" / "dump.rdb", tmp_path / "redis2")
    env = environment(XDG_STATE_HOME=str(new_home))
    done = croupier("restore", str(backup), "--store", second.url, env=env)
    assert done.returncode == 0, done.stderr
    [archive] = new_home.glob("croupier/archive-of-*/archive")
    restored = CroupierUp(tmp_path / "second", second.url, *OPTIONS, archive=True, XDG_STATE_HOME=str(new_home))
    try:
        played_on(restored, check)
        # Behind the horizon: the archive takes nothing that Redis may still lose.
        wait_until("the archive has what snapshots say", lambda: is_sound(archive, second.url), 60)
    finally:
        assert restored.stop() == 0
    verified(archive, second.url)
    second.stop()


def loaded(dump: Path, folder: Path) -> RedisServer:
    """A new Redis with that dump, as docs/operations.md says: loaded first, then given an append-only file."""
    folder.mkdir()
    shutil.copy(dump, folder / "dump.rdb")
    server = RedisServer(folder, extra="--appendonly no").start()
    client = redis.Redis(port=server.port, decode_responses=True)
    client.config_set("appendonly", "yes")
    wait_until("the append-only file is there", lambda: not client.info("persistence")["aof_rewrite_in_progress"], 60)
    client.close()
    return server
