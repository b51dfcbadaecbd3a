"""How much may be in memory between the consumer's thread, which brings messages, and the loop, which finishes them."""

import threading


class Room:
    """Counts messages and bytes. Safe to use from both threads."""

    def __init__(self, events_max: int, bytes_max: int) -> None:
        self._events_max, self._bytes_max = events_max, bytes_max
        self._events, self._bytes = 0, 0
        self._given = threading.Condition()

    def take(self, size: int) -> None:
        """One message has come in."""
        with self._given:
            self._events += 1
            self._bytes += size

    def give(self, size: int) -> None:
        """One message is finished."""
        with self._given:
            self._events -= 1
            self._bytes -= size
            self._given.notify()

    @property
    def left(self) -> bool:
        """Whether one more may come in."""
        return self._events < self._events_max and self._bytes < self._bytes_max

    @property
    def half_empty(self) -> bool:
        """Whether so much has left that reading is worth to begin again."""
        return 2 * self._events <= self._events_max and 2 * self._bytes <= self._bytes_max

    def wait(self, timeout_s: float) -> bool:
        """Waits for room; whether there is some."""
        with self._given:
            return self._given.wait_for(lambda: self.left, timeout_s)

    @property
    def held(self) -> tuple[int, int]:
        """Messages and bytes in memory."""
        return self._events, self._bytes
