"""What a process that makes a report is told on its input, and what it tells on a line before the report's bytes."""

from collections.abc import Mapping
from typing import Final

import msgspec

LINE_BYTES_MAX: Final = 65_536


class Begin(msgspec.Struct, frozen=True):
    """The first line of the input: where things are, and the secrets that a report needs, by their variables' names.

    Arguments and the environment of a process can be read by others on the machine, so nothing of it stands there.
    """

    store: str
    integrations: str | None = None
    reports: str | None = None
    secrets: Mapping[str, str] = {}


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What comes: the report with this `content_type`; or nothing, because the request was `refused` with that code.

    `field` is what is wrong with an `invalid_request`.
    """

    content_type: str = ""
    provisional: bool = False
    reconciled: bool | None = None
    refused: str = ""
    field: str = ""
    detail: str = ""


def encode_begin(begin: Begin) -> bytes:
    """One line."""
    return msgspec.json.encode(begin) + b"\n"


def decode_begin(line: bytes) -> Begin:
    """Raises msgspec.DecodeError."""
    return msgspec.json.decode(line, type=Begin)


def encode_told(told: Told) -> bytes:
    """One line."""
    return msgspec.json.encode(told) + b"\n"


def decode_told(line: bytes) -> Told:
    """Raises msgspec.DecodeError."""
    return msgspec.json.decode(line, type=Told)
