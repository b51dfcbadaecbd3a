"""Control segments: entries of the control log as the archive keeps them."""

from collections.abc import Sequence
from typing import Final

import msgspec
import zstandard

from snapshots.errors import CorruptArchive

CONTROL: Final = "control"
FORMAT: Final = 1
CONTENT_BYTES_MAX: Final = 64 * 1_048_576
Numbered = tuple[int, bytes]
"""An entry's number, and the entry as it was appended."""


class _Segment(msgspec.Struct, array_like=True):
    format: int
    entries: list[Numbered]


_decoder = msgspec.msgpack.Decoder(_Segment)


def write_control(entries: Sequence[Numbered]) -> bytes:
    """The same entries make the same bytes."""
    encoded = msgspec.msgpack.encode(_Segment(FORMAT, list(entries)))
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(encoded)


def uncompressed(content: bytes) -> bytes:
    """The MessagePack of a control segment. Raises CorruptArchive."""
    try:
        return zstandard.ZstdDecompressor().decompress(content, max_output_size=CONTENT_BYTES_MAX)
    except zstandard.ZstdError as error:
        raise CorruptArchive(f"a control segment is damaged: {error}") from None


def read_control(content: bytes) -> list[Numbered]:
    """The entries. Raises CorruptArchive if they are damaged, or if their numbers are not consecutive."""
    try:
        segment = _decoder.decode(uncompressed(content))
    except msgspec.DecodeError as error:
        raise CorruptArchive(f"a control segment is damaged: {error}") from None
    if segment.format != FORMAT:
        raise CorruptArchive(f"a control segment of format {segment.format}; this version reads {FORMAT} only")
    numbers = [number for number, _ in segment.entries]
    if not numbers or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise CorruptArchive("a control segment's numbers are not consecutive")
    return segment.entries
