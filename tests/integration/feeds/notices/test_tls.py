"""Mail by TLS and with a login: what is needed is insisted on, and secrets stay secret."""

from __future__ import annotations

import logging
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.notice_world import World, level_changed


def certificate(folder: Path) -> tuple[Path, Path]:
    """Of 127.0.0.1, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


async def with_tls(world: World) -> Path:
    """The mail server knows STARTTLS, and lets nobody in without a login over it."""
    cert_file, key_file = certificate(world.folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    await world.mail.stop()
    world.mail.options = {"tls_context": context, "authenticator": _lets_in, "auth_required": True}
    await world.mail.start()
    return cert_file


def _lets_in(server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=(data.login, data.password) == (b"croupier", b"correct horse"), handled=False)


def mail(world: World, password: str, **changed: object) -> dict[str, object]:
    return {
        "host": "127.0.0.1",
        "port": world.mail.port,
        "sender": "no-reply@casino.example",
        "user": "croupier",
        "password": world.secret("smtp", password),
        **changed,
    }


def opened(world: World) -> bool:
    return world.registry.get_sample_value("breaker_state", {"breaker": "mail"}) == 2


async def tell(world: World, players: int = 1, **settings: object) -> None:
    """Until it is sent, or the breaker has opened."""
    async with world.sink(channels={}, **settings) as sink:
        for number in range(players):
            await sink.take(world.happens(f"p{number}", level_changed()))
        await world.until(lambda: world.count("email", "sent") == players or opened(world))


async def test_mail_goes_by_tls_with_a_login(world: World) -> None:
    ca_file = await with_tls(world)
    await tell(world, mail=mail(world, "correct horse", ca_file=str(ca_file)))
    assert len(world.mail.mails) == 1


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(world: World) -> None:
    await with_tls(world)
    await tell(world, players=6, mail=mail(world, "correct horse"))
    assert world.mail.attempts == []
    assert opened(world)


async def test_a_server_without_tls_gets_neither_mail_nor_password(world: World) -> None:
    await tell(world, players=6, mail=mail(world, "correct horse"))
    assert world.mail.attempts == []
    assert opened(world)


async def test_a_wrong_password_is_said_without_it(world: World, caplog: pytest.LogCaptureFixture) -> None:
    ca_file = await with_tls(world)
    with caplog.at_level(logging.INFO):
        await tell(world, players=6, mail=mail(world, "wrong horse", ca_file=str(ca_file)))
    assert opened(world)
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("croupier"))
    assert "it answers 535" in ours
    assert "horse" not in ours
