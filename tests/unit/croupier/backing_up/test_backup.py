"""What is in a backup, and what `croupier restore` refuses. Under load, on both stores: tests/e2e/test_backup.py."""

import asyncio
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from croupier import cli
from croupier.backing_up.manifest import NAME, BackupRefused, read_manifest
from croupier.backing_up.places import Places, places_of
from croupier.backing_up.restoring import restore
from croupier.backing_up.spooled import spooled, write_spooled
from croupier.backing_up.taking import take
from engine.control_entries import decode_control_entry
from snapshots.opening import open_store

SEGMENT = "segments/2026/11/28/000000000001.msgpack.zst"

FILES = {
    f"archive/{SEGMENT}": b"segment",
    "archive-spool/000000000002.open": b"frames",
    "archive-spool/last": b"1",
    "archive.key": b"K" * 44,
    "audit.key": b"A" * 44,
}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A store with its archive, spool and keys, as `croupier up --store sqlite:…` leaves them."""
    return made(tmp_path / "home")


def made(home: Path) -> Places:
    asyncio.run(opened(home))
    for name, content in FILES.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
    return places_of(f"sqlite:{home}", None)


async def opened(home: Path) -> None:
    store = open_store(f"sqlite:{home}")
    await store.open()
    await store.put_catalog("v1", b"a catalog")
    await store.close()


def kept(places: Places, tmp_path: Path, with_keys: bool = True) -> Path:
    take(places, tmp_path / "backup", with_keys)
    return tmp_path / "backup"


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_backup_holds_store_archive_spool_and_keys_and_comes_back_as_it_was(places: Places, tmp_path: Path) -> None:
    backup = kept(places, tmp_path)
    manifest = read_manifest(backup)
    assert set(manifest.files) == {
        "store/control.db", "store/readers.db", "store/shared.db", f"archive/{SEGMENT}",
        "spool/000000000002.open", "spool/last", "keys/archive.key", "keys/audit.key",
    }  # fmt: skip
    restore(backup, places_of(f"sqlite:{tmp_path / 'new'}", None))
    found = content(tmp_path / "new")
    assert (found[f"archive/{SEGMENT}"], found["archive-spool/000000000002.open"]) == (b"segment", b"frames")
    assert (found["archive.key"], found["audit.key"]) == (b"K" * 44, b"A" * 44)
    assert asyncio.run(catalog_in(tmp_path / "new")) == b"a catalog"


async def catalog_in(home: Path) -> bytes | None:
    store = open_store(f"sqlite:{home}")
    await store.open()
    try:
        return await store.get_catalog("v1")
    finally:
        await store.close()


def test_nobody_else_may_read_it(places: Places, tmp_path: Path) -> None:
    backup = kept(places, tmp_path)
    assert backup.stat().st_mode & 0o077 == 0
    secret = [path for path in backup.rglob("*") if path.is_file() and path.parent.name in ("keys", "store", "spool")]
    assert len(secret) == 7 and all(path.stat().st_mode & 0o077 == 0 for path in secret)


def test_objects_that_the_archive_got_later_are_left_out(places: Places, tmp_path: Path) -> None:
    archive = tmp_path / "home/archive/segments/2026/11/28"
    for name, later_ns in (("000000000002.msgpack.zst", 10**12), ("000000000003.msgpack.zst#1", 0)):
        (archive / name).write_bytes(b"later, or on its way")
        stat = (archive / name).stat()
        os.utime(archive / name, ns=(stat.st_atime_ns, stat.st_mtime_ns + later_ns))
    assert {name for name in read_manifest(kept(places, tmp_path)).files if "archive/" in name} == {
        f"archive/{SEGMENT}"
    }


def test_of_the_spool_what_was_there_is_copied_whatever_becomes_of_it(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    for name in ("000000000001-5.cut", "000000000002.open", "last", "lock", "last.new"):
        (spool / name).write_bytes(name.encode())
    with ExitStack() as open_files:
        files = spooled(spool, open_files)
        (spool / "000000000001-5.cut").unlink()
        with (spool / "000000000002.open").open("ab") as growing:
            growing.write(b" and more")
        write_spooled(files, tmp_path / "copy")
    wanted = ("000000000001-5.cut", "000000000002.open", "last")
    assert content(tmp_path / "copy") == {name: name.encode() for name in wanted}
    with ExitStack() as open_files:
        assert spooled(tmp_path / "nowhere", open_files) == []


def test_a_spool_that_changes_meanwhile_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "000000000001.open").write_bytes(b"1")
    real_open, renamed = os.open, []

    def cut_first(path: Path, *rest: int) -> int:
        if not renamed:
            renamed.append((tmp_path / "000000000001.open").rename(tmp_path / "000000000001-5.cut"))
        return real_open(path, *rest)

    monkeypatch.setattr("croupier.backing_up.spooled.os.open", cut_first)
    with ExitStack() as open_files:
        assert [file.name for file in spooled(tmp_path, open_files)] == ["000000000001-5.cut"]


def test_a_spool_that_has_not_been_emptied_for_hours_is_refused(tmp_path: Path) -> None:
    for number in range(401):
        (tmp_path / f"{number:012d}-5.cut").touch()
    with ExitStack() as open_files, pytest.raises(BackupRefused, match="has 401 files: get the archive's place back"):
        spooled(tmp_path, open_files)


def test_a_folder_that_is_not_empty_is_refused(places: Places, tmp_path: Path) -> None:
    backup = kept(places, tmp_path)
    with pytest.raises(BackupRefused, match="is not empty: give a new folder for each backup"):
        take(places, backup, with_keys=False)


def test_a_backup_that_was_not_finished_is_none(places: Places, tmp_path: Path) -> None:
    backup = kept(places, tmp_path)
    (backup / NAME).unlink()
    refused(backup, places_of(f"sqlite:{tmp_path / 'new'}", None), "one that was never finished")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.write_bytes(b"segmenT"), "is not as it was written"),
        (lambda path: path.write_bytes(b"segment longer"), "is not as it was written"),
        (lambda path: path.unlink(), "can't be read: No such file"),
    ],
)
def test_a_damaged_backup_is_refused(
    places: Places, tmp_path: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    backup = kept(places, tmp_path)
    spoil(backup / "archive" / SEGMENT)
    refused(backup, places_of(f"sqlite:{tmp_path / 'new'}", None), reason)


def refused(backup: Path, places: Places, reason: str) -> None:
    """`restore` says why, and has written nothing."""
    home = places.spool.parent
    before = content(home) if home.exists() else {}
    with pytest.raises(BackupRefused, match=reason):
        restore(backup, places)
    assert (content(home) if home.exists() else {}) == before


def test_a_manifest_that_names_files_elsewhere_is_refused(places: Places, tmp_path: Path) -> None:
    backup = kept(places, tmp_path)
    manifest = read_manifest(backup)
    [entry, *_] = manifest.files.values()
    changed = msgspec.structs.replace(manifest, files={"../secret": entry})
    (backup / NAME).write_bytes(msgspec.json.encode(changed))
    refused(backup, places_of(f"sqlite:{tmp_path / 'new'}", None), "names a file outside of the backup")
    later = msgspec.structs.replace(manifest, format=2)
    (backup / NAME).write_bytes(msgspec.json.encode(later))
    refused(backup, places_of(f"sqlite:{tmp_path / 'new'}", None), "has the format 2")


def test_nothing_is_written_over(places: Places, tmp_path: Path) -> None:
    backup = kept(places, tmp_path)
    refused(backup, places, "there is a store in .* already")
    for path in (tmp_path / "home").glob("*.db*"):
        path.unlink()
    refused(backup, places, "archive is not empty: restore into empty folders")
    shutil.rmtree(tmp_path / "home/archive")
    refused(backup, places, "archive-spool is not empty")


def test_the_keys_that_were_in_use_are_needed(places: Places, tmp_path: Path) -> None:
    backup, new = kept(places, tmp_path, with_keys=False), tmp_path / "new"
    assert not (backup / "keys").exists()
    target = places_of(f"sqlite:{new}", None)
    refused(backup, target, "archive.key is not in the backup: put your copy of it at")
    new.mkdir()
    (new / "archive.key").write_bytes(b"X" * 44)
    refused(backup, target, "is another key than archive.key of the backup")
    for name in ("archive.key", "audit.key"):
        shutil.copy(tmp_path / "home" / name, new / name)
    assert restore(backup, target).keys.keys() == {"archive.key", "audit.key"}


def test_the_kind_of_store_and_archive_must_be_those_of_the_backup(places: Places, tmp_path: Path) -> None:
    backup = kept(places, tmp_path)
    redis = msgspec.structs.replace(places, store="redis://127.0.0.1:1")
    refused(backup, redis, "holds a sqlite store, and --store names a redis store")
    target = msgspec.structs.replace(places_of(f"sqlite:{tmp_path / 'new'}", None), archive="s3://bucket/prefix")
    refused(backup, target, "the backup's archive is 'folder' and that of the settings 's3://bucket/prefix'")


def test_a_bucket_is_named_and_not_copied(places: Places, tmp_path: Path) -> None:
    manifest = take(msgspec.structs.replace(places, archive="s3://bucket/prefix"), tmp_path / "backup", with_keys=False)
    assert manifest.archive == "s3://bucket/prefix"
    assert not (tmp_path / "backup/archive").exists()


def test_the_command_tells_what_is_in_it_and_the_control_log_knows(
    places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup, new = tmp_path / "backup", tmp_path / "new"
    assert cli.main(["backup", str(backup), "--store", places.store]) == 0
    out = capsys.readouterr().out
    assert "6 files" in out and "writes waited for" in out and "not in it: archive.key, audit.key" in out
    assert asyncio.run(operations(places.store)) == [("croupier backup", "asked"), ("croupier backup", "done")]
    assert cli.main(["restore", str(backup), "--store", f"sqlite:{new}"]) == 1
    assert "archive.key is not in the backup" in capsys.readouterr().err
    for name in ("archive.key", "audit.key"):
        new.mkdir(exist_ok=True)
        shutil.copy(tmp_path / "home" / name, new / name)
    assert cli.main(["restore", str(backup), "--store", f"sqlite:{new}"]) == 0
    assert "restored as of 20" in capsys.readouterr().out


async def operations(url: str) -> list[tuple[str, str]]:
    store = open_store(url)
    await store.open()
    try:
        entries = [decode_control_entry(entry) for _, entry in await store.control_entries(0, 100)]
        return [(entry.operation, entry.outcome) for entry in entries]
    finally:
        await store.close()


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["backup", str(tmp_path / "backup"), "--store", f"sqlite:{tmp_path / 'nowhere'}"]) == 2
    assert "There is no store in" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_is_told_in_one_sentence(
    places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr("croupier.backing_up.taking.shutil.copyfile", full)
    assert cli.main(["backup", str(tmp_path / "backup"), "--store", places.store]) == 1
    assert capsys.readouterr().err.strip().endswith("zst: No space left on device")
    with pytest.raises(BackupRefused, match="never finished"):
        read_manifest(tmp_path / "backup")
