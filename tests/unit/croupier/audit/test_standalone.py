"""verify.py alone: what Croupier finds sound it finds sound, by code that shares nothing with Croupier's."""

import ast
import asyncio
import json
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
import zstandard

from croupier.audit import verify
from croupier.audit.exporting import export
from croupier.audit.verifying import Wanted
from croupier.audit.verifying import verify as verify_all
from engine import events
from engine.events.base import Event
from feeds.audit.receipts import Asked
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace
from tests.support.archiving import PlayedLog
from tests.support.forging import Journal, build, forged, journal
from tests.support.proving import DAY_MS, ProvenArchive
from tests.unit.croupier.audit.test_tampering import entry_dropped, flip, richer_alice, segments, win_from_nowhere

needs_zstd = pytest.mark.skipif(shutil.which("zstd") is None, reason="the program zstd is not there")


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> ProvenArchive:
    return build(tmp_path_factory.mktemp("honest"), journal())


@pytest.fixture
def key(honest: ProvenArchive, tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{honest.signer.verifier}\n")
    return path


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, verify.__file__, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=50)


def exported(archive: Path, target: Path) -> Path:
    asyncio.run(export(open_bucket(ArchivePlace(str(archive))), target))
    return target


def test_it_needs_nothing_but_the_library_and_cryptography() -> None:
    tree = ast.parse(Path(verify.__file__).read_text())
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([each.name for each in node.names] if isinstance(node, ast.Import) else [str(node.module)])
    }
    assert imported - sys.stdlib_module_names == {"cryptography"}


def test_an_export_is_sound_and_has_the_same_sums(honest: ProvenArchive, key: Path, tmp_path: Path) -> None:
    target = exported(honest.folder, tmp_path / "export")
    first = sorted(honest.folder.glob("checkpoints/*/*/*/*"))[0]
    done = run("archive", target, "--public-key", key, "--since", first)
    assert done.returncode == 0, done.stdout + done.stderr
    report = asyncio.run(verify_all(Wanted(ArchivePlace(str(honest.folder)), processes=0)))
    totals = report.totals["EUR"]
    assert f"{report.leaves} leaves, root {report.root}, 4 checkpoints" in done.stdout
    assert f"EUR balance now: real {totals.real}, bonus {totals.bonus}" in done.stdout
    assert "EUR deposited: 30000" in done.stdout and "EUR staked real: 720" in done.stdout
    assert (target / "verify.py").read_text() == Path(verify.__file__).read_text()


@needs_zstd
def test_the_archive_itself_is_read_by_the_program_zstd(honest: ProvenArchive, key: Path) -> None:
    done = run("archive", honest.folder, "--public-key", key)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_log_may_begin_with_nothing(tmp_path: Path) -> None:
    """A day that ended before anything was archived has a checkpoint, too."""
    archive = ProvenArchive(tmp_path / "archive")

    async def write() -> None:
        await archive.keep()
        archive.now_ms += DAY_MS
        await archive.keep()
        played = PlayedLog()
        await archive.keep([played.arrive("alice")])

    asyncio.run(write())
    assert [signed.size for signed in archive.signed] == [0, 4]
    key = tmp_path / "key"
    key.write_text(str(archive.signer.verifier))
    assert asyncio.run(verify_all(Wanted(ArchivePlace(str(archive.folder)), processes=0))).sound
    done = run("archive", exported(archive.folder, tmp_path / "export"), "--public-key", key)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("root", [sha256(b"").digest(), bytes(32)], ids=["honest", "forged"])
def test_an_archive_with_nothing_but_the_end_of_a_day(tmp_path: Path, root: bytes) -> None:
    """The checkpoint of no leaves has a root, too, and it is compared."""
    archive = ProvenArchive(tmp_path / "archive")

    async def write() -> None:
        await archive.keep()
        archive.now_ms += DAY_MS
        await archive.keep()

    asyncio.run(write())
    (archive.folder / archive.signed[0].name).write_text(archive.signer.sign(0, root))
    (tmp_path / "key").write_text(str(archive.signer.verifier))
    found = asyncio.run(verify_all(Wanted(ArchivePlace(str(archive.folder)), processes=0))).faults
    done = run("archive", archive.folder, "--public-key", tmp_path / "key")
    honest = root != bytes(32)
    assert [fault.kind for fault in found] == ([] if honest else ["checkpoint_wrong"])
    assert (done.returncode, "its root is not that" in done.stdout) == (int(not honest), not honest), done.stdout


@pytest.mark.parametrize("name", ["/etc/hostname.zst", "segments/../../secret.zst", "control/../../secret.zst"])
def test_it_reads_no_file_outside_of_the_archive(honest: ProvenArchive, key: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(honest.folder, tmp_path / "changed")
    path = tmp_path / "changed/extents/000000/000/000.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "object": name}))
    assert "which is no object of an archive" in run("archive", tmp_path / "changed", "--public-key", key).stdout


@needs_zstd
def test_it_uncompresses_no_more_than_so_many_bytes(
    honest: ProvenArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [whole, cut] = [tmp_path / "whole.zst", tmp_path / "cut.zst"]
    whole.write_bytes(zstandard.compress(bytes(1_000_000)))
    cut.write_bytes(whole.read_bytes()[:-1])
    assert verify.uncompressed(whole, "it") == bytes(1_000_000)
    with pytest.raises(verify.Wrong, match="can't be uncompressed"):
        verify.uncompressed(cut, "it")
    monkeypatch.setattr(verify, "CONTENT_BYTES_MAX", 999_999)
    with pytest.raises(verify.Wrong, match="more than 999999 bytes"):
        verify.uncompressed(whole, "it")


def test_the_control_log_has_no_gaps() -> None:
    books = verify.Books()
    assert len(list(verify.control_leaves([[1, b"one"], [2, b"two"]], books))) == 2
    with pytest.raises(verify.Wrong, match="goes on with entry 4 after 2"):
        list(verify.control_leaves([[4, b"four"]], books))


@needs_zstd
def test_a_bit_is_found(honest: ProvenArchive, key: Path, tmp_path: Path) -> None:
    shutil.copytree(honest.folder, tmp_path / "changed")
    flip(segments(tmp_path / "changed")[1], 200)
    done = run("archive", tmp_path / "changed", "--public-key", key)
    assert done.returncode == 1
    assert "segments/2026/11/28/000000000002" in done.stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (entry_dropped, "player bob version"),
        (win_from_nowhere, "was answered with"),
        (richer_alice, "root is not that"),
    ],
)
def test_a_journal_that_was_written_anew(
    honest: ProvenArchive, key: Path, tmp_path: Path, change: "object", words: str
) -> None:
    def changing(changed: Journal) -> None:
        change(changed)  # type: ignore[operator]

    forged(honest.folder, tmp_path / "forged", changing)
    newest = sorted(honest.folder.glob("checkpoints/*/*/*/*"))[0]
    done = run("archive", exported(tmp_path / "forged", tmp_path / "export"), "--public-key", key, "--since", newest)
    assert (done.returncode, words in done.stdout) == (1, True), done.stdout


def test_a_receipt_is_checked_and_a_changed_one_refused(honest: ProvenArchive, key: Path, tmp_path: Path) -> None:
    session = next(event for event in journal()[1][0][0].events).session_id  # type: ignore[union-attr]
    said = json.loads(asyncio.run(honest.receipts().answer(Asked("alice", session))))
    receipt = tmp_path / "receipt.json"
    receipt.write_text(json.dumps(said["receipt"]))
    done = run("receipt", receipt, "--public-key", key)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BetPlaced" in done.stdout and session in done.stdout
    said["receipt"]["entries"][0]["index"] += 1
    receipt.write_text(json.dumps(said["receipt"]))
    assert run("receipt", receipt, "--public-key", key).returncode == 1
    said["receipt"]["entries"][0]["index"] -= 1
    for other in ("s-other", session[:-1], "book"):
        receipt.write_text(json.dumps({**said["receipt"], "session_id": other}))
        assert "another round" in run("receipt", receipt, "--public-key", key).stdout
    receipt.write_text(json.dumps({**said["receipt"], "entries": 2 * said["receipt"]["entries"]}))
    assert "twice" in run("receipt", receipt, "--public-key", key).stdout


def test_it_knows_where_the_round_stands_in_each_event() -> None:
    known = {
        str(kind.__struct_config__.tag): kind.__struct_fields__.index("session_id") + 1
        for kind in vars(events).values()
        if isinstance(kind, type) and issubclass(kind, Event) and "session_id" in kind.__struct_fields__
    }
    assert known == verify.SESSION_IN_EVENT


def test_a_checkpoint_is_checked(honest: ProvenArchive, key: Path, tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.write_text(honest.signed[-1].note)
    assert run("checkpoint", note, "--public-key", key).returncode == 0
    note.write_text(honest.signed[-1].note.replace("87", "88"))
    assert "signature" in run("checkpoint", note, "--public-key", key).stdout
