"""What a demo leaves behind (`--keep DIR`): `store` with the archive in it, and `books.json`, the demo's own books.

With the two anybody can compare the reports of a real archive with books that share no code with the engine.
"""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from croupier.demo.ledger import Account
from croupier.integrations.plans import default_archive
from croupier.running.up import CannotStart
from feeds.audit.settings import AuditSettings
from feeds.facts.manifest import ShardEnd
from feeds.reports.checkpoint import vouching
from feeds.reports.sealed import is_level
from snapshots.archive.bucket import open_bucket
from snapshots.archive.catalogue import Catalogue
from snapshots.archive.place import Bucket
from snapshots.opening import open_store

BOOKS: Final = "books.json"
ORIGIN: Final = "demo.croupier/log"
CUT_S: Final = 2.0
"""How old records get before they are archived, and how often a checkpoint is signed: quick, as nobody waits long."""
ARCHIVED_TIMEOUT_S: Final = 60
LOOK_S: Final = 0.25


def empty_folder(folder: Path) -> Path:
    """The folder is there, and nothing is in it; its absolute path. Raises CannotStart."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        used = any(folder.iterdir())
    except OSError as problem:
        raise CannotStart(f"--keep {folder}: {problem.strerror}") from problem
    if used:
        raise CannotStart(f"--keep {folder}: the folder is not empty; name a new one")
    return folder.absolute()


def quick_archive(store: str) -> bytes:
    """integrations.yaml: the archive where it is without any, but cut and signed every two seconds."""
    archive = replace(default_archive(store, {}), segment_age_s=CUT_S)
    return msgspec.json.encode({"archive": archive, "audit": AuditSettings(origin=ORIGIN, checkpoint_s=CUT_S)})


async def archived(store: str) -> None:
    """Waits until all that the journal has is in the archive, under a signed checkpoint. Raises CannotStart."""
    deadline = time.monotonic() + ARCHIVED_TIMEOUT_S
    while not await _is_archived(store):
        if time.monotonic() > deadline:
            raise CannotStart(f"--keep: not everything was in the archive after {ARCHIVED_TIMEOUT_S} s")
        await asyncio.sleep(LOOK_S)


async def _is_archived(url: str) -> bool:
    store = open_store(url)
    try:
        await store.open()
        logs = await store.journal_logs()
    finally:
        await store.close()
    return is_level(await covered(open_bucket(default_archive(url, {}).place)), logs)


async def covered(bucket: Bucket) -> Mapping[str, ShardEnd]:
    """How far the archive is with each shard, if a signed checkpoint covers all of it; else nothing.

    Raises ArchiveUnavailable, CorruptArchive.
    """
    newest = await Catalogue(bucket).newest()
    if newest is None:
        return {}
    ends = {shard_id: ShardEnd(*end.place) for shard_id, end in newest.ends.items()}
    return ends if (await vouching(bucket, time.time_ns() // 1_000_000, ends)).covers else {}


def write_books(folder: Path, accounts: Mapping[str, Account]) -> None:
    """`books.json`: each player's account and all that moved it."""
    (folder / BOOKS).write_bytes(msgspec.json.format(msgspec.json.encode(accounts), indent=1) + b"\n")


def read_books(path: Path) -> Mapping[str, Account]:
    """The books that a demo has left."""
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Account])
