"""Records on the local disk until they are in a segment: what was appended here survives the process and the machine.

One file per segment to be. Its first frame tells how far the archive had come before it; each further frame is a
record. A frame is its length, its checksum, its bytes. `<number>.open` is written to; `<number>-<cut ms>.cut` waits to
be brought away.
"""

import errno
import fcntl
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

import msgspec

from feeds.archive.disk import Disk
from feeds.reading import SinkFailed
from snapshots.archive.format import decode_record
from snapshots.archive.index import End
from snapshots.errors import CorruptArchive

log = logging.getLogger("croupier.archive")

_FRAME: Final = Struct(">II")
_LAST = msgspec.msgpack.Decoder(tuple[int, dict[str, End]])
_ENDS = msgspec.msgpack.Decoder(dict[str, End])
_FULL = (errno.ENOSPC, errno.EDQUOT)


class SpoolFull(Exception):
    """There is no room; nothing was written."""


class CutFile(NamedTuple):
    """A file that waits to become segment `number`, cut at `cut_ms`."""

    path: Path
    number: int
    cut_ms: int


def frame(content: bytes) -> bytes:
    """The bytes as they stand in a file."""
    return _FRAME.pack(len(content), crc32(content)) + content


def read_frames(content: bytes) -> tuple[list[bytes], int]:
    """All whole frames, and how many bytes they take; what a crash has torn off at the end is left out."""
    frames: list[bytes] = []
    begin = 0
    while begin + _FRAME.size <= len(content):
        length, checksum = _FRAME.unpack_from(content, begin)
        end = begin + _FRAME.size + length
        body = content[begin + _FRAME.size : end]
        if end > len(content) or crc32(body) != checksum:
            break
        frames.append(body)
        begin = end
    return frames, begin


def read_file(path: Path) -> tuple[Mapping[str, End], Sequence[bytes]]:
    """How far the archive had come before a file that was cut, and its records, encoded.

    Raises OSError, and CorruptArchive if the file is not as it was cut: nothing of it is passed over in silence.
    """
    content = path.read_bytes()
    frames, whole = read_frames(content)
    if not frames or whole != len(content):
        raise CorruptArchive(f"the spool's file {path} is damaged after {whole} of {len(content)} bytes")
    return _ENDS.decode(frames[0]), frames[1:]


class Spool:
    """The folder. All calls block: they are for one thread at a time. Raises OSError where the disk fails."""

    def __init__(self, folder: Path, bytes_max: int, disk: Disk | None = None) -> None:
        self._folder, self._bytes_max, self._disk = folder, bytes_max, disk or Disk()
        self._lock = self._handle = -1
        self._number = 0
        self.open_bytes = self._begin_bytes = 0
        """Bytes in the file that is written to."""
        self._cut_bytes: dict[Path, int] = {}
        self._held = 0

    def open(self, now_ms: int) -> tuple[dict[str, End], list[CutFile]]:
        """Takes the folder, and cuts what a former life left open. Answers how far the archive has come according to
        the spool, and the files that wait.

        Raises SinkFailed if another archiver has the folder.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SinkFailed(f"Another archiver uses the spool {self._folder}.") from None
        for path in sorted(self._folder.glob("*.open")):
            self._cut_left_over(path, now_ms)
        return self._standing(), self.waiting()

    def last(self) -> tuple[int, Mapping[str, End]] | None:
        """The number of the last segment that was stored from here, and how far the archive had come with it."""
        try:
            frames, _ = read_frames((self._folder / "last").read_bytes())
        except FileNotFoundError:
            return None
        return _LAST.decode(frames[0]) if frames else None

    def waiting(self) -> list[CutFile]:
        """The files that wait, oldest first."""
        return [_cut_file(path) for path in sorted(self._folder.glob("*.cut"))]

    def begin(self, number: int, ends: Mapping[str, End]) -> None:
        """From now on records go to the file that will be segment `number`. Raises SpoolFull, OSError."""
        self._number, self.open_bytes = number, 0
        try:
            self._handle = self._disk.open(self._folder / f"{number:012d}.open")
        except OSError as error:
            raise self._full(error) from error
        try:
            self._disk.truncate(self._handle, 0)
            self._write(frame(msgspec.msgpack.encode(ends)))
        except BaseException:
            os.close(self._handle)
            self._handle = -1
            raise
        self._begin_bytes = self.open_bytes

    @property
    def writing(self) -> bool:
        """Whether a file is written to."""
        return self._handle >= 0

    @property
    def has_records(self) -> bool:
        """Whether the file that is written to has more than its beginning."""
        return self.open_bytes > self._begin_bytes

    def append(self, frames: bytes) -> None:
        """Writes whole frames, on the disk when it returns. Raises SpoolFull if there is no room for them; then nothing
        of them stays.
        """
        if self.held_bytes + len(frames) > self._bytes_max and (self._cut_bytes or self.has_records):
            raise SpoolFull(f"the spool {self._folder} has {self.held_bytes} bytes, of at most {self._bytes_max}")
        self._write(frames)

    def cut(self, now_ms: int) -> CutFile:
        """Ends the file that is written to: it waits from now on."""
        path = self._folder / f"{self._number:012d}.open"
        to = self._folder / f"{self._number:012d}-{now_ms}.cut"
        os.close(self._handle)
        self._handle = -1
        self._hold(to, self.open_bytes)
        self.open_bytes = 0
        self._disk.rename(path, to)
        return _cut_file(to)

    def remove(self, file: CutFile, ends: Mapping[str, End]) -> None:
        """Its records are in a stored segment, with which the archive has come to `ends`."""
        last = frame(msgspec.msgpack.encode((file.number, ends)))
        try:
            self._disk.replace(self._folder / "last", last)
            self._disk.remove(file.path)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            self._disk.remove(file.path)  # makes room
            self._disk.replace(self._folder / "last", last)
        self._hold(file.path, 0)

    def renumber(self, file: CutFile, number: int) -> None:
        """Gives a waiting file another number, because its own is taken."""
        to = file.path.with_name(f"{number:012d}-{file.cut_ms}.cut")
        self._hold(to, self._cut_bytes.get(file.path, 0))
        self._hold(file.path, 0)
        self._disk.rename(file.path, to)

    @property
    def held_bytes(self) -> int:
        """All that the spool holds."""
        return self.open_bytes + self._held

    def close(self) -> None:
        """Lets go of the folder. What is in it stays."""
        for handle in (self._handle, self._lock):
            if handle >= 0:
                os.close(handle)
        self._handle = self._lock = -1

    def _hold(self, path: Path, size: int) -> None:
        self._cut_bytes[path] = size
        if not size:
            del self._cut_bytes[path]
        self._held = sum(self._cut_bytes.values())

    def _write(self, content: bytes) -> None:
        try:
            self._disk.append(self._handle, content)
        except OSError as error:
            self._disk.truncate(self._handle, self.open_bytes)
            raise self._full(error) from error
        self.open_bytes += len(content)

    def _full(self, error: OSError) -> Exception:
        """SpoolFull if that is what the disk says."""
        return SpoolFull(f"the disk of the spool {self._folder} is full") if error.errno in _FULL else error

    def _cut_left_over(self, path: Path, now_ms: int) -> None:
        frames, whole = read_frames(path.read_bytes())
        if len(frames) < 2:
            self._disk.remove(path)
            return
        handle = self._disk.open(path)
        try:
            self._disk.truncate(handle, whole)
        finally:
            os.close(handle)
        self._disk.rename(path, path.with_name(f"{path.stem}-{now_ms}.cut"))

    def _standing(self) -> dict[str, End]:
        """The newest file is enough: its beginning tells what was before it."""
        waiting = self.waiting()
        for file in waiting:
            self._hold(file.path, file.path.stat().st_size)
        if not waiting:
            return {}
        before, records = read_file(waiting[-1].path)
        return advanced(before, _ends_of(records))


def _ends_of(records: Sequence[bytes]) -> dict[str, End]:
    ends: dict[str, End] = {}
    for record in map(decode_record, records):
        ends[record.shard_id] = End(record.epoch, record.seq, record.log_id, record.hash)
    return ends


def advanced(ends: Mapping[str, End], more: Mapping[str, End]) -> dict[str, End]:
    """By shard, the farther of both."""
    both = dict(ends)
    for shard_id, end in more.items():
        if shard_id not in both or both[shard_id].place < end.place:
            both[shard_id] = end
    return both


def _cut_file(path: Path) -> CutFile:
    number, _, cut_ms = path.stem.partition("-")
    return CutFile(path, int(number), int(cut_ms))
