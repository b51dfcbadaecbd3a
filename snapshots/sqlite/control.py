"""What the SQLite store does across files: routing table, terms, slot moves, players wherever they are. Blocking.

Locks are always taken in the order control file, `readers.db`, shards' files: no two transactions can wait for each
other.
"""

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path

import msgspec

from snapshots.contract import (
    CATALOGS_KEPT,
    REQUESTS_KEPT,
    SLOTS,
    Address,
    CatalogRow,
    Claim,
    DoneRequest,
    Handover,
    Incarnation,
    LogInfo,
    LogRecord,
    Owner,
    Routing,
    StoredPlayer,
    TermLease,
)
from snapshots.errors import Fenced, StillHeld, StoreError, StoreUnsuitable, TermHeld
from snapshots.rows import address_of, catalog_of, log_origin, packed
from snapshots.sqlite import due as sqlite_due
from snapshots.sqlite import handovers as sqlite_handovers
from snapshots.sqlite import readers as sqlite_readers
from snapshots.sqlite import shard as sqlite_shard
from snapshots.sqlite import tallies as sqlite_tallies
from snapshots.sqlite.files import Files, store_error, writing

GENERATIONS = 2


class SlotMove(msgspec.Struct, frozen=True, array_like=True):
    """The arguments of `Store.release_slots`."""

    inc: Incarnation
    term: int
    slots: Sequence[int]
    dedicated: Sequence[str]
    gainer: str
    versions: Mapping[str, int]

    def request(self) -> bytes:
        """A digest by which a repeated call is recognised."""
        return blake2b(msgspec.msgpack.encode(self, order="sorted"), digest_size=16).digest()


def prepare(folder: Path) -> None:
    """Makes sure that the folder can be used. Raises StoreUnsuitable with a sentence for the operator."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise StoreUnsuitable(f"The store folder {folder} is not writable for this user.")
        _try_files(folder)
    except FileExistsError:
        raise StoreUnsuitable(f"The store {folder} is a file; give a folder.") from None
    except OSError as error:
        raise StoreUnsuitable(f"The store folder {folder} can't be used: {error.strerror}.") from None


def _try_files(folder: Path) -> None:
    files = Files(folder)
    try:
        files.shared()
        files.readers()
        for shard_id in files.shards():
            files.shard(shard_id)
    except sqlite3.Error as error:
        raise StoreUnsuitable(f"The store folder {folder} can't be used: {store_error(error)}.") from None
    except StoreUnsuitable:
        raise
    except StoreError as error:
        raise StoreUnsuitable(f"The store folder {folder} can't be used: {error}.") from None
    finally:
        files.close()


def claim(files: Files, shard_id: str, owner: Owner, nonce: str) -> Claim:
    """See `Store.claim`. The file comes first: a registered shard whose file is missing is a loss, not a new shard."""
    control = files.control()
    known = control.execute("SELECT 1 FROM shards WHERE shard_id=?", (shard_id,)).fetchone()
    file = files.shard(shard_id, create=not known)
    if not known:
        with writing(control):
            control.execute("INSERT OR IGNORE INTO shards VALUES (?)", (shard_id,))
    return sqlite_shard.claim(file, shard_id, owner, nonce)


def release(files: Files, move: SlotMove) -> None:
    """See `Store.release_slots`. WAL files can't commit as one, so each crash point must be safe by itself.

    The control file is locked throughout: neither term nor table can change. The shard's file commits first. A
    crash before that changed nothing; one between the commits leaves the slots with the loser at a higher epoch,
    with versions recorded that are durable anyway: the repeated call only does the rest, and if the loser
    is dead, its slots are recovered as always. The gainer sees the slots only after both commits.
    """
    control, file, request = files.control(), files.shard(move.inc.shard_id), move.request()
    with writing(control):
        done = control.execute("SELECT request FROM releases WHERE shard_id=?", (move.inc.shard_id,)).fetchone()
        if done == (request,):
            return
        _check_term(control, move.term)
        _check_owned(control, move)
        if not sqlite_shard.was_released(file, move.inc, request):
            sqlite_shard.release(file, move.inc, request, move.versions)
        sqlite_handovers.note(files, move.slots, move.dedicated, move.inc.shard_id, move.gainer)
        _put_slots(control, dict.fromkeys(move.slots, move.gainer))
        control.executemany(
            "INSERT OR REPLACE INTO dedicated VALUES (?, ?)", [(player, move.gainer) for player in move.dedicated]
        )
        control.execute("INSERT OR REPLACE INTO releases VALUES (?, ?)", (move.inc.shard_id, request))


def _check_term(control: sqlite3.Connection, term: int) -> None:
    (current,) = control.execute("SELECT term FROM control").fetchone()
    if current != term:
        raise Fenced(f"term {term} is over, the store is at {current}")


def _check_owned(control: sqlite3.Connection, move: SlotMove) -> None:
    """Raises Fenced if another shard owns a slot or player of the move: nothing can be given away twice."""
    slots = dict(control.execute("SELECT slot, shard_id FROM slots").fetchall())
    dedicated = dict(control.execute("SELECT player_id, shard_id FROM dedicated").fetchall())
    allowed = (None, move.inc.shard_id)
    for owner in [slots.get(slot) for slot in move.slots] + [dedicated.get(player) for player in move.dedicated]:
        if owner not in allowed:
            raise Fenced(f"shard {move.inc.shard_id} releases what {owner} owns")


def _put_slots(control: sqlite3.Connection, slots: Mapping[int, str]) -> None:
    control.executemany("INSERT OR REPLACE INTO slots VALUES (?, ?)", slots.items())


def take_term(files: Files, holder: str, lease_ms: int, take_over: bool, now_ms: int) -> int:
    """See `Store.take_term`; `now_ms` is the store's clock, here and below."""
    with writing(files.control()) as control:
        current = _lease(control, now_ms)
        if current.left_ms and current.holder not in ("", holder) and not take_over:
            raise TermHeld(current.holder, current.left_ms)
        control.execute("UPDATE control SET term=term+1, holder=?, held_until_ms=?", (holder, now_ms + lease_ms))
    return current.term + 1


def hold_term(files: Files, term: int, lease_ms: int, now_ms: int) -> None:
    """See `Store.hold_term`."""
    with writing(files.control()) as control:
        _check_term(control, term)
        control.execute("UPDATE control SET held_until_ms=?", (now_ms + lease_ms,))


def leave_term(files: Files, term: int) -> None:
    """See `Store.leave_term`."""
    with writing(files.control()) as control:
        _check_term(control, term)
        control.execute("UPDATE control SET holder='', held_until_ms=0")


def term_lease(files: Files, now_ms: int) -> TermLease:
    """See `Store.term_lease`."""
    return _lease(files.control(), now_ms)


def _lease(control: sqlite3.Connection, now_ms: int) -> TermLease:
    term, holder, until_ms = control.execute("SELECT term, holder, held_until_ms FROM control").fetchone()
    return TermLease(term, holder, until_ms, max(0, until_ms - now_ms))


def listen(files: Files, term: int, address: Address) -> None:
    """See `Store.listen`."""
    with writing(files.control()) as control:
        _check_term(control, term)
        control.execute("UPDATE control SET supervisor=?", (packed(address),))


def advance_clock(files: Files, term: int, offset_ms: int, done: DoneRequest | None) -> None:
    """See `Store.advance_clock`."""
    with writing(files.control()) as control:
        _check_term(control, term)
        control.execute("UPDATE control SET clock_offset_ms=max(clock_offset_ms, ?)", (offset_ms,))
        _remember(control, done)


def _remember(control: sqlite3.Connection, done: DoneRequest | None) -> None:
    if done is None:
        return
    control.execute(
        "INSERT OR IGNORE INTO requests (key, content, answer) VALUES (?, ?, ?)", (done.key, done.content, done.answer)
    )
    control.execute("DELETE FROM requests WHERE number<=(SELECT max(number) FROM requests)-?", (REQUESTS_KEPT,))


def done_request(files: Files, key: bytes) -> DoneRequest | None:
    """See `Store.done_request`."""
    row = files.control().execute("SELECT key, content, answer FROM requests WHERE key=?", (key,)).fetchone()
    return DoneRequest(*map(bytes, row)) if row else None


def put_catalog(files: Files, version: str, content: bytes) -> None:
    """See `Store.put_catalog`."""
    with writing(files.control()) as control:
        (last, in_force) = control.execute("SELECT (SELECT max(stored) FROM catalogs), catalog FROM control").fetchone()
        row, stored = catalog_of(in_force), (last or 0) + 1
        control.execute(
            "INSERT INTO catalogs VALUES (?, ?, ?) ON CONFLICT (version) DO UPDATE SET stored=excluded.stored",
            (version, content, stored),
        )
        control.execute(
            "DELETE FROM catalogs WHERE version<>? AND version NOT IN "
            "(SELECT version FROM catalogs ORDER BY stored DESC LIMIT ?)",
            ("" if row is None else row.version, CATALOGS_KEPT),
        )


def get_catalog(files: Files, version: str) -> bytes | None:
    """See `Store.get_catalog`."""
    row = files.control().execute("SELECT content FROM catalogs WHERE version=?", (version,)).fetchone()
    return bytes(row[0]) if row else None


def commit_catalog(files: Files, term: int, row: CatalogRow, done: DoneRequest | None, unheld: Sequence[str]) -> None:
    """See `Store.commit_catalog`. Each shard's lock is taken once afterwards.

    An append reads the number in force while it holds its shard's lock: appends that read the former number are done
    when this returns. A crash in between loses nothing, because the number is in force by then. Where counters must be
    0, all shards are locked from before they are read until the number is in force.
    """
    with ExitStack() as locked, writing(files.control()) as control:
        _check_term(control, term)
        if _put_in_force(control, row) and unheld:
            for shard_id in files.shards():
                locked.enter_context(writing(files.shard(shard_id)))
            _check_unheld(files, unheld)
        _remember(control, done)
    for shard_id in files.shards():
        with writing(files.shard(shard_id)):
            pass


def _check_unheld(files: Files, counters: Sequence[str]) -> None:
    for name, value in sqlite_tallies.read(files, counters).items():
        if value > 0:
            raise StillHeld(f"the counter {name} must be 0 for this catalog, and is {value}")


def _put_in_force(control: sqlite3.Connection, row: CatalogRow) -> bool:
    """Puts the row in force; False if it was in force already."""
    number, current = control.execute("SELECT catalog_number, catalog FROM control").fetchone()
    if current == packed(row):
        return False
    if row.number != number + 1:
        raise Fenced(f"catalog {row.number} doesn't follow {number}")
    if control.execute("SELECT 1 FROM catalogs WHERE version=?", (row.version,)).fetchone() is None:
        raise Fenced(f"catalog version {row.version} is not stored")
    control.execute("UPDATE control SET catalog=?, catalog_number=?", (packed(row), row.number))
    return True


def assign(files: Files, term: int, slots: Mapping[int, str], dedicated: Mapping[str, str]) -> None:
    """See `Store.assign`."""
    control = files.control()
    with writing(control):
        _check_term(control, term)
        sqlite_handovers.note_assigned(files, slots, dedicated)
        _put_slots(control, slots)
        control.execute("DELETE FROM dedicated")
        control.executemany("INSERT INTO dedicated VALUES (?, ?)", dedicated.items())


def fence(files: Files, term: int, shard_id: str) -> Owner | None:
    """See `Store.fence`. The control file stays locked meanwhile: the term can't end in between."""
    with writing(files.control()) as control:
        _check_term(control, term)
        return sqlite_shard.fence(files.shard(shard_id)) if shard_id in files.shards() else None


def finish_log(files: Files, term: int, log_id: str) -> None:
    """See `Store.finish_log`."""
    shard_id = log_origin(log_id)[0]
    with writing(files.control()) as control:
        _check_term(control, term)
        if shard_id in files.shards():
            sqlite_shard.finish_log(files.shard(shard_id), log_id)
    sweep_journal(files, term)


def sweep_journal(files: Files, term: int) -> None:
    """See `Store.sweep_journal`."""
    sqlite_readers.sweep(files, lambda control: _check_term(control, term))


def forget_reader(files: Files, term: int, name: str) -> None:
    """See `Store.forget_reader`."""
    sqlite_readers.forget(files, lambda control: _check_term(control, term), name)


def handovers(files: Files, after: int) -> list[Handover]:
    """See `Store.handovers`."""
    return sqlite_handovers.read(files.control(), after)


def read_log(files: Files, log_id: str, after_seq: int, limit: int) -> list[LogRecord]:
    """See `Store.read_log`."""
    shard_id, log_epoch = log_origin(log_id)
    if shard_id not in files.shards():
        return []
    return sqlite_shard.read_log(files.shard(shard_id), log_epoch, after_seq, limit)


def unfinished_logs(files: Files) -> list[LogInfo]:
    """See `Store.unfinished_logs`."""
    return [log for shard_id in files.shards() for log in sqlite_shard.logs(files.shard(shard_id), shard_id)]


def put_due_marks(files: Files, inc: Incarnation, marks: Mapping[int, str]) -> None:
    """See `Store.put_due_marks`. Both files are locked: neither the table nor the incarnation can change meanwhile."""
    control = files.control()
    with writing(control), writing(files.shard(inc.shard_id)) as file:
        sqlite_shard.heartbeat(file, inc)
        owners = dict(control.execute("SELECT slot, shard_id FROM slots").fetchall())
        for slot in marks:
            if owners.get(slot) != inc.shard_id:
                raise Fenced(f"shard {inc.shard_id} marks slot {slot} of {owners.get(slot)}")
        control.executemany("INSERT OR REPLACE INTO due_marks VALUES (?, ?)", marks.items())


def due_marks(files: Files) -> dict[int, str]:
    """See `Store.due_marks`."""
    return dict(files.control().execute("SELECT slot, mark FROM due_marks").fetchall())


def load_player(files: Files, player_id: str) -> StoredPlayer:
    """See `Store.load_player`: the two newest generations of all files; only the newest says what is due."""
    found = [sqlite_shard.load_player(files.shard(shard_id), player_id) for shard_id in files.shards()]
    generations = [record for records, _ in found for record in records]
    generations.sort(key=lambda record: record.version, reverse=True)
    version, due_ms = sqlite_due.due_at(files, player_id)
    kept = [
        msgspec.structs.replace(record, due_ms=due_ms) if record.version == version else record
        for record in generations[:GENERATIONS]
    ]
    return StoredPlayer(tuple(kept), max((released for _, released in found), default=0))


def routing(files: Files) -> Routing:
    """See `Store.routing`.

    The tables are read before the shards: each shard that they name has claimed before.
    """
    control = files.control()
    control.execute("BEGIN")
    try:
        term, supervisor, catalog, clock_offset_ms = control.execute(
            "SELECT term, supervisor, catalog, clock_offset_ms FROM control"
        ).fetchone()
        owners = dict(control.execute("SELECT slot, shard_id FROM slots").fetchall())
        dedicated = dict(control.execute("SELECT player_id, shard_id FROM dedicated").fetchall())
    finally:
        control.execute("COMMIT")
    shards = {shard_id: sqlite_shard.routing_row(files.shard(shard_id), shard_id) for shard_id in files.shards()}
    slots = tuple(owners.get(slot, "") for slot in range(SLOTS))
    return Routing(
        term=term,
        slots=slots,
        dedicated=dedicated,
        shards=shards,
        supervisor=address_of(supervisor),
        catalog=catalog_of(catalog),
        clock_offset_ms=clock_offset_ms,
    )
