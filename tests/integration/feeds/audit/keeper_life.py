"""One life of the archive's process with the audit's keeper, for a test that ends it by SIGKILL: `python -m … FOLDER`.

It is the product's sink with notes and control log in a real store. It is given the same journal in each life, tells of
every object that it has put, and ends when a checkpoint covers all.
"""

import asyncio
import secrets
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from actors.host.importing import imported
from croupier.demo.keeping import covered
from croupier.integrations.plans import default_archive, reader_plans
from engine.control_entries import ControlEntry, encode_control_entry
from feeds.audit.settings import AuditSettings
from feeds.facts.manifest import ShardEnd
from feeds.following.noting import StoreNotes
from feeds.following.runner import Factory
from feeds.integrations import Integrations
from feeds.reading import Followed
from snapshots.archive.bucket import ObjectBucket, open_bucket
from snapshots.contract import ARCHIVE, Position
from snapshots.opening import open_store
from tests.support.archiving import PlayedLog

SPINS = 900
ORIGIN = "casino.example/log"


def journal() -> list[Followed]:
    """The same in each life."""
    log = PlayedLog()
    return [log.arrive("alice"), log.arrive("bob"), *log.spins("alice", SPINS // 2), *log.spins("bob", SPINS // 2)]


def say(line: str) -> None:
    """To whoever started this process."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def telling(put: Callable[[ObjectBucket, str, bytes], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Tells of every object that is there."""

    async def put_new(bucket: ObjectBucket, name: str, content: bytes) -> None:
        await put(bucket, name, content)
        say(name)

    return put_new


async def live(folder: Path) -> None:
    url = f"sqlite:{folder}"
    archive = replace(default_archive(url, {}), segment_age_s=0.05)
    (plan,) = reader_plans(Integrations(audit=AuditSettings(origin=ORIGIN, checkpoint_s=0.2)), archive, url)
    store = open_store(url)
    await store.open()
    reader = await store.claim_reader(ARCHIVE, secrets.token_hex(8))
    await store.append_control([encode_control_entry(ControlEntry(time.time_ns() // 1_000_000, "ann", "ops", "live"))])
    factory: Factory = imported(plan.factory)
    sink = await factory(plan.settings, StoreNotes(store, reader), CollectorRegistry())
    await sink.open()
    records = journal()
    for record in records:
        await sink.take(record)
        await asyncio.sleep(0.001)  # so that there are many segments, and many checkpoints
    while sink.settled().get("s0", Position(0, 0)) < records[-1].position:
        await asyncio.sleep(0.01)
    bucket = open_bucket(archive.place)
    while (await covered(bucket)).get("s0", ShardEnd(0, 0)).seq < records[-1].position.seq:
        await asyncio.sleep(0.05)
    await sink.close()
    await store.close()


if __name__ == "__main__":
    ObjectBucket.put_new = telling(ObjectBucket.put_new)  # type: ignore[method-assign,assignment]
    asyncio.run(live(Path(sys.argv[1])))
