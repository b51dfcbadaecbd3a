"""A copy of what Redis holds at one instant: writes are paused while it forks, for milliseconds, and go on while its
child saves.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from snapshots.errors import StoreUnavailable, StoreUnsuitable
from snapshots.redis.endpoint import SENTINEL_SCHEMES, endpoint_of
from snapshots.redis.settings import masked

PAUSE_MS: Final = 5_000
"""Redis ends the pause by itself after so long, in case that this process dies meanwhile."""
SAVE_TIMEOUT_S: Final = 3_600.0
SAVE_MTIME_S: Final = 2
"""By how many seconds the time of the file and the time that Redis tells may differ."""
REDIS_FILE: Final = "dump.rdb"
_POLL_S: Final = 0.05


class RedisCopy:
    """Has one Redis save itself. Blocking. It needs the commands CLIENT PAUSE, BGSAVE, INFO and CONFIG GET."""

    def __init__(self, url: str) -> None:
        self.elsewhere: str | None = None
        """Where the save is, in words, if it could not be copied."""
        self._url, self._name = url, masked(url)
        self._redis: Any = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Nobody writes to Redis during the block, from a moment before it forked on.

        Raises StoreUnavailable, also if the block took longer than the pause; StoreUnsuitable for a URL that is none.
        """
        self._connect()
        self._until_it_may_save()
        begun = time.monotonic()
        self._ask("CLIENT", "PAUSE", str(PAUSE_MS), "WRITE")
        try:
            self._ask("BGSAVE")
            yield
            if (time.monotonic() - begun) * 1_000 >= PAUSE_MS:
                raise StoreUnavailable(f"Redis at {self._name} did not fork within {PAUSE_MS} ms: writes went on")
        finally:
            self._ask("CLIENT", "UNPAUSE")

    def write_to(self, target: Path) -> list[str]:
        """Waits for the save and copies it into the folder `target`, if Redis's disk is one of this machine's. Answers
        the names of the files; if there are none, `elsewhere` says where the save is.

        Raises StoreUnavailable if Redis could not save, OSError.
        """
        saved, saved_at_s = self._saved()
        try:
            with saved.open("rb") as source:
                if abs(os.fstat(source.fileno()).st_mtime - saved_at_s) > SAVE_MTIME_S:
                    raise FileNotFoundError  # a file of another Redis, which happens to have the same path here
                self._copy(source, target)
        except (FileNotFoundError, PermissionError):
            self.elsewhere = f"{saved} on the host of {self._name}"
            return []
        return [REDIS_FILE]

    def _copy(self, source: BinaryIO, target: Path) -> None:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(target / REDIS_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
            shutil.copyfileobj(source, copy)

    def _saved(self) -> tuple[Path, int]:
        """The path of the save, and when it was made (Unix seconds)."""
        info = self._until(lambda info: not info["rdb_bgsave_in_progress"])
        if info["rdb_last_bgsave_status"] != "ok":
            raise StoreUnavailable(f"Redis at {self._name} could not save: its own log says why")
        folder, file = (self._ask("CONFIG", "GET", name)[name] for name in ("dir", "dbfilename"))
        return Path(folder) / file, int(info["rdb_last_save_time"])

    def close(self) -> None:
        """Hangs up; closing twice is fine."""
        if self._redis is not None:
            self._redis.close()

    def _connect(self) -> None:
        """To the master of the moment. Sentinels are asked in a loop of their own, so not from within another one."""
        self.close()
        try:
            url = plain_url(self._url)
            self._redis = Redis.from_url(
                url,
                retry=Retry(NoBackoff(), 0),  # a pause that is asked for twice would last longer than we know
                socket_timeout=30,
                socket_connect_timeout=5,
                decode_responses=True,
            )
        except ValueError as error:
            raise StoreUnsuitable(f"{self._name} is not a Redis URL: {error}.") from None
        self._name = masked(url)
        if self._ask("INFO", "replication")["role"] != "master":
            raise StoreUnavailable(f"Redis at {self._name} is a replica: take the backup of its master")

    def _until_it_may_save(self) -> None:
        busy = ("rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled")
        self._until(lambda info: not any(info.get(name) for name in busy))

    def _until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        until = time.monotonic() + SAVE_TIMEOUT_S
        while time.monotonic() < until:
            info: dict[str, Any] = self._ask("INFO", "persistence")
            if holds(info):
                return info
            time.sleep(_POLL_S)
        raise StoreUnavailable(f"Redis at {self._name} has been saving for more than {SAVE_TIMEOUT_S:.0f} s")

    def _ask(self, *words: str) -> Any:
        try:
            return self._redis.execute_command(*words)
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"Redis at {self._name}: {error}") from None


def plain_url(url: str) -> str:
    """The URL of one server, without what only Croupier reads: of the master, if the URL names sentinels.

    Raises ValueError if it is no such URL, StoreUnavailable if the sentinels name no master.
    """
    endpoint, parts = endpoint_of(url), urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if not name.startswith(("sentinel_", "wait_"))]
    parts = parts._replace(query=urlencode(query))
    if endpoint.sentinels is None:
        return urlunsplit(parts)
    host, port = asyncio.run(endpoint.address())
    login, at, _ = parts.netloc.rpartition("@")
    database = parts.path.strip("/").partition("/")[2]
    netloc = f"{login}{at}[{host}]:{port}" if ":" in host else f"{login}{at}{host}:{port}"
    return urlunsplit((SENTINEL_SCHEMES[parts.scheme], netloc, f"/{database}", parts.query, ""))
