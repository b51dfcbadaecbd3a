"""How many entries a second `croupier audit verify` verifies, and what the keeper needs to put one into the tree.

`python -m benchmarks.audit_verify [--entries N] [--processes N] [--folder DIR]`: spins of a thousand players, in
records of 20 entries and segments of 8 MiB, are archived, put into the tree and signed. Then all of it is verified:
bytes, chains, tree, tiles, and every balance recomputed. Making the archive is not part of the figure.
"""

import argparse
import asyncio
import os
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry

from actors.host.garbage import rarely_collect_garbage
from benchmarks.archive_sink import played
from croupier.audit.verifying import Report, Wanted, verify
from feeds.audit.extending import Extending
from feeds.audit.keeper import Keeper
from feeds.audit.metrics import AuditMetrics
from feeds.reading import Followed
from snapshots.archive.bucket import open_bucket
from snapshots.archive.format import archived, encode_record, search
from snapshots.archive.index import End
from snapshots.archive.place import ArchivePlace, Bucket
from snapshots.archive.segment import build_segment
from snapshots.audit.notes import Signer

BATCH = 20
SEGMENT_BYTES = 8_388_608
CUT_MS = 1_795_860_000_000


def segments(records: Iterator[Followed]) -> Iterator[list[bytes]]:
    """Encoded records, so many as go into a segment."""
    waiting: list[bytes] = []
    size = 0
    for followed in records:
        found = search(followed.record.payload)
        keys = {personal.entry.player_id: bytes(32) for personal in found.personal}
        place = followed.shard_id, followed.position.epoch, followed.log_id
        waiting.append(encode_record(archived(place, followed.record, found.personal, keys)))
        size += len(waiting[-1])
        if size >= SEGMENT_BYTES:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting


async def archive(bucket: Bucket, entries: int) -> None:
    """Makes the segments."""
    ends: Mapping[str, End] = {}
    for number, records in enumerate(segments(played(entries, BATCH)), 1):
        built = build_segment(number, CUT_MS, ends, records)
        ends = built.ends
        await bucket.put_new(built.segment_name, built.segment)
        await bucket.put_new(built.index_name, built.index_bytes)


async def prove(bucket: Bucket) -> float:
    """Makes the tree, and signs it once; how many seconds of CPU that took."""
    keeper = Keeper(
        bucket=bucket,
        signer=lambda known: Signer(bytes(32), "bench.example/log"),
        extending=Extending(bucket, None),
        metrics=AuditMetrics(CollectorRegistry()),
        checkpoint_s=3_600,
        now_ms=lambda: CUT_MS,
    )
    began = time.process_time()
    await keeper.keep()
    return time.process_time() - began


def cpu_of(whose: int) -> float:
    """Seconds of CPU so far."""
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def measure(folder: str, entries: int, processes: int) -> str:
    """The figures, in one line. What is in the folder already is verified as it is."""
    place = ArchivePlace(folder)
    bucket = open_bucket(place)
    if not (Path(folder) / "checkpoints").exists():
        asyncio.run(archive(bucket, entries))
    keeper_s = asyncio.run(prove(bucket))
    before = cpu_of(resource.RUSAGE_SELF), cpu_of(resource.RUSAGE_CHILDREN)
    report: Report = asyncio.run(verify(Wanted(place, processes=processes)))
    first_s, others_s = cpu_of(resource.RUSAGE_SELF) - before[0], cpu_of(resource.RUSAGE_CHILDREN) - before[1]
    assert report.sound, report.faults
    count = report.entries
    return (
        f"{count} entries, {report.leaves} leaves, {report.recomputed} of them recomputed: verified in "
        f"{report.seconds:.1f} s, {count / report.seconds:,.0f} entries/s, {processes} processes beside the first; "
        f"CPU per entry {first_s / count * 1e6:.1f} µs in the first, {others_s / count * 1e6:.1f} µs in the others "
        f"together; the keeper needed {keeper_s / count * 1e6:.1f} µs"
    )


def main() -> None:
    """Plays, archives, proves, verifies."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", help="where the archive is made and stays, to be verified again")
    given = parser.parse_args()
    rarely_collect_garbage()
    with tempfile.TemporaryDirectory() as temporary:
        print(measure(given.folder or temporary, given.entries, given.processes))


if __name__ == "__main__":
    main()
