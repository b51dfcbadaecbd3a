"""Bytes back into players: snapshot + journal tail, or a clear refusal. Nothing here guesses.

A player is loaded only if every version from its snapshot to its last durable entry is there (rule 8); damage and gaps
stop that player and nobody else.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from engine.player import replay
from engine.state import Player
from engine.transition import Transition
from snapshots.codec import KeyedEntry, decode_batch, decode_entry, decode_snapshot, owners
from snapshots.contract import DAY_MS, GENESIS, Handover, LogInfo, LogRecord, Position, SnapshotRecord, Store, next_hash
from snapshots.errors import CorruptLog, CorruptSnapshot, VersionGap
from snapshots.rows import log_name
from snapshots.tail_index import TailIndex

PAGE_RECORDS = 256
TRIMS_MAX = 3


class ReadsLogs(Protocol):
    """Whatever reads records of logs: a store, for example."""

    async def read_log(self, log_id: str, after_seq: int, limit: int) -> Sequence[LogRecord]:
        """See `Store.read_log`."""


def came_from(shard_id: str, handovers: Iterable[Handover], logs: Iterable[LogInfo]) -> set[str]:
    """Live logs with entries of players who came to the shard, as long as a checkpoint does not cover them.

    These players were snapshotted when they left. But a store that lost its tail may have lost that (rule 15), and what
    it was told again is in the log of the shard that they left.
    """
    left: dict[str, int] = {}
    for handover in handovers:
        if handover.gainer == shard_id:
            log_id = log_name(handover.loser, handover.left.epoch)
            left[log_id] = max(handover.left.seq, left.get(log_id, 0))
    return {info.log_id for info in logs if not info.sealed and info.checkpoint_seq < left.get(info.log_id, 0)}


async def read_tails(store: ReadsLogs, logs: Iterable[LogInfo], wanted: Callable[[str], bool]) -> TailIndex:
    """Indexes what follows each log's checkpoint, for the players `wanted`.

    What a sealed log has before its checkpoint is not read here: the index only holds the log (`TailIndex.hold`), for
    `half_covered`. A damaged entry stops only its player. If a record is missing, or can't be read at all, CorruptLog
    names the log and the sequence number.
    """
    index = TailIndex()
    for log in logs:
        if log.sealed and log.trimmed_seq < log.checkpoint_seq:
            index.hold(log)
        async for record, intact in _verified(store, log.log_id, log.checkpoint_seq):
            _index_record(index, log.log_id, record, intact, wanted)
    return index


async def half_covered(store: ReadsLogs, log: LogInfo) -> AsyncIterator[list[KeyedEntry]]:
    """What a log has from its trim point to its checkpoint, record by record, still encoded.

    Each player's newest snapshot covers these entries, but perhaps not the older one (rule 8). Raises CorruptLog if a
    record is missing or damaged.
    """
    seq = log.trimmed_seq
    async for record, intact in _verified(store, log.log_id, seq):
        if record.seq > log.checkpoint_seq:
            return
        if not intact:
            raise CorruptLog(f"log {log.log_id} record {record.seq} fails its hash")
        seq = record.seq
        yield decode_batch(record.payload)
    if seq < log.checkpoint_seq:
        raise CorruptLog(f"log {log.log_id} ends at {seq}, before its checkpoint {log.checkpoint_seq}")


async def read_player(store: ReadsLogs, log_id: str, player_id: str, after_seq: int = 0) -> list[KeyedEntry]:
    """One player's entries in one log, live or sealed. Raises CorruptLog if any may be damaged.

    An intact record that has the player's id nowhere in its bytes is not decoded: that is most of the work.
    """
    index, name = TailIndex(), player_id.encode()
    async for record, intact in _verified(store, log_id, after_seq):
        if not intact or name in record.payload:
            _index_record(index, log_id, record, intact, player_id.__eq__)
    return index.peek(player_id)


class Loaded(NamedTuple):
    """A player, and when it has work due according to the index (Unix ms; None: never)."""

    player: Player
    indexed_ms: int | None


async def load_player(store: Store, player_id: str, tail: Sequence[KeyedEntry] = ()) -> Loaded:
    """The player at its last durable version; version 0 if the store says that there is nothing.

    `tail` are entries that may be newer than the snapshot. If the newest generation is damaged, the older one (or an
    empty player) is brought forward from all unfinished logs. Raises CorruptSnapshot, CorruptLog or VersionGap if the
    player can't be brought back completely.
    """
    stored = await store.load_player(player_id)
    generations = stored.generations
    newest = generations[0].version if generations else 0
    player, damage = _first_intact(player_id, generations)
    entries = list(tail)
    if damage is not None:
        entries += await _all_logs(store, player_id, await store.unfinished_logs())
    try:
        _bring_forward(player, entries)
        _demand_version(player, max(stored.minimum_version, newest))
    except VersionGap as gap:
        if damage is None:
            raise
        raise CorruptSnapshot(f"{damage}; the journal can't replace it: {gap}") from gap
    return Loaded(player, generations[0].due_ms if generations else None)


def _first_intact(player_id: str, generations: Sequence[SnapshotRecord]) -> tuple[Player, CorruptSnapshot | None]:
    damage: CorruptSnapshot | None = None
    for record in generations:
        try:
            return decode_snapshot(record), damage
        except CorruptSnapshot as error:
            damage = damage or error
    return Player.new(player_id), damage


class PlayerArchive(Protocol):
    """What the archive tells of a player, where there is one (`snapshots.archive.reading.ArchivedRecords`)."""

    async def history(
        self, player_id: str, since_ms: int, cursors: Mapping[str, Position], logs: Sequence[LogInfo]
    ) -> list[KeyedEntry]:
        """The player's entries since about `since_ms` (Unix ms), without personal fields, in any order.

        `cursors` is how far the archive's reader has come, `logs` what the journal holds: if a record is no longer in
        the journal and not yet in the archive, ArchiveBehind is raised; ArchiveUnavailable if there is no answer.
        """


async def player_history(store: Store, player_id: str, archive: PlayerArchive | None = None) -> list[Transition]:
    """All that the journal still holds of a player, oldest first, and behind its trim points the last 24 hours of the
    archive, if there is one.

    It reads every unfinished log from its trim point on, so it is for the rare questions that memory can't answer.
    Raises CorruptLog if an entry of the player may be damaged, ArchiveUnavailable if the archive can't tell now.
    """
    logs, held = await held_entries(store, player_id)
    entries = {entry.version: entry for entry in held}
    if archive is not None:
        cursors = await store.reader_positions("archive")
        since_ms = await store.clock_ms() - DAY_MS
        for entry in await archive.history(player_id, since_ms, cursors, logs):
            entries.setdefault(entry.version, entry)
    return [decode_entry(entries[version]) for version in sorted(entries)]


async def held_entries(store: Store, player_id: str) -> tuple[Sequence[LogInfo], list[KeyedEntry]]:
    """The logs, and what they hold of a player, still encoded. If one was trimmed under the reading, all are read anew.

    Raises CorruptLog if an entry of the player may be damaged.
    """
    logs = await store.journal_logs()
    for _ in range(TRIMS_MAX):
        try:
            return logs, await _all_logs(store, player_id, logs)
        except CorruptLog:
            before, logs = logs, await store.journal_logs()
            if _trims(before) == _trims(logs):
                raise
    return logs, await _all_logs(store, player_id, logs)


def _trims(logs: Sequence[LogInfo]) -> list[tuple[str, int]]:
    return [(log.log_id, log.trimmed_seq) for log in logs]


async def _all_logs(store: Store, player_id: str, logs: Sequence[LogInfo]) -> list[KeyedEntry]:
    found: list[KeyedEntry] = []
    for log in logs:
        found += await read_player(store, log.log_id, player_id, log.trimmed_seq)
    return found


def _bring_forward(player: Player, entries: list[KeyedEntry]) -> None:
    """Applies the entries above the player's version, each once, in order. Raises VersionGap, CorruptLog."""
    last: KeyedEntry | None = None
    for entry in sorted(entries, key=lambda entry: entry.version):
        if last is not None and entry.version == last.version and entry.data != last.data:
            raise CorruptLog(f"player {entry.player_id!r}: two different entries of version {entry.version}")
        last = entry
        version = player.state.version
        if entry.version > version + 1:
            raise VersionGap(f"player {entry.player_id!r}: version {entry.version} follows {version} in the journal")
        if entry.version == version + 1:
            replay(player, decode_entry(entry))


def _demand_version(player: Player, minimum: int) -> None:
    state = player.state
    if state.version < minimum:
        raise VersionGap(
            f"player {state.player_id!r}: version {minimum} was durable, but only {state.version} is found"
        )


def _index_record(
    index: TailIndex, log_id: str, record: LogRecord, intact: bool, wanted: Callable[[str], bool]
) -> None:
    try:
        entries = decode_batch(record.payload)
    except CorruptLog as error:
        raise CorruptLog(f"log {log_id} record {record.seq}: {error}") from None
    if not intact:
        for player_id, reason in _suspects(entries).items():
            if wanted(player_id):
                index.mark_corrupt(log_id, player_id, f"log {log_id} record {record.seq}: {reason}")
    for entry in entries:
        if wanted(entry.player_id):
            index.add(log_id, entry)


def _suspects(entries: Sequence[KeyedEntry]) -> dict[str, str]:
    """Who must stop because a record fails its hash: every player to whom a bad entry of the record may belong.

    If no entry is bad, nobody can tell what was changed, so everybody in the record stops.
    """
    suspects: dict[str, str] = {}
    for entry in entries:
        try:
            decode_entry(entry)
        except CorruptLog as error:
            suspects |= dict.fromkeys(owners(entry), str(error))
    return suspects or {entry.player_id: f"entry {entry.player_id!r}: the record fails its hash" for entry in entries}


async def _verified(store: ReadsLogs, log_id: str, after_seq: int) -> AsyncIterator[tuple[LogRecord, bool]]:
    """Records after `after_seq`, each with whether its hash holds. Raises CorruptLog if one is missing or replaced."""
    seq = after_seq
    expected = {GENESIS} if after_seq == 0 else None
    while page := await store.read_log(log_id, seq, PAGE_RECORDS):
        for record in page:
            # Nothing before the first record is read, so what that record says of its predecessor is believed.
            hashes = {next_hash(previous, record.payload) for previous in expected or {record.previous}}
            intact = record.hash in hashes
            follows = intact or expected is None or record.previous in expected
            if record.seq != seq + 1 or not follows:
                raise CorruptLog(f"log {log_id} record {seq + 1}: missing, or not the successor of the one before")
            yield record, intact
            seq, expected = record.seq, {record.hash, *hashes}
