"""The section `bus`: what it takes, and how it says what it doesn't."""

from pathlib import Path

import msgspec
import pytest

from feeds.bus.settings import BusSettings
from feeds.credentials import CredentialMissing

SERVER = '"brokers": ["kafka-1:9092"]'


def read(more: str = "") -> BusSettings:
    return msgspec.json.decode(f"{{{SERVER}{more and ', '}{more}}}", type=BusSettings)


def test_brokers_are_enough() -> None:
    settings = read()
    assert settings.by_family()["bets"] == "croupier.bets"
    assert settings.producer()["security.protocol"] == "plaintext"


def test_what_the_promise_needs_is_not_a_matter_of_settings() -> None:
    producer = read().producer()
    promised = {
        "enable.idempotence": True,
        "enable.gapless.guarantee": True,
        "acks": "all",
        "message.timeout.ms": 0,
        "compression.type": "zstd",
    }
    assert promised.items() <= producer.items()


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ('"topic": "a", "topics": {}', "names both topic and topics"),
        ('"ca_file": "ca.pem"', "ca_file is given, but tls is off"),
        ('"tls": true, "key_file": "key.pem"', "certificate_file and key_file go together"),
        ('"key_password": {"env": "KEY"}', "key_password is given without key_file"),
        ('"partitions_acknowledged": {"other": 3}', "names other, where no events go"),
        ('"topics": {"account": null, "bets": null, "bonus": null, "loyalty": null, "money": null}', "at least one"),
        ('"topix": "a"', "unknown field `topix`"),
        ('"topic": "a b"', "at `$.topic`"),
        ('"waiting_events_max": 1', "at `$.waiting_events_max`"),
        ('"login": {"user": "croupier", "password": "secret"}', "at `$.login.password`"),
        ('"schemas_url": "ftp://example.com/"', "at `$.schemas_url`"),
    ],
)
def test_mistakes_are_named(more: str, complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        read(more)
    assert complaint in str(caught.value)


def test_a_login_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUS_PASSWORD", "s3cret")
    monkeypatch.chdir(tmp_path)
    for name in ("ca.pem", "own.pem", "own.key"):
        (tmp_path / name).touch()
    settings = read(
        '"tls": true, "ca_file": "ca.pem", "certificate_file": "own.pem", "key_file": "own.key",'
        ' "login": {"user": "croupier", "password": {"env": "BUS_PASSWORD"}}'
    )
    chosen = settings.producer()
    assert chosen["security.protocol"] == "sasl_ssl"
    assert (chosen["ssl.ca.location"], chosen["ssl.key.location"]) == ("ca.pem", "own.key")
    assert (chosen["sasl.username"], chosen["sasl.password"]) == ("croupier", "s3cret")
    assert "s3cret" not in repr(settings)


def test_a_password_that_is_not_there_is_missed_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BUS_PASSWORD", raising=False)
    with pytest.raises(CredentialMissing, match="BUS_PASSWORD"):
        read('"login": {"user": "croupier", "password": {"env": "BUS_PASSWORD"}}').producer()
