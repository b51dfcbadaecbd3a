"""What is read of one player: asked of the player's shard, and answered from the last snapshot while that is out of
reach (docs/overload.md).

A stale answer says so, and as of when. Commands are never answered from a snapshot.
"""

import asyncio
from typing import Final

from actors.outcome import OUT_OF_REACH, Answered, Outcome, Players, ask
from engine.queries import QueryBody
from gateway.ports import AsOf, Shown, SnapshotsPort

READ_WAIT_S: Final = 2.0
"""How long a read waits for the player's shard: most recoveries are over by then, and the answer is fresh."""


class PlayerReads:
    """Without `snapshots` there are fresh answers only. `wait_s`: see `READ_WAIT_S`."""

    def __init__(self, players: Players, snapshots: SnapshotsPort | None, wait_s: float = READ_WAIT_S) -> None:
        self._players, self._snapshots, self._wait_s = players, snapshots, wait_s

    async def ask(self, player_id: str, body: QueryBody) -> tuple[Outcome, AsOf | None]:
        """What the player answers, and None; or what its last snapshot says, and as of when that was."""
        fresh = ask(self._players, player_id, "", body)
        if self._snapshots is None:
            return await fresh, None
        wait_s = 0.0 if self._snapshots.out_of_reach_s(player_id) > self._wait_s else self._wait_s
        await asyncio.wait((fresh,), timeout=wait_s)
        if fresh.done() and fresh.result() not in OUT_OF_REACH:
            return fresh.result(), None
        return await self._of_snapshot(self._snapshots, player_id, body, fresh)

    async def _of_snapshot(
        self, snapshots: SnapshotsPort, player_id: str, body: QueryBody, fresh: "asyncio.Future[Outcome]"
    ) -> tuple[Outcome, AsOf | None]:
        shown = await snapshots.show(player_id, body)
        if shown is None or (fresh.done() and type(fresh.result()) is Answered):
            return await fresh, None
        return _stale(shown)


def _stale(shown: Shown) -> tuple[Outcome, AsOf | None]:
    return Answered(shown.answer), shown.as_of
