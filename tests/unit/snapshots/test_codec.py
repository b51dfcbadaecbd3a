"""What decodes is what was encoded; anything else is refused with the name of what is damaged."""

import msgspec
import pytest
from msgspec.structs import replace

from snapshots.codec import (
    KeyedEntry,
    decode_batch,
    decode_entry,
    decode_snapshot,
    encode_batch,
    encode_entry,
    encode_snapshot,
    read_batch,
)
from snapshots.contract import SnapshotRecord
from snapshots.errors import CorruptLog, CorruptSnapshot
from tests.support.deposits import FORMAT_1, START_MS, batch, player_at, step


def test_a_batch_keeps_its_entries_in_order() -> None:
    transitions = [step("alice", 1), step("bob", 7), step("alice", 2)]
    entries = decode_batch(batch(*transitions))
    assert [(entry.player_id, entry.version) for entry in entries] == [("alice", 1), ("bob", 7), ("alice", 2)]
    assert [decode_entry(entry) for entry in entries] == transitions


def test_a_batch_carries_what_the_shard_lets_go_of() -> None:
    read = read_batch(encode_batch([], released_slots=[3, 200], released_players=["vip"]))
    assert (read.entries, read.released_slots, read.released_players) == ([], [3, 200], ["vip"])


def test_a_batch_of_before_the_markers_still_reads() -> None:
    assert decode_batch(msgspec.msgpack.encode([1, []])) == []


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"", "not a batch"),
        (b"\xff\xff", "not a batch"),
        (batch(step("alice", 1))[:-4], "not a batch|damaged bytes"),
        (msgspec.msgpack.encode([1, "no list", [], []]), "format 1 with damaged bytes"),
        (
            msgspec.msgpack.encode([2, [], [], []]),
            "a batch of format 2, but this version of Croupier reads format 1 only",
        ),
        (msgspec.msgpack.encode([3, {"quite": "different"}]), "a batch of format 3"),
    ],
)
def test_an_unreadable_batch(payload: bytes, text: str) -> None:
    with pytest.raises(CorruptLog, match=text):
        decode_batch(payload)


def test_every_flipped_byte_of_an_entry_is_noticed() -> None:
    entry = decode_batch(batch(step("alice", 2)))[0]
    for position in range(len(entry.data)):
        data = bytearray(entry.data)
        data[position] ^= 0x10
        with pytest.raises(CorruptLog, match="entry 'alice' version 2: checksum mismatch"):
            decode_entry(replace(entry, data=bytes(data)))


@pytest.mark.parametrize("change", [{"player_id": "bob"}, {"version": 3}])
def test_an_entry_that_belongs_elsewhere(change: dict[str, object]) -> None:
    entry = decode_batch(batch(step("alice", 2)))[0]
    with pytest.raises(CorruptLog, match="holds 'alice' version 2"):
        decode_entry(replace(entry, **change))


def test_an_entry_with_a_good_checksum_that_is_no_transition() -> None:
    data = encode_entry(step("alice", 1))[:-1]
    keyed = decode_batch(encode_batch([("alice", 1, data)]))[0]
    assert isinstance(keyed, KeyedEntry)
    with pytest.raises(CorruptLog, match="can't be decoded"):
        decode_entry(keyed)


def test_a_snapshot_keeps_state_and_window() -> None:
    player = player_at("alice", 200)
    player.window.tombstone("game:gone", START_MS)
    player.window.dropped = 3
    back = decode_snapshot(encode_snapshot(player))
    assert back.state == player.state
    assert back.state.real == 19_900
    assert back.window.parts() == player.window.parts()
    assert (len(back.window.recent), len(back.window.older), len(back.window.tombstones)) == (128, 72, 1)


def test_a_snapshot_that_the_version_before_wrote_is_read() -> None:
    expected = player_at("alice", 3)
    expected.window.tombstone("game:gone", START_MS)
    back = decode_snapshot(FORMAT_1)
    assert (back.state, back.window.parts()) == (expected.state, expected.window.parts())
    again = encode_snapshot(back)
    assert (again.state[:1], again.window[:1]) == (b"\x02", b"\x02")


@pytest.mark.parametrize("part", ["state", "window"])
@pytest.mark.parametrize("record", [FORMAT_1, encode_snapshot(player_at("alice", 3))])
def test_every_flipped_byte_of_a_snapshot_is_noticed(part: str, record: SnapshotRecord) -> None:
    blob = getattr(record, part)
    for position in range(len(blob)):
        spoiled = bytearray(blob)
        spoiled[position] ^= 0x10
        with pytest.raises(CorruptSnapshot, match="snapshot 'alice' version 3"):
            decode_snapshot(replace(record, **{part: bytes(spoiled)}))


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x01" + bytes(8), b"\x02" + bytes(20), b"\x03" + bytes(20)])
def test_a_snapshot_torn_or_of_another_format(blob: bytes) -> None:
    with pytest.raises(CorruptSnapshot, match=r"checksum|format"):
        decode_snapshot(replace(encode_snapshot(player_at("alice", 3)), state=blob))


def test_parts_of_two_versions_or_two_players_are_not_one_snapshot() -> None:
    record = encode_snapshot(player_at("alice", 3))
    for other in (encode_snapshot(player_at("alice", 2)), encode_snapshot(player_at("bob", 3))):
        with pytest.raises(CorruptSnapshot):
            decode_snapshot(replace(record, window=other.window))
