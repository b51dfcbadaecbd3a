"""Notes in memory, fenced as `snapshots.contract.Store` promises."""

from collections.abc import Mapping

from snapshots.contract import Position, Reader
from snapshots.errors import Fenced, StoreUnavailable


class MemoryReaders:
    """While `down`, every call fails; `writes` counts what was committed."""

    def __init__(self) -> None:
        self.down = False
        self.writes = 0
        self._claims: dict[str, Reader] = {}
        self._notes: dict[str, dict[str, bytes]] = {}

    async def claim_notes(self, name: str, nonce: str) -> Reader:
        """See the contract."""
        self._check()
        latest = self._claims.get(name)
        if latest is None or latest.nonce != nonce:
            self._claims[name] = Reader(name, 1 if latest is None else latest.epoch + 1, nonce)
        return self._claims[name]

    async def commit_reader(
        self, reader: Reader, positions: Mapping[str, Position], notes: Mapping[str, bytes | None]
    ) -> None:
        """See the contract; positions are not kept here."""
        self._check()
        if self._claims.get(reader.name) != reader:
            raise Fenced(f"{reader.name} is another's")
        self.writes += 1
        kept = self._notes.setdefault(reader.name, {})
        for key, value in notes.items():
            kept.pop(key, None)
            if value is not None:
                kept[key] = value

    async def reader_notes(
        self, name: str, prefix: str = "", after: str = "", limit: int = 1_000
    ) -> Mapping[str, bytes]:
        """See the contract."""
        self._check()
        found = sorted(item for item in self._notes.get(name, {}).items() if item[0].startswith(prefix))
        return dict([item for item in found if item[0] > after][:limit])

    def next_of(self, topic: str, partition: int) -> int | None:
        """The watermark of the bus in."""
        note = self._notes.get(f"bus-in.{topic}.{partition}", {}).get("next")
        return None if note is None else int(note)

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable("told to be down")
