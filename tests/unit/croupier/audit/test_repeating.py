"""A record may come again, as it was. Whatever else claims to be one that came again is a forgery, and is found.

Who forges here has the signing key: tree and checkpoints fit.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from croupier.audit import chains
from croupier.audit.verifying import Wanted, verify
from engine import events as e
from engine.transition import Transition
from feeds.reading import Followed
from snapshots.archive.format import ArchivedRecord, Sealed, encode_record
from snapshots.archive.place import ArchivePlace
from snapshots.codec import encode_batch, encode_entry
from snapshots.contract import GENESIS, next_hash
from tests.support import proving
from tests.support.archiving import PlayedLog
from tests.support.forging import journal
from tests.support.proving import ProvenArchive
from tests.unit.croupier.audit.test_standalone import exported, run


def windfall(record: list[Transition]) -> list[Transition]:
    """Alice's next version, with a win that never was."""
    last = record[0]
    events = tuple(replace(event, real=999_999) if isinstance(event, e.WinCredited) else event for event in last.events)
    return [replace(last, version=last.version + 1, command_id="gs:more", events=events)]


def claiming(record: list[Transition], **more: Any) -> bytes:
    """An encoded record that says it is the first of the log."""
    payload = encode_batch([(each.player_id, each.version, encode_entry(each)) for each in record])
    fields: dict[str, Any] = {
        "format": 1,
        "shard_id": "s0",
        "epoch": 1,
        "log_id": "s0-1",
        "seq": 1,
        "previous": GENESIS,
        "hash": next_hash(GENESIS, payload),
        "pieces": [payload],
    }
    return encode_record(ArchivedRecord(**{**fields, **more}))


def archive_with(
    folder: Path, monkeypatch: pytest.MonkeyPatch, more: Callable[[list[bytes], list[Transition]], bytes]
) -> ProvenArchive:
    """An honest archive, and one more segment with the record that `more` makes of all records and the last one."""
    archive, played, segments = ProvenArchive(folder), PlayedLog(), journal()
    honest: list[bytes] = []
    encoded = proving.encoded

    def remembering(followed: Followed | bytes) -> bytes:
        if isinstance(followed, bytes):
            return followed
        honest.append(encoded(followed))
        return honest[-1]

    monkeypatch.setattr(proving, "encoded", remembering)

    async def write() -> None:
        for records in segments:
            await archive.keep([played.batch(*record) for record in records])
        await archive.keep([more(honest, segments[-1][-1])])  # type: ignore[list-item]

    asyncio.run(write())
    return archive


def forged(honest: list[bytes], last: list[Transition]) -> bytes:
    """Alice's win, in a record with its own hash."""
    return claiming(windfall(last))


def forged_in_part(honest: list[bytes], last: list[Transition]) -> bytes:
    """As `forged`, but it says to be sealed: then nobody can compute its hash, and it takes that of the true record."""
    payload = encode_batch([(each.player_id, each.version, encode_entry(each)) for each in windfall(last)])
    first = msgspec.msgpack.decode(honest[0], type=ArchivedRecord)
    sealed = [Sealed("alice", windfall(last)[0].version, b"", payload[-4:])]
    return claiming(windfall(last), hash=first.hash, pieces=[payload[:-4], b""], sealed=sealed)


FORGERIES = [forged, forged_in_part]


def found(archive: ProvenArchive) -> list[str]:
    wanted = Wanted(ArchivePlace(str(archive.folder)), [str(archive.signer.verifier)], processes=0)
    return [fault.kind for fault in asyncio.run(verify(wanted)).faults]


def alone(archive: ProvenArchive, tmp_path: Path) -> Any:
    (tmp_path / "key").write_text(str(archive.signer.verifier))
    target = exported(archive.folder, tmp_path / "export")
    return run("archive", target, "--public-key", tmp_path / "key")


def test_a_record_that_comes_again_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = archive_with(tmp_path / "archive", monkeypatch, lambda honest, last: honest[0])
    assert found(archive) == []
    done = alone(archive, tmp_path)
    assert (done.returncode, "81 entries of 3 players" in done.stdout) == (0, True), done.stdout


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("remembered", [16_000_000, 2])
def test_another_one_in_its_place_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forge: Any, remembered: int
) -> None:
    """Also where the true one is forgotten: what can't be compared is not passed over."""
    monkeypatch.setattr(chains, "REMEMBERED_MAX", remembered)
    assert found(archive_with(tmp_path / "archive", monkeypatch, forge)) == ["chain_broken"]


def test_no_number_keeps_a_record_out_of_the_sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one below the first of a log."""
    archive = archive_with(
        tmp_path / "archive", monkeypatch, lambda honest, last: claiming(windfall(last), log_id="s0-9", seq=0)
    )
    assert found(archive) == ["chain_broken", "balance_wrong"]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda each: each.__name__)
def test_verify_py_finds_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forge: Any) -> None:
    done = alone(archive_with(tmp_path / "archive", monkeypatch, forge), tmp_path)
    assert (done.returncode, "comes again" in done.stdout) == (1, True), done.stdout


def test_an_export_in_which_a_record_says_to_be_an_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of an export is proven but its leaves: an entry must not leave the sums by what stands around it."""
    archive = archive_with(tmp_path / "archive", monkeypatch, lambda honest, last: honest[0])
    done = alone(archive, tmp_path)
    assert "it is an export" in done.stdout
    path = sorted((tmp_path / "export/segments").rglob("*.msgpack"))[-2]
    records = msgspec.msgpack.decode(path.read_bytes())
    records[-1][4] = 1
    path.write_bytes(msgspec.msgpack.encode(records))
    done = run("archive", tmp_path / "export", "--public-key", tmp_path / "key")
    assert (done.returncode, "comes again" in done.stdout) == (1, True), done.stdout
