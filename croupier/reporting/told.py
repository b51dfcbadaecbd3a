"""What a process that makes a report tells the one that started it, on a line before the bytes of the report."""

from typing import Final

import msgspec

LINE_BYTES_MAX: Final = 65_536


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


def encode_told(told: Told) -> bytes:
    """One line."""
    return msgspec.json.encode(told) + b"\n"


def decode_told(line: bytes) -> Told:
    """Raises msgspec.DecodeError."""
    return msgspec.json.decode(line, type=Told)
