"""A reader's notes in memory, as the store keeps them."""

from collections.abc import Mapping


class MemoryNotes:
    """`feeds.reading.Notes`; nothing fails."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def read(self, prefix: str = "", after: str = "", limit: int = 1_000) -> Mapping[str, bytes]:
        """Notes from `after` on, in order."""
        found = sorted(key for key in self.kept if key.startswith(prefix) and key > after)
        return {key: self.kept[key] for key in found[:limit]}

    async def write(self, notes: Mapping[str, bytes | None]) -> None:
        """Writes or removes."""
        for key, value in notes.items():
            if value is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = value
