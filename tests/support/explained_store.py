"""A store of one log and one catalog, for what only reads: the journal's newest entries, a player's snapshot."""

from collections.abc import Mapping, Sequence
from typing import Any

from actors.stored_catalogs import CatalogContent, encode_content
from engine.catalog import Catalog
from engine.control_entries import ControlEntry, encode_control_entry
from engine.player import replay
from engine.state import Player
from engine.transition import Transition
from snapshots.codec import encode_batch, encode_entry, encode_snapshot
from snapshots.contract import GENESIS, LogInfo, LogRecord, Position, next_hash
from snapshots.records import CatalogRow, ControlSpan, Routing, StoredPlayer
from tests.support.playing import START_MS

LOG = "s0-1"


class ExplainedStore:
    """`transitions` are all that happened; the journal holds those from `held_from` on, the snapshot the others."""

    def __init__(
        self, transitions: Sequence[Transition], catalog: Catalog, held_from: int = 1, archived: Position | None = None
    ) -> None:
        self._catalog, self.catalog_at_ms = catalog, START_MS
        self.kept = {catalog.version: catalog}
        self.control: list[ControlEntry] = []
        self._archived = archived
        self._snapshots: dict[str, Player] = {}
        self._records: list[LogRecord] = []
        previous = GENESIS
        self._trimmed = 0
        for seq, done in enumerate(transitions, 1):
            payload = encode_batch([(done.player_id, done.version, encode_entry(done))])
            record = LogRecord(seq, previous, next_hash(previous, payload), payload)
            previous = record.hash
            if done.version >= held_from:
                self._records.append(record)
                continue
            self._trimmed = seq
            replay(self._snapshots.setdefault(done.player_id, Player.new(done.player_id)), done)

    async def journal_logs(self) -> Sequence[LogInfo]:
        return [LogInfo(LOG, "s0", False, self._trimmed, self._trimmed, self._trimmed + len(self._records))]

    async def read_log(self, log_id: str, after_seq: int, limit: int) -> Sequence[LogRecord]:
        return [record for record in self._records if record.seq > after_seq][:limit]

    async def load_player(self, player_id: str) -> StoredPlayer:
        player = self._snapshots.get(player_id)
        return StoredPlayer((encode_snapshot(player),) if player else (), 0)

    async def unfinished_logs(self) -> Sequence[LogInfo]:
        return await self.journal_logs()

    async def reader_positions(self, name: str) -> Mapping[str, Position]:
        return {} if self._archived is None else {"s0": self._archived}

    async def routing(self) -> Routing:
        row = CatalogRow(1, self._catalog.version, self.catalog_at_ms, "ann")
        return Routing(term=0, slots=(), dedicated={}, shards={}, catalog=row)

    async def get_catalog(self, version: str) -> bytes | None:
        catalog = self.kept.get(version)
        return None if catalog is None else encode_content(CatalogContent(catalog))

    async def tallies(self, names: Sequence[str]) -> Mapping[str, int]:
        return dict.fromkeys(names, 0)

    async def control_span(self) -> ControlSpan:
        return ControlSpan(1, len(self.control))

    async def control_entries(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        numbered = enumerate(map(encode_control_entry, self.control), 1)
        return [(number, entry) for number, entry in numbered if number > after][:limit]


def store_of(*given: Any, **more: Any) -> Any:
    """An `ExplainedStore`, for those who ask for a whole store and use little of it."""
    return ExplainedStore(*given, **more)
