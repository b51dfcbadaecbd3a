"""The control log as the archive has it, read backwards: what the store no longer keeps is here."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from snapshots.archive.place import Bucket
from snapshots.audit.control import CONTROL, Numbered, read_control
from snapshots.audit.extents import grouped
from snapshots.errors import CorruptArchive, StoreError

AT_ONCE_MAX: Final = 4
LIMIT_MAX: Final = 1_000
BYTES_MAX: Final = 1_048_576
"""Of the entries of one answer; a first one that is larger comes all the same."""


class AskedControl(msgspec.Struct, tag="control", tag_field="do", frozen=True):
    """Entries with numbers below `before`, newest first, at most `limit`."""

    before: Annotated[int, Meta(ge=1)]
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)]


class SaidControl(msgspec.Struct, frozen=True, omit_defaults=True):
    """The entries, each as it was appended; without any there are none further back. Else why there is no answer."""

    outcome: Literal["found", "busy", "unavailable"]
    entries: Sequence[Numbered] = ()
    detail: str = ""


class ArchivedControl:
    """Looks into the archive's objects alone, whoever wrote them."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._places = asyncio.Semaphore(AT_ONCE_MAX)

    async def answer(self, asked: AskedControl) -> bytes:
        """A `SaidControl` as JSON."""
        if self._places.locked():
            return msgspec.json.encode(SaidControl("busy", detail="too much of the control log is asked for at once"))
        async with self._places:
            try:
                said = SaidControl("found", await self._entries(asked))
            except StoreError as failure:
                said = SaidControl("unavailable", detail=str(failure))
        return msgspec.json.encode(said)

    async def _entries(self, asked: AskedControl) -> Sequence[Numbered]:
        """Of one object: the next one is asked for with the last number that came. Raises StoreError."""
        name = await self._last_from(asked.before - 1)
        if name is None:
            return ()
        entries = await asyncio.to_thread(read_control, await self._bucket.get(name))
        below = [entry for entry in entries if entry[0] < asked.before]
        if not below or below[-1][0] != asked.before - 1:
            raise CorruptArchive(f"entry {asked.before - 1} of the control log is missing in the archive")
        return _within(below[::-1][: asked.limit])

    async def _last_from(self, number: int) -> str | None:
        """The object that begins with the entry of that number, or last before it. Raises ArchiveUnavailable."""
        wanted = f"{CONTROL}/{grouped(number)}.msgpack.zst"
        for millions in reversed(await self._bucket.folders(CONTROL)):
            if f"{CONTROL}/{millions}/" > wanted:
                continue
            for thousands in reversed(await self._bucket.folders(f"{CONTROL}/{millions}")):
                folder = f"{CONTROL}/{millions}/{thousands}"
                names = [] if f"{folder}/" > wanted else await self._bucket.names(folder)
                if found := [name for name in names if name <= wanted]:
                    return found[-1]
        return None


def _within(entries: Sequence[Numbered]) -> Sequence[Numbered]:
    """As many as go into one answer; at least one."""
    size = 0
    for count, (_, entry) in enumerate(entries):
        size += len(entry)
        if count and size > BYTES_MAX:
            return entries[:count]
    return entries
