"""Refused attempts: the first of a caller is told at once, the others by one entry per minute that counts them.

Callers who prove nothing are one caller, whatever they claim: else whoever invents a key for each request would fill
the log. The key that was claimed last stays in the entry, as a sample.
"""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from engine.control_entries import ControlEntry

WINDOW_MS: Final = 60_000
CALLERS_MAX: Final = 256
"""Callers and operations that are told apart; what more of them do is told together."""
OTHERS: Final = "*"

_Key = tuple[str, str, str, str]


class _Window:
    __slots__ = ("last", "more", "since_ms")

    def __init__(self, first: ControlEntry) -> None:
        self.since_ms, self.last, self.more = first.time_ms, first, 0


class RefusedAttempts:
    """Gathers the attempts of a process. Bounded, whoever calls and how often."""

    def __init__(self) -> None:
        self._windows: dict[_Key, _Window] = {}

    def note(self, entry: ControlEntry) -> ControlEntry | None:
        """The entry to be written at once; None if the attempt is only counted."""
        key = (entry.who, entry.subject if entry.who else "", entry.operation, entry.outcome)
        if key not in self._windows and len(self._windows) >= CALLERS_MAX:
            entry = replace(entry, who=OTHERS, subject="", role="", player_id="", operation=OTHERS)
            key = (OTHERS, "", OTHERS, entry.outcome)
        window = self._windows.get(key)
        if window is None:
            self._windows[key] = _Window(entry)
            return entry
        window.more += 1
        window.last = entry
        return None

    def due(self, now_ms: int) -> Iterator[ControlEntry]:
        """The entries of all minutes that are over."""
        over = [key for key, window in self._windows.items() if now_ms - window.since_ms >= WINDOW_MS]
        for key in over:
            window = self._windows[key]
            if not window.more:
                del self._windows[key]
                continue
            yield replace(window.last, time_ms=now_ms, count=window.more)
            window.since_ms, window.more = now_ms, 0
