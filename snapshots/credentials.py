"""Secrets in configuration: never themselves, only where they are."""

import os
from pathlib import Path

import msgspec


class CredentialMissing(Exception):
    """A secret is not where the configuration says; the message names the place, never the secret."""


class Credential(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a secret is: `{env: NAME}` or `{file: PATH}`."""

    env: str | None = None
    file: str | None = None

    def __post_init__(self) -> None:
        if (self.env is None) == (self.file is None):
            raise ValueError("must name either env or file")

    def read(self) -> str:
        """The secret. Raises CredentialMissing."""
        if self.env is not None:
            found = os.environ.get(self.env, "")
            where = f"environment variable {self.env}"
        else:
            where = f"file {self.file}"
            found = _content(str(self.file), where)
        if not found:
            raise CredentialMissing(f"{where} is not set or empty")
        return found


def _content(path: str, where: str) -> str:
    try:
        return Path(path).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialMissing(f"{where} can't be read: {error}") from error
