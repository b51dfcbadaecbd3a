"""Receipts from the objects of the archive: found, proven, or told why not."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from engine.commands import AddBet, Result, Spin
from feeds.audit import receipts
from feeds.audit.receipts import Asked
from feeds.reading import Followed
from snapshots.audit.leaves import read_entry_leaf
from snapshots.audit.receipts import ReceiptInvalid, check_receipt, is_of, read_receipt
from snapshots.codec import decode_batch, decode_entry
from tests.support.archiving import PlayedLog
from tests.support.proving import DAY_MS, ProvenArchive


def session_of(followed: Followed) -> str:
    [entry] = decode_batch(followed.record.payload)
    found: str = decode_entry(entry).events[0].session_id  # type: ignore[union-attr]
    return found


async def said(archive: ProvenArchive, player_id: str, session_id: str, day: str | None = None) -> Any:
    return json.loads(await archive.receipts().answer(Asked(player_id, session_id, day)))


async def test_each_round_has_a_receipt(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    arrival, spins = played.arrive("alice"), played.spins("alice", 150)
    await archive.keep([arrival, *spins])
    for followed in (spins[0], spins[77], spins[149]):
        found = await said(archive, "alice", session_of(followed))
        assert found["outcome"] == "proven"
        checked = check_receipt(read_receipt(json.dumps(found["receipt"]).encode()), [archive.signer.verifier])
        assert [entry.version for entry in checked.entries] == [decode_batch(followed.record.payload)[0].version]
        leaf = read_entry_leaf(b64decode(found["receipt"]["entries"][0]["leaf"]))
        assert is_of(leaf, session_of(followed)) and not is_of(leaf, "book")
        assert len(json.dumps(found["receipt"])) < 2_000


async def test_a_receipt_is_of_its_round_alone(tmp_path: Path) -> None:
    """Not of one whose id begins like it, nor of what else stands in the entry; and it has each entry once."""
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    arrival, spins = played.arrive("alice"), played.spins("alice", 12)
    await archive.keep([arrival, *spins])
    session = session_of(spins[11])
    receipt = (await said(archive, "alice", session))["receipt"]
    for other in (session[:-1], "book"):
        assert other in b64decode(receipt["entries"][0]["leaf"]).decode(errors="replace")
        with pytest.raises(ReceiptInvalid, match="of another round"):
            checked(archive, {**receipt, "session_id": other})
    with pytest.raises(ReceiptInvalid, match="twice"):
        checked(archive, {**receipt, "entries": 2 * receipt["entries"]})


def checked(archive: ProvenArchive, receipt: Any) -> None:
    check_receipt(read_receipt(json.dumps(receipt).encode()), [archive.signer.verifier])


async def test_a_record_that_was_archived_twice_has_one_entry(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    arrival, spins = played.arrive("alice"), played.spins("alice", 2)
    await archive.keep([arrival, *spins])
    await archive.keep(spins)
    receipt = (await said(archive, "alice", session_of(spins[0])))["receipt"]
    assert [entry["index"] for entry in receipt["entries"]] == [3]
    checked(archive, receipt)


async def test_a_round_of_several_entries_has_them_all(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    arrival = played.arrive("alice")
    opened = played.play("alice", Spin("book", "real", 10, None))
    session = opened.events[0].session_id  # type: ignore[union-attr]
    more = [played.play("alice", AddBet(session, 10)), played.play("alice", Result(session, 30, final=True))]
    await archive.keep([arrival, played.batch(opened)])
    archive.now_ms += DAY_MS
    await archive.keep([played.batch(more[0])])
    await archive.store([played.batch(more[1])])
    found = await said(archive, "alice", session)
    assert [entry["version"] for entry in found["receipt"]["entries"]] == [4, 5]
    assert found["receipt"]["more"] is True
    await archive.keep()
    found = await said(archive, "alice", session)
    assert ([entry["version"] for entry in found["receipt"]["entries"]], found["receipt"]["more"]) == ([4, 5, 6], False)


async def test_what_is_not_covered_yet_waits(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    await archive.keep([played.arrive("alice")])
    spin = played.spins("alice", 1)
    await archive.store(spin)
    assert (await said(archive, "alice", session_of(spin[0])))["outcome"] == "pending"
    assert (await said(archive, "alice", "s-none")) == {"outcome": "not_found", "version": 3, "retry_after_s": 60}


async def test_an_old_round_is_found_by_its_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "DAYS_MAX", 3)
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    arrival, spin = played.arrive("alice"), played.spins("alice", 1)
    await archive.keep([arrival, *spin])
    for _ in range(3):
        archive.now_ms += DAY_MS
        await archive.keep(played.spins("alice", 1))
    assert (await said(archive, "alice", session_of(spin[0])))["outcome"] == "not_found"
    assert (await said(archive, "alice", session_of(spin[0]), "2026/11/28"))["outcome"] == "proven"
    assert (await said(archive, "alice", session_of(spin[0]), "2026/11/26"))["outcome"] == "not_found"
    assert (await said(archive, "alice", session_of(spin[0]), "2026/11/29"))["outcome"] == "not_found"
    assert (await said(archive, "bob", session_of(spin[0]), "2026/11/28"))["outcome"] == "not_found"


async def test_a_round_of_midnight_is_found_by_the_day_it_was_played(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    arrival = played.arrive("alice")
    opened = played.play("alice", Spin("book", "real", 10, None))
    session = opened.events[0].session_id  # type: ignore[union-attr]
    closed = played.play("alice", Result(session, 30, final=True))
    late = played.spins("alice", 1)
    await archive.keep([arrival, played.batch(opened)])
    archive.now_ms += DAY_MS
    await archive.keep([played.batch(closed), *late])
    both = (await said(archive, "alice", session, "2026/11/28"))["receipt"]
    assert ([entry["version"] for entry in both["entries"]], both["more"]) == ([4, 5], False)
    assert (await said(archive, "alice", session_of(late[0]), "2026/11/28"))["outcome"] == "proven"


@pytest.mark.parametrize("day", ["2026/02/31", "9999/12/31"])
async def test_a_day_without_a_next_one_has_no_rounds(tmp_path: Path, day: str) -> None:
    archive = ProvenArchive(tmp_path)
    await archive.keep([PlayedLog().arrive("alice")])
    assert (await said(archive, "alice", "s-1", day))["outcome"] == "not_found"


async def test_an_archive_that_gives_no_answer(tmp_path: Path) -> None:
    archive = ProvenArchive(tmp_path)
    await archive.keep([PlayedLog().arrive("alice")])
    sorted(tmp_path.glob("index/*/*/*/*"))[0].write_bytes(b"no index")
    found = await said(archive, "alice", "s-1")
    assert (found["outcome"], bool(found["detail"])) == ("unavailable", True)
