"""Verifies an archive: one process walks the tree, others recompute the players.

Nothing of it is trusted but the public key and what the caller brings: a checkpoint from before, balances, a receipt.
"""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Final

import msgspec

from actors.host.garbage import rarely_collect_garbage
from croupier.audit.balances import Expected, Part, Recomputing, Totals
from croupier.audit.chains import Chains
from croupier.audit.faults import Fault, Faults
from croupier.audit.tree import Known, TreeCheck
from croupier.audit.walking import all_checkpoints, all_segments, extent_count, many, walk
from snapshots.archive.bucket import open_bucket
from snapshots.archive.catalogue import Catalogue
from snapshots.archive.naming import SEGMENTS, index_name, number_of
from snapshots.archive.place import ArchivePlace, Bucket
from snapshots.audit.checkpoints import stored_keys
from snapshots.audit.extents import read_extent
from snapshots.audit.leaves import segment_blocks
from snapshots.audit.notes import Checkpoint, NoteInvalid, VerifierKey, verified_checkpoint
from snapshots.errors import ArchiveUnavailable, CorruptArchive

PROCESSES_MAX: Final = 16
LEAVES_ALONE_MAX: Final = 200_000
"""Up to so many leaves one process does all."""
WAITING_MAX_S: Final = 600
"""For how long a segment may wait for the tree, told by the newest segment: a copy has no clock of its own."""
_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder


class Wanted(msgspec.Struct, frozen=True):
    """What is verified. `keys`: verifier keys; none: those that lie in the archive.

    `since`: checkpoints (name, note) that the caller has kept. `processes` recompute players; 0: in this one; None: as
    many as it is worth.
    """

    place: ArchivePlace
    keys: Sequence[str] = ()
    since: Sequence[tuple[str, str]] = ()
    expected: Mapping[str, Expected] = {}
    processes: int | None = None


class Report(msgspec.Struct):
    """What was found. `leaves` of the tree, of which checkpoints cover `covered`; `waiting` segments are in no extent
    yet, because they are newer than the tree.
    """

    faults: list[Fault]
    fault_count: int
    origin: str = ""
    leaves: int = 0
    covered: int = 0
    root: str = ""
    checkpoints: int = 0
    proven_checkpoints: int = 0
    since: list[str] = []
    own_keys: bool = False
    """Whether the keys were those that lie in the archive itself."""
    records: int = 0
    sealed_records: int = 0
    entries: int = 0
    recomputed: int = 0
    players: int = 0
    partial_players: int = 0
    compared: int = 0
    waiting: int = 0
    totals: dict[str, Totals] = {}
    seconds: float = 0.0

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.fault_count


class Told(msgspec.Struct):
    """What a process that recomputed players has found."""

    faults: list[Fault]
    fault_count: int
    entries: int
    recomputed: int
    players: int
    partial: int
    compared: int
    totals: dict[str, Totals]


Progress = Callable[[int, int, int], None]
"""Called with objects walked, objects there are, and leaves so far."""


async def verify(wanted: Wanted, progress: Progress = lambda done, of, leaves: None) -> Report:
    """Raises ArchiveUnavailable if the archive can't be listed, NoteInvalid if a key is none."""
    began, faults, bucket = time.monotonic(), Faults(), open_bucket(wanted.place)
    keys = [VerifierKey.parsed(text) for text in wanted.keys or await stored_keys(bucket)]
    known, checkpoints = await _known(bucket, wanted, keys, faults)
    end = await extent_count(bucket)  # after the checkpoints: the archive may grow meanwhile
    report = Report([], 0, checkpoints=checkpoints, own_keys=not wanted.keys)
    processes = await _processes(bucket, end) if wanted.processes is None else wanted.processes
    helpers = _Helpers(wanted, end, processes)
    try:
        tree, chains = TreeCheck(bucket, known, faults), Chains(faults)
        own = None if processes else Recomputing(Part(0, 1), wanted.expected, faults)
        async for walked in walk(bucket, end):
            for records in await tree.take(walked):
                chains.take(walked.name, records)
                if own is not None:
                    own.take(walked.name, records)
            progress(walked.number + 1, end, tree.tree.size)
        tree.end()
        await _missing(bucket, tree, faults, report)
        told = await helpers.end() if own is None else [_told(own, faults, own.end())]
    finally:
        helpers.kill()
    _sum(report, told, faults)
    report.records, report.sealed_records = chains.records, chains.sealed
    report.leaves, report.root = tree.tree.size, tree.tree.root().hex()
    report.proven_checkpoints = tree.proven
    own_known = [each for each in known if not each.since]
    report.covered = max((each.checkpoint.size for each in own_known), default=0)
    report.since = [each.name for each in known if each.since]
    report.origin = own_known[-1].checkpoint.origin if own_known else ""
    report.seconds = time.monotonic() - began
    return report


async def _processes(bucket: Bucket, end: int) -> int:
    """None for a small archive: starting one takes longer."""
    try:
        leaves = (await read_extent(bucket, end - 1)).end if end else 0
    except (ArchiveUnavailable, CorruptArchive):
        return 0
    return 0 if leaves < LEAVES_ALONE_MAX else min(os.cpu_count() or 1, PROCESSES_MAX)


async def _known(
    bucket: Bucket, wanted: Wanted, keys: Sequence[VerifierKey], faults: Faults
) -> tuple[list[Known], int]:
    """All checkpoints that are signed, and how many there are."""
    known: list[Known] = []
    stored = await all_checkpoints(bucket)
    notes = await many([each.name for each in stored], bucket.get)
    for each, note in zip(stored, notes, strict=True):
        checkpoint = _opened(each.name, note, keys, faults)
        if checkpoint is None:
            continue
        if checkpoint.size != each.size:
            faults.add("checkpoint_invalid", each.name, f"it is of {checkpoint.size} leaves, not as its name says")
        known.append(Known(each.name, checkpoint, tiles=each.ends_day or each is stored[-1]))
    if not stored:
        faults.add("checkpoint_missing", "checkpoints", "there is none: nothing of the archive is signed")
    for name, kept in wanted.since:
        checkpoint = _opened(name, kept.encode(), keys, faults)
        if checkpoint is not None:
            known.append(Known(name, checkpoint, since=True))
    return known, len(stored)


def _opened(name: str, note: bytes, keys: Sequence[VerifierKey], faults: Faults) -> Checkpoint | None:
    try:
        return verified_checkpoint(note.decode(), keys)
    except (NoteInvalid, UnicodeDecodeError) as error:
        faults.add("checkpoint_invalid", name, error)
        return None


async def _missing(bucket: Bucket, tree: TreeCheck, faults: Faults, report: Report) -> None:
    """Segments that are in no extent: new ones wait, others were slipped in."""
    newest = max((number_of(name) for name in tree.objects if name.startswith("segments/")), default=0)
    waiting: list[str] = []
    for name in await all_segments(bucket):
        if name in tree.objects:
            continue
        if number_of(name) > newest:
            waiting.append(name)
        else:
            faults.add("object_unknown", name, "no extent has it: it is not part of the log")
    report.waiting = len(waiting)
    if len(waiting) > 1:
        await _check_wait(bucket, waiting[0], waiting[-1], faults)


def index_of(segment: str) -> str:
    """The name of a segment's index."""
    return index_name(segment.removeprefix(f"{SEGMENTS}/").rpartition("/")[0], number_of(segment))


async def _check_wait(bucket: Bucket, oldest: str, newest: str, faults: Faults) -> None:
    """A tree that has stopped proves nothing of what is archived since."""
    heads = Catalogue(bucket)
    try:
        first, last = [await heads.head(index_of(each)) for each in (oldest, newest)]
    except CorruptArchive as error:
        faults.add("object_damaged", oldest, f"for how long it has waited for the tree can't be told: {error}")
        return
    waited_s = (last.cut_ms - first.cut_ms) / 1_000
    if waited_s > WAITING_MAX_S:
        faults.add("tree_behind", oldest, f"it was cut {waited_s:.0f} s before the newest one, and is in no extent yet")


def _sum(report: Report, told: Sequence[Told], faults: Faults) -> None:
    for each in told:
        faults.take(each.faults, each.fault_count)
        report.entries += each.entries
        report.recomputed += each.recomputed
        report.players += each.players
        report.partial_players += each.partial
        report.compared += each.compared
        for currency, totals in each.totals.items():
            known = report.totals.setdefault(currency, Totals())
            known.players += totals.players
            known.real, known.bonus = known.real + totals.real, known.bonus + totals.bonus
    found, report.fault_count = faults.give()
    report.faults = found


def _told(work: Recomputing, faults: Faults, totals: dict[str, Totals]) -> Told:
    found, count = faults.give()
    return Told(
        faults=found,
        fault_count=count,
        entries=work.entries,
        recomputed=work.recomputed,
        players=work.players,
        partial=work.partial,
        compared=work.compared,
        totals=totals,
    )


# --- processes that recompute players


class _Helpers:
    """One process per part of the players."""

    def __init__(self, wanted: Wanted, end: int, processes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._running: list[tuple[multiprocessing.process.BaseProcess, Connection]] = []
        encoded = msgspec.json.encode(wanted)
        for number in range(processes):
            ours, theirs = context.Pipe(duplex=False)
            part = Part(number, processes)
            process = context.Process(target=_recompute, args=(encoded, end, tuple(part), theirs), daemon=True)
            process.start()
            theirs.close()
            self._running.append((process, ours))

    async def end(self) -> list[Told]:
        """What each of them found. Raises RuntimeError if one died."""
        return [await asyncio.to_thread(self._result, *each) for each in self._running]

    @staticmethod
    def _result(process: multiprocessing.process.BaseProcess, pipe: Connection) -> Told:
        try:
            told = _decoder(Told).decode(pipe.recv_bytes())
        except EOFError:
            process.join()
            raise RuntimeError(f"a process that recomputes players ended with exit code {process.exitcode}") from None
        process.join()
        return told

    def kill(self) -> None:
        """Ends those that still run."""
        for process, pipe in self._running:
            if process.is_alive():
                process.kill()
            process.join()
            pipe.close()


def _recompute(encoded: bytes, end: int, part: tuple[int, int], pipe: Connection) -> None:
    """What one of the processes does."""
    rarely_collect_garbage()
    wanted = msgspec.json.decode(encoded, type=Wanted)
    told = asyncio.run(_recomputed(wanted, end, Part(*part)))
    pipe.send_bytes(_encoder.encode(told))
    pipe.close()


async def _recomputed(wanted: Wanted, end: int, part: Part) -> Told:
    faults = Faults()
    work = Recomputing(part, wanted.expected, faults)
    async for walked in walk(open_bucket(wanted.place), end):
        if walked.extent is not None and walked.extent.kind == "segment" and walked.content is not None:
            try:
                for records in segment_blocks(walked.content):
                    work.take(walked.extent.object, records)
            except CorruptArchive:
                continue  # the walk of the tree tells it
    return _told(work, faults, work.end())
