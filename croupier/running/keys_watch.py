"""Follows the keys file, so that keys are rotated without a restart. A broken file is refused; the keys in force stay.

The file is read once a second; a change counts when two looks in a row find the same, so that a half-written file is
never taken.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.access.keys import ApiKeys, KeysInvalid, parse_keys, read_keys

log = logging.getLogger("croupier.keys")

LOOK_INTERVAL_S: Final = 1.0

_Seen = bytes | str
"""What the file held, or why it could not be read."""


class KeysWatch:
    """Calls `replace` with the keys of each new sound file. `running` is what the file held at the start."""

    def __init__(self, path: Path, running: bytes, replace: Callable[[ApiKeys], None]) -> None:
        self._path, self._replace = path, replace
        self._done: _Seen = running
        self._pending: _Seen = running

    async def run(self, interval_s: float = LOOK_INTERVAL_S) -> None:
        """Looks every `interval_s` seconds until cancelled."""
        while True:
            await asyncio.sleep(interval_s)
            self.look(await asyncio.to_thread(self.read))

    def look(self, seen: _Seen) -> None:
        """One look at what the file holds now."""
        settled = seen == self._pending
        self._pending = seen
        if settled and seen != self._done:
            self._done = seen
            self._take(seen)

    def read(self) -> _Seen:
        """What the file holds now."""
        try:
            return read_keys(self._path)
        except KeysInvalid as unreadable:
            return str(unreadable)

    def _take(self, seen: _Seen) -> None:
        try:
            if isinstance(seen, str):
                raise KeysInvalid(seen)
            keys = parse_keys(self._path, seen)
        except KeysInvalid as invalid:
            log.error("the keys file is refused, the keys in force stay: %s", invalid)
            return
        self._replace(keys)
        log.warning("%d API keys of %s are in force", len(keys.api_keys), self._path)
