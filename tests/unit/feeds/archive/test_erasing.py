"""Erasing a player: what was personal is gone from the archive, what was played and paid is not."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.events import BetPlaced, DepositMade, PlayerErased, PlayerRegistered, SessionStarted
from feeds.archive.keys import KeyBook, key_encryption_key
from feeds.archive.settings import ArchiveSettings
from feeds.reading import SinkFailed
from snapshots.archive.format import ReadRecord
from snapshots.archive.place import ArchivePlace
from snapshots.archive.sealing import KeyRing, read_key, unwrap, wrap
from snapshots.codec import decode_batch, decode_entry
from snapshots.contract import Position
from snapshots.credentials import Credential
from snapshots.errors import CorruptArchive
from tests.support.archiving import CARD, DEVICE, IP, KEK, Archive, MemoryNotes, PlayedLog


async def test_after_it_ledger_facts_stay_and_personal_fields_are_gone(tmp_path: Path) -> None:
    played = PlayedLog()
    async with Archive(tmp_path) as archive:
        records = [played.arrive("alice"), played.arrive("bob"), *played.spins("alice", 2), played.erase("alice")]
        for followed in records:
            await archive.sink.take(followed)
        await archive.until_stored(5)
        found = list(await archive.reading().read_log("s0-1", 0, 10))
        assert archive.metric("erased_players_total") == 1
    erased, of_bob = found[0], found[1]
    assert isinstance(erased, ReadRecord) and isinstance(of_bob, ReadRecord)
    assert (erased.erased, of_bob.erased) == (("alice",), ())
    assert of_bob.payload == played.records[1].payload
    assert not [secret for secret in (IP, DEVICE, CARD, "FI") if secret.encode() in erased.payload]
    registered, session, deposit = [decode_entry(entry) for entry in decode_batch(erased.payload)]
    assert registered.events == (PlayerRegistered("EUR", None, None, (), "", 2),)
    assert session.events == (SessionStarted(),)
    [made] = deposit.events
    assert isinstance(made, DepositMade)
    assert (made.amount, made.nth, made.ip) == (10_000, 1, None)
    assert registered.content == bytes(8), "an address can be guessed back from a digest"
    events = [
        event for record in found for entry in decode_batch(record.payload) for event in decode_entry(entry).events
    ]
    assert len([event for event in events if isinstance(event, BetPlaced)]) == 3
    assert len([event for event in events if isinstance(event, PlayerErased)]) == 1


async def test_what_comes_again_after_it_is_sealed_for_nobody(tmp_path: Path) -> None:
    """The spool was lost, so the reader begins before the erasure: the key must not come to life again."""
    played, notes = PlayedLog(), MemoryNotes()
    records = [played.arrive("alice"), played.erase("alice")]
    async with Archive(tmp_path / "first", notes) as first:
        for followed in records:
            await first.sink.take(followed)
        await first.until_settled(Position(1, 2))
    async with Archive(tmp_path / "second", notes) as second:
        for followed in records:
            await second.sink.take(followed)
        await second.until_stored(2)
        [record, _] = await second.reading().read_log("s0-1", 0, 10)
    assert isinstance(record, ReadRecord) and record.erased == ("alice",)
    assert IP.encode() not in record.payload


async def test_a_life_that_ended_before_the_key_was_destroyed_is_made_good(tmp_path: Path) -> None:
    played, notes = PlayedLog(), MemoryNotes()
    records = [played.arrive("alice"), played.erase("alice")]
    async with Archive(tmp_path, notes) as first:
        await first.sink.take(records[0])
        await first.until_settled(Position(1, 1))
        before = dict(notes.kept)
        await first.sink.take(records[1])
        await first.until_settled(Position(1, 2))
    notes.kept = before  # as if the notes had not been written
    async with Archive(tmp_path, notes) as second:
        await second.sink.take(records[1])
        await second.until_settled(Position(1, 2))
        assert await KeyRing(notes, KEK).key("alice") is None  # type: ignore[arg-type]
        await second.until_stored(2)
        [record, _] = await second.reading().read_log("s0-1", 0, 10)
    assert isinstance(record, ReadRecord) and record.erased == ("alice",)


async def test_keys_are_in_the_store_before_what_they_seal_is_settled(tmp_path: Path) -> None:
    played = PlayedLog()
    async with Archive(tmp_path) as archive:
        await archive.sink.take(played.arrive("alice"))
        await archive.until_settled(Position(1, 1))
        assert await KeyRing(archive.notes, KEK).key("alice") is not None  # type: ignore[arg-type]


async def test_many_players_share_a_note_and_keep_keys_of_their_own() -> None:
    notes = MemoryNotes()
    book = KeyBook(notes, KEK)
    players = [f"p{number}" for number in range(3_000)]
    made = await book.keys(players)
    await notes.write(book.changes())
    book.written()
    assert len(set(made.values())) == len(players)
    again = KeyBook(notes, KEK)
    assert await again.keys(players) == made
    assert await again.erase("p7") and not await again.erase("p7")
    await notes.write(again.changes())
    later = await KeyBook(notes, KEK).keys(players)
    assert [player for player in players if later[player] != made[player]] == ["p7"]


def test_a_key_is_bound_to_its_player_and_to_the_key_above_it() -> None:
    wrapped = wrap(KEK, "alice", bytes(32))
    assert unwrap(KEK, "alice", wrapped) == bytes(32)
    for kek, player_id in ((KEK, "bob"), (bytes(32), "alice")):
        with pytest.raises(CorruptArchive, match="not wrapped under this key"):
            unwrap(kek, player_id, wrapped)


def test_the_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = ArchiveSettings(
        ArchivePlace(str(tmp_path)), str(tmp_path), key_file=str(tmp_path / "keys" / "archive.key")
    )
    key = key_encryption_key(settings)
    assert (tmp_path / "keys" / "archive.key").stat().st_mode & 0o777 == 0o600
    assert key_encryption_key(settings) == key


def test_all_who_make_the_key_file_at_once_have_the_same_key(tmp_path: Path) -> None:
    settings = ArchiveSettings(ArchivePlace(str(tmp_path)), str(tmp_path), key_file=str(tmp_path / "archive.key"))
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: key_encryption_key(settings), range(64)))
    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["archive.key"]


@pytest.mark.parametrize("text", ["", "short", "0" * 63, "ab" * 31])
def test_a_key_that_is_none_is_told_in_plain_words(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIVE_KEY", text)
    settings = ArchiveSettings(ArchivePlace(str(tmp_path)), str(tmp_path), key=Credential(env="ARCHIVE_KEY"))
    with pytest.raises(SinkFailed, match=r"must be 32 bytes|ARCHIVE_KEY is not set"):
        key_encryption_key(settings)


def test_both_ways_to_write_a_key_mean_the_same() -> None:
    assert read_key(KEK.hex()) == read_key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=") == KEK
