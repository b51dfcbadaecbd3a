"""The control log and the operations that wait for a second person, in the control file. Blocking."""

import sqlite3
from collections.abc import Sequence

from snapshots.contract import (
    ARCHIVE,
    CONTROL_KEPT,
    CONTROL_MAX,
    PROPOSAL_KEPT_MS,
    PROPOSALS_MAX,
    ControlSpan,
    Reader,
    StoredProposal,
)
from snapshots.errors import ControlLogFull, Fenced, ProposalsFull
from snapshots.sqlite.files import Files, writing

_PROPOSAL = "SELECT proposal_id, put_ms, summary, decision FROM proposals"


def append(files: Files, entries: Sequence[bytes]) -> int:
    """See `Store.append_control`."""
    with writing(files.control()) as control:
        now = _span(control)
        if entries and now.last - now.first + 1 + len(entries) > CONTROL_MAX:
            _make_room(files, control, now.last)
        control.executemany("INSERT INTO control_log (entry) VALUES (?)", [(entry,) for entry in entries])
        return now.last + len(entries)


def _make_room(files: Files, control: sqlite3.Connection, last: int) -> None:
    known = files.readers().execute("SELECT 1 FROM readers WHERE name=? AND known", (ARCHIVE,)).fetchone()
    if known:
        raise ControlLogFull(f"the control log has {CONTROL_MAX} entries that the archive has not taken yet")
    control.execute("DELETE FROM control_log WHERE number<=?", (last - CONTROL_KEPT,))


def _span(control: sqlite3.Connection) -> ControlSpan:
    (first,) = control.execute("SELECT min(number) FROM control_log").fetchone()
    last = control.execute("SELECT seq FROM sqlite_sequence WHERE name='control_log'").fetchone()
    newest = last[0] if last else 0
    return ControlSpan(newest + 1 if first is None else first, newest)


def entries(files: Files, after: int, limit: int) -> list[tuple[int, bytes]]:
    """See `Store.control_entries`."""
    rows = files.control().execute(
        "SELECT number, entry FROM control_log WHERE number>? ORDER BY number LIMIT ?", (after, limit)
    )
    return rows.fetchall()


def span(files: Files) -> ControlSpan:
    """See `Store.control_span`."""
    return _span(files.control())


def trim(files: Files, reader: Reader, through: int) -> None:
    """See `Store.trim_control`."""
    with writing(files.control()) as control, writing(files.readers()) as readers:
        row = readers.execute("SELECT epoch, nonce, known FROM readers WHERE name=?", (reader.name,)).fetchone()
        if row != (reader.epoch, reader.nonce, 1):
            raise Fenced(f"reader {reader.name}: epoch {reader.epoch} is over, the store is at {row and row[0]}")
        gone = min(through, _span(control).last - CONTROL_KEPT)
        control.execute("DELETE FROM control_log WHERE number<=?", (gone,))


# --- operations that wait for a second person


def put_proposal(files: Files, proposal: StoredProposal, body: bytes) -> StoredProposal:
    """See `Store.put_proposal`."""
    with writing(files.control()) as control:
        _remove(control, "put_ms<=?", proposal.put_ms - PROPOSAL_KEPT_MS)
        known = control.execute(f"{_PROPOSAL} WHERE proposal_id=?", (proposal.proposal_id,)).fetchone()
        if known is not None:
            return StoredProposal(*known)
        (count,) = control.execute("SELECT count(*) FROM proposals").fetchone()
        if count >= PROPOSALS_MAX:
            raise ProposalsFull(f"{PROPOSALS_MAX} operations wait for a second person already")
        row = (proposal.proposal_id, proposal.put_ms, proposal.summary, b"")
        control.execute("INSERT INTO proposals VALUES (?, ?, ?, ?)", row)
        control.execute("INSERT INTO proposal_bodies VALUES (?, ?)", (proposal.proposal_id, body))
    return StoredProposal(*row)


def _remove(control: sqlite3.Connection, where: str, *values: object) -> None:
    chosen = f"SELECT proposal_id FROM proposals WHERE {where}"  # noqa: S608 conditions of our own
    control.execute(f"DELETE FROM proposal_bodies WHERE proposal_id IN ({chosen})", values)  # noqa: S608
    control.execute(f"DELETE FROM proposals WHERE {where}", values)  # noqa: S608


def remove_proposal(files: Files, proposal_id: str, decision: bytes) -> None:
    """See `Store.remove_proposal`."""
    with writing(files.control()) as control:
        _remove(control, "proposal_id=? AND decision=?", proposal_id, decision)


def proposals(files: Files) -> list[StoredProposal]:
    """See `Store.proposals`."""
    rows = files.control().execute(f"{_PROPOSAL} ORDER BY put_ms DESC, proposal_id")
    return [StoredProposal(*row) for row in rows]


def proposal_body(files: Files, proposal_id: str) -> bytes | None:
    """See `Store.proposal_body`."""
    row = files.control().execute("SELECT body FROM proposal_bodies WHERE proposal_id=?", (proposal_id,)).fetchone()
    return None if row is None else row[0]


def decide_proposal(files: Files, proposal_id: str, known: bytes, decision: bytes) -> bytes | None:
    """See `Store.decide_proposal`."""
    with writing(files.control()) as control:
        control.execute(
            "UPDATE proposals SET decision=? WHERE proposal_id=? AND decision=?", (decision, proposal_id, known)
        )
        row = control.execute("SELECT decision FROM proposals WHERE proposal_id=?", (proposal_id,)).fetchone()
    return None if row is None else row[0]
