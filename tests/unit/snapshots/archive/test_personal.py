"""Every personal field of the journal is known to the archive, and every entry comes back byte by byte."""

from typing import get_args

import pytest

from engine import answers, events
from engine.commands import Deposit, Register, Spin, StartSession
from snapshots.archive.format import archived, decode_record, encode_record, opened, public_payload, search
from snapshots.archive.personal import PERSONAL_ANSWERS, PERSONAL_EVENTS
from snapshots.codec import decode_batch, decode_entry, encode_batch, encode_entry
from snapshots.contract import GENESIS, LogRecord, next_hash
from tests.support.archiving import IP, PlayedLog

TELLING = {
    "ip",
    "device",
    "country",
    "ip_country",
    "payment_instrument",
    "language",
    "email",
    "phone",
    "name",
    "address",
}
NOT_PERSONAL = {(events.CustomEventPosted, "name")}
PLACE = ("s0", 1, "s0-1")


def test_a_field_that_tells_of_a_person_is_in_the_table() -> None:
    known = {**PERSONAL_EVENTS, **PERSONAL_ANSWERS}
    for kind in (*get_args(events.AnyEvent), *get_args(answers.AnyAnswer)):
        telling = {field for field in kind.__struct_fields__ if field in TELLING and (kind, field) not in NOT_PERSONAL}
        assert telling == set(known.get(kind, ())), kind.__name__


def record_of(*bodies: object) -> LogRecord:
    played = PlayedLog()
    played.play("alice", Register("EUR"))
    played.play("alice", Deposit(1_000))
    done = [played.play("alice", body) for body in bodies]  # type: ignore[arg-type]
    payload = encode_batch([(t.player_id, t.version, encode_entry(t)) for t in done], [3, 4], ["dora"])
    return LogRecord(1, GENESIS, next_hash(GENESIS, payload), payload)


@pytest.mark.parametrize(
    "bodies",
    [
        (Spin("book", "real", 10, 0),),
        (StartSession(IP),),
        (Spin("book", "real", 10, 0), Deposit(5, "card"), Spin("book", "real", 10, 500), StartSession(None, "device")),
        (StartSession(IP), StartSession(IP), StartSession(IP)),
    ],
)
def test_with_the_key_it_is_the_journals_own_bytes(bodies: tuple[object, ...]) -> None:
    record = record_of(*bodies)
    keys = {"alice": bytes(32)}
    kept = decode_record(encode_record(archived(PLACE, record, search(record.payload).personal, keys)))
    read = opened(kept, keys)
    assert (read.payload, read.hash, read.erased) == (record.payload, record.hash, ())
    batch = decode_batch(public_payload(kept))
    assert [decode_entry(entry).version for entry in batch] == [entry.version for entry in decode_batch(record.payload)]


def test_an_entry_without_personal_fields_stays_as_it_is() -> None:
    record = record_of(Spin("book", "real", 10, 0), StartSession(), Deposit(5))
    assert not search(record.payload).personal


def test_a_damaged_entry_is_sealed_whole() -> None:
    record = record_of(StartSession(IP))
    damaged = record.payload.replace(IP.encode(), IP[:-1].encode() + b"8")
    keys = {"alice": bytes(32)}
    wrong = LogRecord(1, GENESIS, next_hash(GENESIS, damaged), damaged)
    kept = archived(PLACE, wrong, search(damaged).personal, keys)
    assert IP[:-1].encode() not in public_payload(kept)
    assert opened(kept, keys).payload == damaged
