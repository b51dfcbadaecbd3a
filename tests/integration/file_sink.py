"""A sink that appends what it reads to a file, a line per entry: player, version, log, record."""

from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry, Counter

from feeds.reading import Followed, Notes
from snapshots.contract import Position


class FileSettings(msgspec.Struct, forbid_unknown_fields=True):
    path: str


class FileSink:
    """Settled is what was handed to the operating system: a killed process loses nothing of that."""

    def __init__(self, path: Path, registry: CollectorRegistry) -> None:
        self._path = path
        self._file: TextIOWrapper | None = None
        self._settled: dict[str, Position] = {}
        self._lines = Counter("file_sink_lines", "Lines written", registry=registry)

    async def open(self) -> None:
        self._file = self._path.open("a", buffering=1)

    async def take(self, followed: Followed) -> None:
        assert self._file is not None
        for entry in followed.entries:
            self._file.write(f"{entry.player_id} {entry.version} {followed.log_id} {followed.position.seq}\n")
            self._lines.inc()
        self._settled[followed.shard_id] = followed.position

    def settled(self) -> Mapping[str, Position]:
        return self._settled

    async def ask(self, request: bytes) -> bytes:
        if request == b'"fail"':
            raise ValueError("told to fail")
        return msgspec.json.encode({"asked": msgspec.json.decode(request), "path": str(self._path)})

    async def close(self) -> None:
        if self._file is not None:
            self._file.close()


async def make(settings: bytes, notes: Notes, registry: CollectorRegistry) -> FileSink:
    return FileSink(Path(msgspec.json.decode(settings, type=FileSettings).path), registry)
