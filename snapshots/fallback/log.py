"""A fallback file for an event loop: each call runs in the file's own thread, one after the other."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

from snapshots.contract import AppendedRecord, Incarnation, LogHead
from snapshots.errors import StoreError, StoreUnavailable
from snapshots.fallback.file import FallbackFile, translated

P = ParamSpec("P")
R = TypeVar("R")


class FallbackLog:
    """See `FallbackFile`. A disk that is full or fails raises StoreRefused: the identical call may be repeated."""

    def __init__(self, thread: ThreadPoolExecutor, file: FallbackFile) -> None:
        self.path = file.path
        self._thread, self._file = thread, file

    @classmethod
    async def create(cls, path: Path, inc: Incarnation) -> Self:
        """A new empty file, safe on disk."""
        return await cls._made(lambda: FallbackFile.create(path, inc))

    @classmethod
    async def open(cls, path: Path) -> Self:
        """An existing file. See FallbackFile."""
        return await cls._made(lambda: FallbackFile.open(path))

    @classmethod
    async def _made(cls, make: Callable[[], FallbackFile]) -> Self:
        thread = ThreadPoolExecutor(1, "fallback")
        try:
            return cls(thread, await _in(thread, make))
        except BaseException:
            thread.shutdown(wait=False)
            raise

    async def begin(self, inc: Incarnation, end: LogHead, known: Sequence[AppendedRecord]) -> None:
        """See FallbackFile."""
        await _in(self._thread, self._file.begin, inc, end, known)

    async def append(self, record: AppendedRecord) -> LogHead:
        """See FallbackFile. Synced to disk when it returns."""
        return await _in(self._thread, self._file.append, record)

    async def confirm(self) -> None:
        """See FallbackFile."""
        await _in(self._thread, self._file.confirm)

    async def read(self, after_seq: int, limit: int) -> list[AppendedRecord]:
        """See FallbackFile."""
        return await _in(self._thread, self._file.read, after_seq, limit)

    async def empty(self) -> None:
        """See FallbackFile."""
        await _in(self._thread, self._file.empty)

    async def seal(self) -> tuple[Incarnation, LogHead, LogHead, int]:
        """Seals it; answers whose it is, where its records begin and end, and how many there are."""
        return await _in(self._thread, _sealed, self._file)

    async def close(self) -> None:
        """The file stays."""
        await _in(self._thread, self._file.close)
        self._thread.shutdown(wait=False)

    async def remove(self) -> None:
        """The file is deleted."""
        await _in(self._thread, self._file.remove)
        self._thread.shutdown(wait=False)


def _sealed(file: FallbackFile) -> tuple[Incarnation, LogHead, LogHead, int]:
    file.seal()
    return file.inc, file.base, file.end, file.count


async def _in(thread: ThreadPoolExecutor, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Raises errors of the store's tree; a bug stays as it is."""
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, lambda: call(*args, **kwargs))
    except sqlite3.Error as error:
        raise translated(error) from error
    except OSError as error:
        raise StoreUnavailable(f"a fallback file: {error}") from error
    except RuntimeError as error:  # the thread was shut down
        raise StoreError(f"a fallback file is closed: {error}") from error
