"""Frames between a gateway and its explaining process: length, number, JSON."""

import asyncio
from struct import Struct
from typing import Final

import msgspec

from snapshots.archive.place import ArchivePlace

FRAME_BYTES_MAX: Final = 32 * 1024 * 1024
_HEAD: Final = Struct(">II")


class Begin(msgspec.Struct, frozen=True):
    """The first frame: where the store and the archive are, and what seals cursors. It never stands in an argument."""

    store: str
    archive: ArchivePlace | None
    secret: str


def framed(number: int, content: bytes) -> bytes:
    """One frame."""
    return _HEAD.pack(len(content), number) + content


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes] | None:
    """The next frame: its number and content; None at the end. ValueError for one that is too long."""
    try:
        length, number = _HEAD.unpack(await reader.readexactly(_HEAD.size))
        if length > FRAME_BYTES_MAX:
            raise ValueError(f"a frame of {length} bytes")
        return number, await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        return None
