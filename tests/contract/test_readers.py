"""Readers of the journal: claims and fencing as for shards, cursors that never go back, notes written with them."""

import pytest

from snapshots.contract import (
    NOTE_KEY_BYTES_MAX,
    NOTE_VALUE_BYTES_MAX,
    Incarnation,
    LogHead,
    LogInfo,
    Owner,
    Position,
    Reader,
    Store,
)
from snapshots.errors import Fenced, NotesFull

OWNER = Owner("host-1", 100, 5_000)


async def shard(store: Store, shard_id: str = "s0", nonce: str = "n", records: int = 0) -> Incarnation:
    """A new incarnation with that many records."""
    inc = (await store.claim(shard_id, OWNER, nonce)).incarnation
    await grow(store, inc, LogHead(), records)
    return inc


async def grow(store: Store, inc: Incarnation, head: LogHead, records: int) -> LogHead:
    for number in range(records):
        head = await store.append(inc, head, b"record %d" % number)
    return head


async def test_a_claim_raises_the_epoch_and_is_idempotent_per_nonce(store: Store) -> None:
    first = await store.claim_reader("bus", "n1")
    assert (first, await store.claim_reader("bus", "n1")) == (Reader("bus", 1, "n1"), first)
    assert await store.claim_reader("bus", "n2") == Reader("bus", 2, "n2")
    assert await store.claim_reader("webhooks", "n1") == Reader("webhooks", 1, "n1")


@pytest.mark.parametrize("name", ["", "a/b", ".x"])
async def test_a_name_that_can_be_no_reader_is_a_bug_of_the_caller(store: Store, name: str) -> None:
    with pytest.raises(ValueError):
        await store.claim_reader(name, "n")


async def test_cursors_move_up_only_each_by_itself(store: Store) -> None:
    reader = await store.claim_reader("bus", "n")
    await store.commit_reader(reader, {"s0": Position(2, 7), "s1": Position(1, 30)}, {})
    await store.commit_reader(reader, {"s0": Position(2, 6), "s1": Position(2, 0)}, {})
    assert await store.reader_positions("bus") == {"s0": Position(2, 7), "s1": Position(2, 0)}
    await store.commit_reader(reader, {"s0": Position(10, 1)}, {})
    assert (await store.reader_positions("bus"))["s0"] == Position(10, 1)
    assert await store.reader_positions("nobody") == {}


async def test_who_was_superseded_writes_nothing(store: Store) -> None:
    old = await store.claim_reader("bus", "n1")
    await store.commit_reader(old, {"s0": Position(1, 1)}, {"a": b"1"})
    await store.claim_reader("bus", "n2")
    strange = (old, Reader("bus", 2, "n1"), Reader("bus", 3, "n2"), Reader("nobody", 1, "n"), Reader("bus", 2, ""))
    for reader in strange:
        with pytest.raises(Fenced):
            await store.commit_reader(reader, {"s0": Position(1, 2)}, {"a": b"2", "b": b"3"})
    assert await store.reader_positions("bus") == {"s0": Position(1, 1)}
    assert await store.reader_notes("bus") == {"a": b"1"}


async def test_notes_are_written_and_removed_with_the_cursors(store: Store) -> None:
    reader = await store.claim_reader("bus", "n")
    await store.commit_reader(reader, {"s0": Position(1, 1)}, {"a": b"1", "b": b"", "c": b"\x00\xff"})
    await store.commit_reader(reader, {}, {"a": None, "b": b"2", "gone": None})
    assert await store.reader_notes("bus") == {"b": b"2", "c": b"\x00\xff"}
    assert await store.reader_notes("webhooks") == {}


async def test_notes_are_read_in_pages_in_the_order_of_their_keys(store: Store) -> None:
    reader = await store.claim_reader("bus", "n")
    keys = ["a", "p/", "p/1", "p/10", "p/2", "p/ÿ", "p/😀", "p0", "z"]
    await store.commit_reader(reader, {}, {key: key.encode() for key in reversed(keys)})
    assert list(await store.reader_notes("bus")) == keys
    assert list(await store.reader_notes("bus", "p/")) == ["p/", "p/1", "p/10", "p/2", "p/ÿ", "p/😀"]
    assert list(await store.reader_notes("bus", "p/", "p/1", 2)) == ["p/10", "p/2"]
    assert list(await store.reader_notes("bus", "p/", "p/2")) == ["p/ÿ", "p/😀"]
    assert list(await store.reader_notes("bus", "p/", "")) == ["p/", "p/1", "p/10", "p/2", "p/ÿ", "p/😀"]
    assert list(await store.reader_notes("bus", "p/", "q")) == []


async def test_notes_have_limits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = await store.claim_reader("bus", "n")
    await store.commit_reader(reader, {}, {"k" * NOTE_KEY_BYTES_MAX: bytes(NOTE_VALUE_BYTES_MAX)})
    for note in ({"": b""}, {"ü" * 257: b""}, {"k": bytes(NOTE_VALUE_BYTES_MAX + 1)}):
        with pytest.raises(ValueError):
            await store.commit_reader(reader, {"s0": Position(1, 1)}, note)
    for module in ("snapshots.sqlite.readers", "snapshots.redis.readers"):
        monkeypatch.setattr(f"{module}.NOTES_MAX", 2)
    with pytest.raises(NotesFull, match="bus would have 3 notes; at most 2"):
        await store.commit_reader(reader, {"s0": Position(1, 1)}, {"a": b"", "b": b""})
    assert await store.reader_positions("bus") == {}
    await store.commit_reader(reader, {}, {"k" * NOTE_KEY_BYTES_MAX: None, "a": b"", "b": b""})
    await store.commit_reader(reader, {}, {"a": b"new"})
    assert await store.reader_notes("bus") == {"a": b"new", "b": b""}


async def test_a_new_reader_begins_with_the_oldest_records_there_are(store: Store) -> None:
    term = await store.take_term()
    old = await shard(store, records=3, nonce="n1")
    new = await shard(store, records=5, nonce="n2")
    await store.checkpoint(new, 4, 2)
    await store.retire(await shard(store, "s1", records=2))
    await store.finish_log(term, "s1-1")
    await store.claim_reader("bus", "n")
    assert await store.reader_positions("bus") == {"s0": Position(1, 0), "s1": Position(2, 0)}
    await store.finish_log(term, old.log_id)
    await store.claim_reader("late", "n")
    assert await store.reader_positions("late") == {"s0": Position(1, 3), "s1": Position(2, 0)}
    later = await shard(store, "s9", records=1)
    await store.checkpoint(later, 1, 1)
    assert "s9" not in await store.reader_positions("bus"), "what comes after its claim, it reads from the beginning"


async def test_logs_end_where_they_ended(store: Store) -> None:
    await shard(store, nonce="n1", records=3)
    inc = await shard(store, nonce="n2", records=2)
    await store.checkpoint(inc, 2, 2)
    logs = [LogInfo("s0-1", "s0", True, 0, 0, 3), LogInfo("s0-2", "s0", False, 2, 2, 2)]
    assert await store.journal_logs() == await store.unfinished_logs() == logs
    await store.retire(inc)
    assert [(log.sealed, log.last_seq) for log in await store.journal_logs()] == [(True, 3), (True, 2)]


async def test_nothing_is_trimmed_that_the_archive_has_not_read(store: Store) -> None:
    archive = await store.claim_reader("archive", "n")
    inc = await shard(store, records=6)
    await store.checkpoint(inc, 5, 4)
    assert (await store.unfinished_logs())[0] == LogInfo("s0-1", "s0", False, 5, 0, 6)
    await store.commit_reader(archive, {"s0": Position(1, 3)}, {})
    await store.checkpoint(inc, 5, 4)
    assert (await store.unfinished_logs())[0].trimmed_seq == 3
    assert [record.seq for record in await store.read_log("s0-1", 0, 10)] == [4, 5, 6]
    await store.commit_reader(archive, {"s0": Position(2, 0)}, {})
    await store.checkpoint(inc, 5, 4)
    assert (await store.unfinished_logs())[0].trimmed_seq == 4


async def test_no_other_reader_holds_anything(store: Store) -> None:
    await store.claim_reader("bus", "n")
    inc = await shard(store, records=6)
    await store.checkpoint(inc, 5, 4)
    assert (await store.unfinished_logs())[0].trimmed_seq == 4


async def test_a_finished_log_stays_until_the_archive_has_read_it(store: Store) -> None:
    term = await store.take_term()
    archive = await store.claim_reader("archive", "n")
    await shard(store, nonce="n1", records=3)
    await shard(store, nonce="n2")
    await store.finish_log(term, "s0-1")
    assert [log.log_id for log in await store.unfinished_logs()] == ["s0-2"]
    assert (await store.journal_logs())[0] == LogInfo("s0-1", "s0", True, 0, 0, 3, finished=True)
    await store.commit_reader(archive, {"s0": Position(1, 2)}, {})
    await store.sweep_journal(term)
    assert len(await store.read_log("s0-1", 0, 10)) == 3
    await store.commit_reader(archive, {"s0": Position(1, 3)}, {})
    await store.sweep_journal(term)
    assert [log.log_id for log in await store.journal_logs()] == ["s0-2"]
    assert list(await store.read_log("s0-1", 0, 10)) == []


async def test_of_a_finished_log_readers_learn_what_they_must_find_in_the_archive(store: Store) -> None:
    term = await store.take_term()
    bus = await store.claim_reader("bus", "n")
    await shard(store, nonce="n1", records=3)
    await shard(store, nonce="n2")
    await store.finish_log(term, "s0-1")
    assert list(await store.read_log("s0-1", 0, 10)) == [], "only the archive holds records"
    assert (await store.journal_logs())[0] == LogInfo("s0-1", "s0", True, 0, 3, 3, finished=True)
    await store.commit_reader(bus, {"s0": Position(1, 3)}, {})
    await store.sweep_journal(term)
    assert [log.log_id for log in await store.journal_logs()] == ["s0-2"]


async def test_an_empty_log_is_passed_like_any_other(store: Store) -> None:
    term = await store.take_term()
    archive = await store.claim_reader("archive", "n")
    await store.retire(await shard(store))
    await store.finish_log(term, "s0-1")
    assert [log.log_id for log in await store.journal_logs()] == ["s0-1"]
    await store.commit_reader(archive, {"s0": Position(1, 0)}, {})
    await store.sweep_journal(term)
    assert await store.journal_logs() == []


async def test_a_forgotten_reader_holds_nothing_writes_nothing_and_keeps_its_notes(store: Store) -> None:
    term = await store.take_term()
    archive = await store.claim_reader("archive", "n")
    inc = await shard(store, records=6)
    await store.commit_reader(archive, {"s0": Position(1, 3)}, {"segment": b"7"})
    await store.forget_reader(term, "archive")
    await store.forget_reader(term, "archive")
    await store.forget_reader(term, "nobody")
    with pytest.raises(Fenced):
        await store.commit_reader(archive, {"s0": Position(1, 4)}, {})
    assert await store.reader_positions("archive") == {}
    await store.checkpoint(inc, 6, 5)
    assert (await store.unfinished_logs())[0].trimmed_seq == 5
    again = await store.claim_reader("archive", "n")
    assert again.epoch > archive.epoch
    assert await store.reader_positions("archive") == {"s0": Position(1, 5)}
    assert await store.reader_notes("archive") == {"segment": b"7"}


async def test_a_term_that_is_over_sweeps_and_forgets_nothing(store: Store) -> None:
    term = await store.take_term()
    archive = await store.claim_reader("archive", "n")
    await store.commit_reader(archive, {"s0": Position(1, 3)}, {})
    await store.take_term()
    with pytest.raises(Fenced):
        await store.forget_reader(term, "archive")
    with pytest.raises(Fenced):
        await store.sweep_journal(term)
    assert await store.reader_positions("archive") == {"s0": Position(1, 3)}


async def test_what_was_confirmed_to_a_store_that_syncs_each_write_is_safe_at_once(store: Store) -> None:
    assert await store.horizon_ms() == 0


async def test_who_claims_notes_alone_holds_nothing_of_the_journal(store: Store) -> None:
    term = await store.take_term()
    keeper = await store.claim_notes("bus-in.cashier.0", "n1")
    assert await store.claim_notes("bus-in.cashier.0", "n1") == keeper
    await store.commit_reader(keeper, {}, {"next": b"17"})
    sealed = await shard(store, records=2)
    await store.retire(sealed)
    await store.finish_log(term, sealed.log_id)
    assert await store.journal_logs() == []
    assert await store.reader_positions("bus-in.cashier.0") == {}
    with pytest.raises(Fenced):
        await store.commit_reader(keeper, {"s0": Position(1, 1)}, {})
    successor = await store.claim_notes("bus-in.cashier.0", "n2")
    with pytest.raises(Fenced):
        await store.commit_reader(keeper, {}, {"next": b"18"})
    assert (successor.epoch, await store.reader_notes("bus-in.cashier.0")) == (keeper.epoch + 1, {"next": b"17"})


async def test_a_reader_that_claims_notes_alone_lets_the_journal_go_and_may_come_back(store: Store) -> None:
    term, reader = await store.take_term(), await store.claim_reader("bus", "n")
    first = await shard(store, records=2)
    await store.retire(first)
    keeper = await store.claim_notes("bus", "n")
    with pytest.raises(Fenced):
        await store.commit_reader(reader, {}, {})
    await store.finish_log(term, first.log_id)
    assert await store.journal_logs() == []
    again = await store.claim_reader("bus", "n")
    assert again.epoch == keeper.epoch + 1
    await store.commit_reader(again, {"s0": Position(2, 0)}, {})
