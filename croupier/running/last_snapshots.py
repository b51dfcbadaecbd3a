"""Players as their last snapshots show them, for reads while their shard is out of reach."""

import asyncio
import logging
from typing import Final

from actors.routing.client import ShardClient
from croupier.deploying.control import CatalogControl
from engine.player import query
from engine.queries import QueryBody
from engine.rejections import Rejection
from gateway.ports import AsOf, ControlUnavailable, Shown
from snapshots.codec import decode_snapshot
from snapshots.contract import SnapshotRecord, Store
from snapshots.errors import StoreError

log = logging.getLogger("croupier.stale")

AT_ONCE_MAX: Final = 64
"""Snapshots that are read at once; whoever comes on top waits for the shard."""
TIMEOUT_S: Final = 1.0


class LastSnapshots:
    """Implements `gateway.ports.SnapshotsPort`."""

    def __init__(self, store: Store, client: ShardClient, control: CatalogControl) -> None:
        self._store, self._client, self._control = store, client, control
        self._under_way = 0

    def out_of_reach_s(self, player_id: str) -> float:
        """See `gateway.ports.SnapshotsPort`."""
        return self._client.out_of_reach_s(player_id)

    async def show(self, player_id: str, body: QueryBody) -> Shown | None:
        """See `gateway.ports.SnapshotsPort`.

        A damaged snapshot is not shown, nor an older one in its place: whether that is the player, recovery decides.
        """
        if self._under_way >= AT_ONCE_MAX:
            return None
        self._under_way += 1
        try:
            async with asyncio.timeout(TIMEOUT_S):
                generations = (await self._store.load_player(player_id)).generations
            return self._shown(generations[0], body) if generations else None
        except (StoreError, ControlUnavailable, TimeoutError) as failure:
            log.warning("no snapshot to show of %s: %s", ascii(player_id), failure or "no answer in time")
            return None
        finally:
            self._under_way -= 1

    def _shown(self, record: SnapshotRecord, body: QueryBody) -> Shown | None:
        """The view as of the snapshot. A refusal may be true no more, so it is not told."""
        player = decode_snapshot(record)
        state = player.state
        view = query(player, self._control.catalog(), body, state.time_ms)
        return None if isinstance(view, Rejection) else Shown(view, AsOf(state.version, state.time_ms))
