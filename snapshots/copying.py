"""A copy of a store at one instant, while shards write to it. `croupier backup` is made of this."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from snapshots.errors import StoreUnsuitable
from snapshots.redis.copying import RedisCopy
from snapshots.sqlite.copying import FolderCopy


class StoreCopy(Protocol):
    """Blocking. Freeze the store once, then write what was frozen."""

    elsewhere: str | None
    """Where the copy is, in words, if the store keeps it on a disk that can't be reached from here."""

    def frozen(self) -> AbstractContextManager[None]:
        """Nobody writes to the store during the block; what is written afterwards is the store as it stands in it."""

    def write_to(self, target: Path) -> list[str]:
        """Writes the copy into a folder; answers the names of its files."""

    def close(self) -> None:
        """Lets go of everything."""


def open_copy(url: str) -> StoreCopy:
    """Copies the store that `--store` names. Raises StoreUnsuitable for a URL of no known kind."""
    if url.startswith("sqlite:"):
        return FolderCopy(Path(url.removeprefix("sqlite:")))
    if url.startswith(("redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://")):
        return RedisCopy(url)
    kind = url.partition(":")[0]
    raise StoreUnsuitable(f"A store {kind!r} can't be copied: give sqlite:DIR, or redis://HOST:PORT of the master.")
