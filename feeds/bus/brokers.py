"""How the brokers of an event bus are reached: addresses, TLS, login. Secrets are only named here."""

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from feeds.credentials import Credential, CredentialMissing

TopicName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,220}$", description="1 to 220 of A-Z a-z 0-9 . _ -")]
Server = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:\[\]_-]{1,255}:[0-9]{1,5}$", description="HOST:PORT")]
FilePath = Annotated[str, Meta(min_length=1, max_length=4_096)]

_PROTOCOLS: Final = {
    (False, False): "plaintext",
    (False, True): "ssl",
    (True, False): "sasl_plaintext",
    (True, True): "sasl_ssl",
}
"""By (with a login, with TLS)."""


_FILES: Final = {
    "ca_file": "ssl.ca.location",
    "certificate_file": "ssl.certificate.location",
    "key_file": "ssl.key.location",
}


def _readable(name: str, path: str) -> str:
    """The library does not say which file it can't read."""
    try:
        with Path(path).open("rb"):
            return path
    except OSError as error:
        raise CredentialMissing(f"{name} {path} can't be read: {error.strerror}") from error


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How this client proves to the brokers who it is (SASL)."""

    user: Annotated[str, Meta(min_length=1, max_length=256)]
    password: Credential
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"


class Brokers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The brokers, and how to reach them."""

    brokers: Annotated[tuple[Server, ...], Meta(min_length=1, max_length=32)]
    """Some of the cluster's brokers: the others are learnt from them."""
    tls: bool = False
    ca_file: FilePath | None = None
    """Certificates (PEM) by which the brokers are checked; without it, those of the operating system."""
    certificate_file: FilePath | None = None
    """The client's own certificate (PEM), for brokers that ask for one."""
    key_file: FilePath | None = None
    """The private key (PEM) of that certificate."""
    key_password: Credential | None = None
    """What the private key is encrypted with, if it is."""
    login: Login | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("ca_file", "certificate_file", "key_file") if getattr(self, name) is not None]
        if given and not self.tls:
            raise ValueError(f"{given[0]} is given, but tls is off")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        if self.key_password is not None and self.key_file is None:
            raise ValueError("key_password is given without key_file")

    def client(self, client_id: str) -> dict[str, str | int | float | bool]:
        """What a client of librdkafka needs to reach the brokers. Raises CredentialMissing, of files too."""
        chosen: dict[str, str | int | float | bool] = {
            "bootstrap.servers": ",".join(self.brokers),
            "client.id": client_id,
            "security.protocol": _PROTOCOLS[self.login is not None, self.tls],
        }
        for name, option in _FILES.items():
            path = getattr(self, name)
            if path is not None:
                chosen[option] = _readable(name, path)
        if self.key_password is not None:
            chosen["ssl.key.password"] = self.key_password.read()
        if self.login is not None:
            chosen["sasl.mechanism"] = self.login.mechanism
            chosen["sasl.username"] = self.login.user
            chosen["sasl.password"] = self.login.password.read()
        return chosen
