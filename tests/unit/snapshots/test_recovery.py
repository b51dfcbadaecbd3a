"""Rule 8: a player comes back complete or not at all, and one player's damage is nobody else's."""

from collections.abc import Sequence

import msgspec
import pytest
from msgspec.structs import replace

from engine.transition import Transition
from snapshots.codec import KeyedEntry, decode_batch, encode_batch, encode_snapshot
from snapshots.contract import GENESIS, LogInfo, LogRecord, SnapshotRecord, Store, StoredPlayer, next_hash
from snapshots.errors import CorruptLog, CorruptSnapshot, VersionGap
from snapshots.recovery import PAGE_RECORDS, load_player, player_history, read_player, read_tails
from tests.support.deposits import batch, player_at, step, steps


class ReadOnly:
    """The read side of a store, from lists."""

    def __init__(self) -> None:
        self.logs: dict[str, list[LogRecord]] = {}
        self.infos: list[LogInfo] = []
        self.players: dict[str, StoredPlayer] = {}

    def log(self, log_id: str, *payloads: bytes, checkpoint_seq: int = 0, trimmed_seq: int = 0) -> LogInfo:
        previous, records = GENESIS, []
        for seq, payload in enumerate(payloads, 1):
            records.append(LogRecord(seq, previous, next_hash(previous, payload), payload))
            previous = records[-1].hash
        self.logs[log_id] = records[trimmed_seq:]
        self.infos.append(LogInfo(log_id, log_id.partition("-")[0], True, checkpoint_seq, trimmed_seq))
        return self.infos[-1]

    async def read_log(self, log_id: str, after_seq: int, limit: int) -> Sequence[LogRecord]:
        return [record for record in self.logs[log_id] if record.seq > after_seq][:limit]

    async def unfinished_logs(self) -> Sequence[LogInfo]:
        return self.infos

    async def journal_logs(self) -> Sequence[LogInfo]:
        return self.infos

    async def load_player(self, player_id: str) -> StoredPlayer:
        return self.players.get(player_id, StoredPlayer(()))


@pytest.fixture
def fake() -> ReadOnly:
    return ReadOnly()


@pytest.fixture
def store(fake: ReadOnly) -> Store:
    return fake  # type: ignore[return-value]  # only the reads are called


def everybody(player_id: str) -> bool:
    return True


def keyed(*transitions: Transition) -> list[KeyedEntry]:
    return decode_batch(batch(*transitions))


def snapshot(version: int, *, damaged: bool = False) -> SnapshotRecord:
    record = encode_snapshot(player_at("alice", version))
    return replace(record, state=record.state[:-1]) if damaged else record


# --- loading one player


@pytest.mark.parametrize(
    ("snapshots", "tail", "version"),
    [
        ([], [], 0),
        ([], [1, 2, 3], 3),
        ([3], [], 3),
        ([3, 2], [], 3),
        ([3], [4, 5], 5),
        ([3], [2, 3, 4], 4),
        ([3], [5, 4], 5),
        ([3], [4, 4, 4, 5], 5),
        ([3], [1, 2], 3),
    ],
)
async def test_snapshot_and_tail(
    store: Store, fake: ReadOnly, snapshots: list[int], tail: list[int], version: int
) -> None:
    fake.players["alice"] = StoredPlayer(tuple(snapshot(number) for number in snapshots))
    alice = (await load_player(store, "alice", keyed(*steps("alice", tail)))).player
    assert alice.state == player_at("alice", version).state
    assert alice.window.parts() == player_at("alice", version).window.parts()


@pytest.mark.parametrize(("snapshots", "tail"), [([], [2]), ([3], [5]), ([3], [4, 6]), ([], [1, 3])])
async def test_a_gap_stops_the_player(store: Store, fake: ReadOnly, snapshots: list[int], tail: list[int]) -> None:
    fake.players["alice"] = StoredPlayer(tuple(snapshot(number) for number in snapshots))
    with pytest.raises(VersionGap, match="alice"):
        await load_player(store, "alice", keyed(*steps("alice", tail)))


@pytest.mark.parametrize(("minimum", "tail", "loads"), [(3, [], True), (4, [4], True), (4, [], False), (6, [4], False)])
async def test_nothing_older_than_the_released_version(
    store: Store, fake: ReadOnly, minimum: int, tail: list[int], loads: bool
) -> None:
    fake.players["alice"] = StoredPlayer((snapshot(3),), minimum)
    entries = keyed(*steps("alice", tail))
    if loads:
        assert (await load_player(store, "alice", entries)).player.state.version >= minimum
    else:
        with pytest.raises(VersionGap, match=f"version {minimum} was durable"):
            await load_player(store, "alice", entries)


async def test_two_histories_of_one_version_are_never_chosen_between(store: Store) -> None:
    entries = keyed(step("alice", 1), step("alice", 2, amount=100)) + keyed(step("alice", 2, amount=900))
    with pytest.raises(CorruptLog, match="two different entries of version 2"):
        await load_player(store, "alice", entries)


async def test_a_damaged_newest_generation_falls_back_to_the_older_and_all_logs(store: Store, fake: ReadOnly) -> None:
    fake.players["alice"] = StoredPlayer((snapshot(5, damaged=True), snapshot(2)))
    fake.log("s0-1", batch(*steps("alice", [1, 2])), batch(*steps("alice", [3])), checkpoint_seq=2, trimmed_seq=1)
    fake.log("s1-4", batch(*steps("alice", [4, 5]), step("bob", 9)), checkpoint_seq=1)
    alice = (await load_player(store, "alice", keyed(*steps("alice", [6])))).player
    assert (alice.state.version, alice.state.real) == (6, 500)


async def test_both_generations_damaged_but_the_log_goes_back_to_the_start(store: Store, fake: ReadOnly) -> None:
    fake.players["alice"] = StoredPlayer((snapshot(3, damaged=True), snapshot(2, damaged=True)))
    fake.log("s0-1", batch(*steps("alice", [1, 2, 3])), checkpoint_seq=1)
    assert (await load_player(store, "alice")).player.state == player_at("alice", 3).state


@pytest.mark.parametrize("in_log", [[], [3, 4], [1, 2, 3, 4]])
async def test_damage_the_log_cant_heal_is_never_an_older_or_empty_player(
    store: Store, fake: ReadOnly, in_log: list[int]
) -> None:
    """Version 5 was snapshotted, so it was durable: a player at version 4, or a new one, would be a lie."""
    fake.players["alice"] = StoredPlayer((snapshot(5, damaged=True),))
    fake.log("s0-1", batch(*steps("alice", in_log)))
    with pytest.raises(CorruptSnapshot, match="the journal can't replace it"):
        await load_player(store, "alice")


# --- the index of tails


async def test_only_what_follows_the_checkpoint_and_is_wanted(store: Store, fake: ReadOnly) -> None:
    first = fake.log("s0-1", batch(step("alice", 1)), batch(step("alice", 2), step("bob", 1)), checkpoint_seq=1)
    second = fake.log("s0-2", batch(step("alice", 3), step("carol", 1)))
    index = await read_tails(store, [first, second], lambda player_id: player_id != "carol")
    assert sorted(index.players()) == ["alice", "bob"]
    assert [entry.version for entry in index.peek("alice")] == [2, 3]
    assert index.peek("nobody") == []
    assert len(index) == 2


async def test_a_log_is_needed_until_all_its_players_are_dropped(store: Store, fake: ReadOnly) -> None:
    logs = [fake.log("s0-1", batch(step("alice", 1), step("bob", 1))), fake.log("s0-2", batch(step("bob", 2)))]
    index = await read_tails(store, logs, everybody)
    index.peek("bob")
    assert (index.needs("s0-1"), index.needs("s0-2"), index.needs("s0-3")) == (True, True, False)
    index.drop("bob")
    assert (index.needs("s0-1"), index.needs("s0-2")) == (True, False)
    index.drop("alice")
    assert (index.needs("s0-1"), len(index)) == (False, 0)


async def test_more_records_than_a_page(store: Store, fake: ReadOnly) -> None:
    versions = range(1, PAGE_RECORDS + 3)
    log = fake.log("s0-1", *(batch(step("alice", version)) for version in versions))
    index = await read_tails(store, [log], everybody)
    assert [entry.version for entry in index.peek("alice")] == list(versions)


async def test_one_players_entries_of_a_live_log(store: Store, fake: ReadOnly) -> None:
    fake.log("s0-1", batch(step("alice", 1)), batch(step("bob", 1)), batch(step("alice", 2)))
    assert [entry.version for entry in await read_player(store, "s0-1", "alice")] == [1, 2]
    assert [entry.version for entry in await read_player(store, "s0-1", "alice", after_seq=1)] == [2]


def spoil(fake: ReadOnly, seq: int, **changes: object) -> None:
    records = fake.logs["s0-1"]
    records[seq - 1] = replace(records[seq - 1], **changes)


def wrong_crc(payload: bytes, player_id: str) -> bytes:
    entries = [
        (entry.player_id, entry.version, entry.crc ^ (entry.player_id == player_id), entry.data)
        for entry in decode_batch(payload)
    ]
    return msgspec.msgpack.encode((1, entries, [], []))


async def test_a_bad_checksum_stops_only_its_player(store: Store, fake: ReadOnly) -> None:
    payload = batch(step("alice", 1), step("bob", 1))
    log = fake.log("s0-1", payload, batch(step("bob", 2)))
    spoil(fake, 1, payload=wrong_crc(payload, "alice"))
    index = await read_tails(store, [log], everybody)
    with pytest.raises(CorruptLog, match="log s0-1 record 1: entry 'alice' version 1"):
        index.peek("alice")
    assert (await load_player(store, "bob", index.peek("bob"))).player.state.version == 2
    assert sorted(index.players()) == ["alice", "bob"]
    assert index.needs("s0-1")


async def test_an_entry_whose_owner_is_unclear_stops_both(store: Store, fake: ReadOnly) -> None:
    payload = batch(step("alice", 1), step("carol", 1))
    log = fake.log("s0-1", payload)
    spoil(fake, 1, payload=payload.replace(b"alice", b"bobby", 1))
    index = await read_tails(store, [log], everybody)
    for player_id in ("alice", "bobby"):
        with pytest.raises(CorruptLog):
            index.peek(player_id)
    assert len(index.peek("carol")) == 1


async def test_a_record_altered_without_a_trace_in_its_entries_stops_all_in_it(store: Store, fake: ReadOnly) -> None:
    log = fake.log("s0-1", batch(step("alice", 1)), batch(step("bob", 1)))
    spoil(fake, 1, payload=batch(step("alice", 1), step("carol", 1)))
    index = await read_tails(store, [log], everybody)
    for player_id in ("alice", "carol"):
        with pytest.raises(CorruptLog, match="the record fails its hash"):
            index.peek(player_id)
    assert len(index.peek("bob")) == 1


async def test_a_damaged_link_to_the_record_before_harms_nobody(store: Store, fake: ReadOnly) -> None:
    log = fake.log("s0-1", batch(step("alice", 1)), batch(step("alice", 2)))
    spoil(fake, 2, previous=b"?" * 16)
    index = await read_tails(store, [log], everybody)
    assert [entry.version for entry in index.peek("alice")] == [1, 2]


async def test_an_unreadable_record_is_named(store: Store, fake: ReadOnly) -> None:
    log = fake.log("s0-1", batch(step("alice", 1)), encode_batch([])[:1])
    with pytest.raises(CorruptLog, match="log s0-1 record 2"):
        await read_tails(store, [log], everybody)


async def test_a_missing_record_is_named(store: Store, fake: ReadOnly) -> None:
    log = fake.log("s0-1", batch(step("alice", 1)), batch(step("alice", 2)), batch(step("alice", 3)))
    del fake.logs["s0-1"][1]
    with pytest.raises(CorruptLog, match="log s0-1 record 2: missing"):
        await read_tails(store, [log], everybody)


async def test_a_missing_first_record_after_the_checkpoint_is_named(store: Store, fake: ReadOnly) -> None:
    """The record at the checkpoint is not read, so that only the sequence tells."""
    log = fake.log("s0-1", *(batch(step("alice", version)) for version in (1, 2, 3)), checkpoint_seq=1)
    del fake.logs["s0-1"][1]
    with pytest.raises(CorruptLog, match="log s0-1 record 2: missing"):
        await read_tails(store, [log], everybody)


async def test_a_record_from_another_log_is_no_successor(store: Store, fake: ReadOnly) -> None:
    log = fake.log("s0-1", batch(step("alice", 1)), batch(step("alice", 2)))
    fake.log("s0-2", batch(step("alice", 1, amount=5)), batch(step("bob", 1)))
    fake.logs["s0-1"][1] = replace(fake.logs["s0-2"][0], seq=2, previous=b"x" * 16)
    fake.logs["s0-1"][1] = replace(fake.logs["s0-1"][1], hash=next_hash(b"x" * 16, fake.logs["s0-1"][1].payload))
    with pytest.raises(CorruptLog, match="not the successor"):
        await read_tails(store, [log], everybody)


async def test_a_history_whose_log_is_trimmed_under_the_reading_is_read_anew(store: Store, fake: ReadOnly) -> None:
    """A round of snapshots cuts the log between the look at the list of logs and the reading."""
    fake.log("s0-1", *(batch(step("alice", version)) for version in range(1, 6)))
    trims = iter([1, 3])
    reading = fake.read_log

    async def trimmed_meanwhile(log_id: str, after_seq: int, limit: int) -> Sequence[LogRecord]:
        if (trimmed := next(trims, None)) is not None:
            fake.infos = [replace(fake.infos[0], trimmed_seq=trimmed)]
            fake.logs[log_id] = [record for record in fake.logs[log_id] if record.seq > trimmed]
        return await reading(log_id, after_seq, limit)

    fake.read_log = trimmed_meanwhile  # type: ignore[method-assign]
    assert [done.version for done in await player_history(store, "alice")] == [4, 5]


async def test_a_history_with_a_hole_is_refused(store: Store, fake: ReadOnly) -> None:
    fake.log("s0-1", *(batch(step("alice", version)) for version in range(1, 6)))
    del fake.logs["s0-1"][2]
    with pytest.raises(CorruptLog, match="record 3"):
        await player_history(store, "alice")
