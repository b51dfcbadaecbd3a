"""What is done to the platform from a shell: the control log tells of the user of the operating system who did it."""

import asyncio
import os
import pwd
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from actors.host.clock import now_ms
from engine.control_entries import ControlEntry, decode_control_entry, encode_control_entry
from snapshots.contract import Store
from snapshots.opening import open_store

ROLE: Final = "os_user"
_T = TypeVar("_T")


def os_user() -> str:
    """The user whom this process belongs to, whatever its environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def by_operator(
    operation: str, outcome: str = "done", *, subject: str = "", before: Any = None, after: Any = None
) -> ControlEntry:
    """An entry of now; `operation` is the command as it was typed, without its options."""
    return ControlEntry(
        time_ms=now_ms(),
        who=os_user(),
        role=ROLE,
        operation=operation,
        outcome=outcome,
        subject=subject,
        before=before,
        after=after,
    )


def record(store_url: str, *entries: ControlEntry) -> int:
    """Writes entries from a process that has no loop; answers the number of the last one. Raises StoreError."""
    return _with_store(
        store_url, lambda store: store.append_control([encode_control_entry(entry) for entry in entries])
    )


def later_entries(store_url: str, after: int, limit: int = 1_000) -> Sequence[tuple[int, ControlEntry]]:
    """Entries of the control log behind the one with that number, at most `limit`, with theirs. Raises StoreError."""
    found = _with_store(store_url, lambda store: store.control_entries(after, limit))
    return [(number, decode_control_entry(entry)) for number, entry in found]


def _with_store(store_url: str, use: Callable[[Store], Awaitable[_T]]) -> _T:
    async def opened() -> _T:
        store = open_store(store_url)
        await store.open()
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(opened())
