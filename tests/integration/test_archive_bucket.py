"""The archive in an S3-compatible bucket: a real client against a server on the loopback."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from croupier.cli import main
from feeds.audit.making import make
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace
from snapshots.contract import Position
from snapshots.credentials import Credential
from snapshots.errors import AlreadyStored, ArchiveUnavailable
from tests.support.archiving import Archive, PlayedLog
from tests.support.proving import ProvenArchive


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def place(endpoint: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ArchivePlace:
    monkeypatch.setenv("ARCHIVE_ID", "who")
    monkeypatch.setenv("ARCHIVE_SECRET", "what nobody else knows")
    make_bucket(endpoint)
    return ArchivePlace(f"s3://journal/casino/{request.node.name}", endpoint, "eu-north-1", *keys())


def keys() -> tuple[Credential, Credential]:
    return Credential(env="ARCHIVE_ID"), Credential(env="ARCHIVE_SECRET")


def make_bucket(endpoint: str) -> None:
    import boto3

    client: Any = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="who",
        aws_secret_access_key="what nobody else knows",
    )
    client.create_bucket(Bucket="journal")


async def test_a_name_is_given_once(place: ArchivePlace) -> None:
    bucket = open_bucket(place)
    await bucket.put_new("index/2026/11/28/1.index", b"first")
    await bucket.put_new("index/2026/11/28/1.index", b"first")
    with pytest.raises(AlreadyStored, match="another archiver"):
        await bucket.put_new("index/2026/11/28/1.index", b"second")
    assert await bucket.get("index/2026/11/28/1.index") == b"first"
    assert await bucket.get_range("index/2026/11/28/1.index", 2, 100) == b"rst"
    assert await bucket.folders("index/2026") == ["11"]
    assert await bucket.names("index/2026/11/28") == ["index/2026/11/28/1.index"]


async def test_records_go_to_the_bucket_and_come_back(place: ArchivePlace, tmp_path: Path) -> None:
    played = PlayedLog("s7")
    async with Archive(tmp_path, place=place) as archive:
        for followed in [played.arrive("alice"), *played.spins("alice", 30)]:
            await archive.sink.take(followed)
        await archive.until_settled(Position(1, 31), "s7")
        await archive.until_stored(31, "s7")
        found = await archive.reading().read_log("s7-1", 0, 100)
        history = await archive.reading().player_entries("alice", 0)
    assert [record.payload for record in found] == [record.payload for record in played.records]
    assert [entry.version for entry in history] == list(range(1, 34))


async def test_a_bucket_that_is_not_there_is_told_in_one_line(place: ArchivePlace) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    nowhere = open_bucket(ArchivePlace("s3://journal", f"http://127.0.0.1:{port}", None, *keys()))
    with pytest.raises(ArchiveUnavailable) as refused:
        await nowhere.put_new("a", b"b")
    assert "\n" not in str(refused.value)
    other = open_bucket(ArchivePlace("s3://elsewhere", place.endpoint, None, *keys()))
    with pytest.raises(ArchiveUnavailable, match="did not answer for a"):
        await other.get("a")


async def test_the_tree_lies_in_the_bucket_and_is_verified_there(
    place: ArchivePlace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, played = ProvenArchive(tmp_path, wrap=lambda folder: open_bucket(place)), PlayedLog()
    archive.control.add("POST /catalog/deploy")
    await archive.keep([played.arrive("alice"), *played.spins("alice", 260)])
    archive.new_keeper()
    await archive.keep(played.spins("alice", 3))
    key = tmp_path / "key"
    key.write_text(str(archive.signer.verifier))
    bucket = ("--endpoint", str(place.endpoint), "--access-key-id-env", "ARCHIVE_ID")
    bucket += ("--secret-access-key-env", "ARCHIVE_SECRET")
    code = await asyncio.to_thread(main, ["audit", "verify", place.url, *bucket, "--public-key", str(key)])
    said = capsys.readouterr().out
    assert (code, "270 leaves, of which checkpoints cover 270" in said) == (0, True), said


def test_the_factory_is_importable_by_the_name_in_the_deployment() -> None:
    assert make.__module__ == "feeds.audit.making"
