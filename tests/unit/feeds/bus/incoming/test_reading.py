"""CloudEvents in both modes, and what each type becomes."""

import time
from typing import Any

import msgspec
import pytest

from engine.commands import CommandBody, Deposit, PostEvent, ReportBet, RollbackReportedBet, StartSession
from feeds.bus.incoming.cloud_events import EventRefused
from feeds.bus.incoming.reading import Incoming, Reader
from feeds.bus.incoming.record import Record
from feeds.bus.incoming.settings import BusInSettings

TYPES = ["Deposit", "ReportBet", "RollBackBet", "StartSession", "PostEvent"]
SETTINGS = msgspec.convert(
    {
        "brokers": ["localhost:9092"],
        "topics": [
            {"name": "all", "types": [f"com.croupier.{name}.v1" for name in TYPES]},
            {"name": "sports", "types": ["com.croupier.Deposit.v1"], "sources": ["sports"]},
        ],
        "first_start": "latest",
    },
    BusInSettings,
)
NOON = "2026-01-31T12:00:00Z"
NOON_MS = 1_769_860_800_000


def attributes(name: str, **changes: Any) -> dict[str, Any]:
    fixed = {"specversion": "1.0", "id": "7", "source": "sports", "subject": "ann", "time": NOON}
    return fixed | {"type": f"com.croupier.{name}.v1"} | changes


def binary(name: str, data: Any, content_type: bytes | None = b"application/json", **changes: Any) -> Record:
    headers = [(f"ce_{key}", value.encode()) for key, value in attributes(name, **changes).items()]
    headers += [("content-type", content_type)] if content_type is not None else []
    return record(msgspec.json.encode(data), *headers)


def structured(name: str, data: Any, **changes: Any) -> Record:
    document = attributes(name, **changes) | {"data": data, "traceparent": "an extension"}
    content_type = ("content-type", b"Application/CloudEvents+JSON; charset=utf-8")
    return record(msgspec.json.encode(document), content_type)


def record(value: bytes, *headers: tuple[str, bytes]) -> Record:
    return Record("all", 0, 1, b"ann", value, tuple(headers), int(time.time() * 1_000))


def read(of: Record) -> Incoming:
    return Reader(SETTINGS).read(of)


def refusal(of: Record) -> EventRefused:
    with pytest.raises(EventRefused) as caught:
        read(of)
    return caught.value


@pytest.mark.parametrize("mode", [binary, structured])
@pytest.mark.parametrize(
    ("name", "data", "body"),
    [
        ("Deposit", {"amount": 500}, Deposit(500)),
        (
            "Deposit",
            {"amount": 1, "payment_instrument": "card-9", "ip": "2001:DB8:0::1", "device": "d"},
            Deposit(1, "card-9", "2001:db8::1", "d"),
        ),
        ("ReportBet", {"amount": 333, "game_type": "table"}, ReportBet(333, "table")),
        ("RollBackBet", {"transaction_id": "6"}, RollbackReportedBet("bus:sports:6")),
        ("StartSession", {}, StartSession()),
        ("StartSession", {"ip": "10.1.2.3", "country": "DE"}, StartSession("10.1.2.3", None, "DE")),
        ("PostEvent", {"name": "kyc.done"}, PostEvent("kyc.done")),
        ("PostEvent", {"name": "x", "payload": {"b": 1, "a": "ä"}}, PostEvent("x", '{"a":"ä","b":1}')),
    ],
)
def test_each_type_becomes_its_command(mode: Any, name: str, data: Any, body: CommandBody) -> None:
    assert read(mode(name, data)) == Incoming("ann", "bus:sports:7", NOON_MS, body)


def test_two_events_never_have_the_same_command_id() -> None:
    pairs = [("a:b", "c"), ("a", "b:c"), ("a%3Ab", "c"), ("a", "b%3Ac")]
    ids = {read(binary("Deposit", {"amount": 1}, source=source, id=id_)).command_id for source, id_ in pairs}
    assert len(ids) == len(pairs)


def test_a_rollback_means_a_bet_of_the_same_source() -> None:
    bet = read(binary("ReportBet", {"amount": 1, "game_type": "table"}, source="https://sports.example/", id="b-1"))
    back = read(binary("RollBackBet", {"transaction_id": "b-1"}, source="https://sports.example/"))
    assert back.body == RollbackReportedBet(bet.command_id)


def test_the_content_type_may_be_left_out() -> None:
    assert read(binary("Deposit", {"amount": 1}, content_type=None)).body == Deposit(1)


def test_the_first_of_a_repeated_header_counts() -> None:
    once = binary("Deposit", {"amount": 1})
    twice = msgspec.structs.replace(once, headers=(*once.headers, ("ce_subject", b"bob")))
    assert read(twice).player_id == "ann"


@pytest.mark.parametrize(
    ("code", "words", "sent"),
    [
        ("undecodable", "specversion", binary("Deposit", {}, specversion="2.0")),
        ("undecodable", "application/xml", binary("Deposit", {}, content_type=b"application/xml")),
        ("undecodable", "structured document", record(b"{", ("content-type", b"application/cloudevents+json"))),
        ("undecodable", "neither", record(b'{"amount":1}')),
        ("undecodable", "ce_id", record(b"{}", ("ce_specversion", b"1.0"), ("ce_id", b"\xff"))),
        ("invalid_event", "subject is missing", structured("Deposit", {"amount": 1}, subject=None)),
        ("invalid_event", "id is 'a b'", binary("Deposit", {"amount": 1}, id="a b")),
        ("invalid_event", "time", binary("Deposit", {"amount": 1}, time="2026-01-31T12:00:00")),
        ("unknown_type", "com.croupier.Withdraw.v1", binary("Withdraw", {"amount": 1})),
        ("invalid_data", "`amount`", binary("Deposit", {})),
        ("invalid_data", "amount", binary("Deposit", {"amount": "5"})),
        ("invalid_data", "amount", binary("Deposit", {"amount": 10**15 + 1})),
        ("invalid_data", "transaction_id", binary("RollBackBet", {"transaction_id": "x\n"})),
        ("invalid_data", "4096 bytes", binary("PostEvent", {"name": "x", "payload": {"a": "x" * 5_000}})),
        ("invalid_data", "zone", binary("StartSession", {"ip": "fe80::1%eth0"})),
        ("too_large", "65537", record(b"x" * 65_537)),
    ],
)
def test_what_is_wrong_is_said_in_the_senders_words(code: str, words: str, sent: Record) -> None:
    refused = refusal(sent)
    assert refused.code == code
    assert words in refused.detail


def test_a_topic_may_be_for_some_sources_only() -> None:
    own, strange = binary("Deposit", {"amount": 1}), binary("Deposit", {"amount": 1}, source="poker")
    assert read(msgspec.structs.replace(own, topic="sports")).body == Deposit(1)
    assert refusal(msgspec.structs.replace(strange, topic="sports")).code == "unknown_source"
    assert read(strange).body == Deposit(1)


@pytest.mark.parametrize(
    ("later_ms", "code"),
    [
        (0, None),
        (23 * 3_600_000, None),
        (23 * 3_600_000 + 1, "too_old"),
        (-600_000, None),
        (-600_001, "time_ahead"),
    ],
)
def test_an_event_is_tried_while_its_id_is_sure_to_be_remembered(later_ms: int, code: str | None) -> None:
    problem = read(binary("Deposit", {"amount": 1})).age_problem(NOON_MS + later_ms)
    assert (problem and problem.code) == code
