"""The steps of a live operation: start shards, move slots to them, end those that have none left.

Each step is worked out from the table in the store, so carrying out begins anew at any point. A shard that slots leave
is only ended once the table names it no more.
"""

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from actors.settings import SupervisorSettings
from actors.supervision.claiming import fence_through_file, forget
from actors.supervision.crew import Crew
from actors.supervision.held_term import HeldTerm
from actors.supervision.kept_operations import KeptOperations
from actors.supervision.moving import EVEN, Mover
from actors.supervision.placing import free_names, next_step, slots_left
from actors.supervision.ports import ShardDied, SlotMoveFailed
from actors.supervision.recovering import Recovery
from snapshots.contract import Routing, Store

FRESH = "r"
"""Ends the name of a dedicated player's shard after every other restart: `d-…` and `d-…r` take turns."""


class OperationSteps:
    """Of the operation that is kept as under way. Raises ShardDied, SlotMoveFailed, ActivationFailed, StoreError."""

    def __init__(
        self,
        store: Store,
        term: HeldTerm,
        crew: Crew,
        mover: Mover,
        recovery: Recovery,
        kept: KeptOperations,
        settings: SupervisorSettings,
    ) -> None:
        self._store, self._term, self._crew, self._mover = store, term, crew, mover
        self._recovery, self._kept, self._settings = recovery, kept, settings

    async def carry_out(self) -> None:
        """All that is left to do of the operation under way. Raises what is in the way."""
        await self._replace_all()
        if self._kept.under_way.shards:
            await self._spread()

    async def _spread(self) -> None:
        """All slots go to the shards of the operation, evenly; other shards end."""
        by_players = self._kept.under_way.operation.kind == "rebalance"  # some of them may have got other names
        shards = self._crew.shards[:] if by_players else list(self._kept.under_way.shards)
        for shard_id in shards:
            await self._start(shard_id)
        await self._crew.warm()
        weights = await self._mover.weights(self._crew.shards) if by_players else EVEN
        while await self._even_out(shards, weights):
            await self._mover.rest()
        for shard_id in [name for name in self._crew.shards if name not in shards]:
            await self.retire(shard_id)

    async def _even_out(self, shards: Sequence[str], weights: Sequence[int]) -> bool:
        """One step; False if there is nothing left to move."""
        async with self._mover.lock:
            routing = await self._term.routing()
            step = next_step(routing.slots, shards, self._settings.move_slots_max, weights)
            if step is None:
                return False
            slots = step.slots[: await self._mover.slots_at_once(routing, step.loser)]
            left = max(0, slots_left(routing.slots, shards) - len(slots)) if weights is EVEN else 0
            await self._move(step.loser, step.gainer, slots, (), left)
        return True

    async def _replace_all(self) -> None:
        """One shard after the other hands all that it has to a fresh process, and ends."""
        while (work := self._kept.under_way).replace:
            old = work.replace[0]
            if not work.fresh:
                work = replace(work, fresh=self._fresh_name(old))
                await self._kept.progress(work)
            await self._start(work.fresh)
            await self._crew.warm()
            while await self._hand_over(old, work.fresh):
                await self._mover.rest()
            await self.retire(old)
            operation = self._kept.under_way.operation
            operation = replace(
                operation, shards_done=operation.shards_done + 1, shards_left=len(work.replace) - 1, slots_left=0
            )
            await self._kept.progress(replace(work, replace=work.replace[1:], fresh="", operation=operation))

    def _fresh_name(self, old: str) -> str:
        """A name that no shard has: those of dedicated players' shards take turns."""
        if old in self._crew.dedicated.values():
            return old.removesuffix(FRESH) if old.endswith(FRESH) else old + FRESH
        return free_names(1, {*self._crew.wanted, *self._kept.under_way.replace})[0]

    async def _hand_over(self, old: str, fresh: str) -> bool:
        """One step; False if the table gives nothing to the old shard any more."""
        async with self._mover.lock:
            routing = await self._term.routing()
            held = [slot for slot, owner in enumerate(routing.slots) if owner == old]
            self.follow(routing)
            players = [player_id for player_id, owner in routing.dedicated.items() if owner == old]
            if not held and not players:
                return False
            slots = held[: await self._mover.slots_at_once(routing, old)]
            await self._move(old, fresh, slots, players, len(held) - len(slots))
        return True

    def follow(self, routing: Routing) -> None:
        """Dedicated players belong to the shards that the table says, whoever moved them, and however that ended."""
        crew = self._crew
        for player_id in crew.dedicated:
            crew.dedicated[player_id] = routing.dedicated.get(player_id, crew.dedicated[player_id])
        crew.shards = [name for name in crew.shards if name not in crew.dedicated.values()]

    async def _move(self, loser: str, gainer: str, slots: Sequence[int], players: Sequence[str], left: int) -> None:
        waited_ms = await self._mover.step(loser, gainer, slots, players)
        work = self._kept.under_way
        operation = replace(
            work.operation,
            slots_moved=work.operation.slots_moved + len(slots),
            slots_left=left,
            longest_wait_ms=max(work.operation.longest_wait_ms, waited_ms),
        )
        await self._kept.progress(replace(work, operation=operation))

    async def _start(self, shard_id: str) -> None:
        """The shard runs, as a new one if there was none of that name. Raises ShardDied if it is being replaced."""
        crew = self._crew
        if shard_id in crew.wanted or shard_id in crew.live:
            await self._recovered(shard_id)
        else:
            await crew.settle(shard_id)
            crew.fill()
        if shard_id not in crew.live:
            raise ShardDied(f"shard {shard_id} is being replaced")
        if shard_id not in crew.wanted and shard_id not in self._dedicated_names():
            crew.shards.append(shard_id)

    def _dedicated_names(self) -> set[str]:
        """Names that shards of dedicated players have, or have in turn."""
        return {name.removesuffix(FRESH) + end for name in self._crew.dedicated.values() for end in ("", FRESH)}

    async def retire(self, shard_id: str) -> None:
        """The shard ends, once the table gives nothing to it any more. Raises SlotMoveFailed if it does."""
        await self._recovered(shard_id)
        async with self._mover.lock:
            routing = await self._term.routing()
            if shard_id in routing.slots or shard_id in routing.dedicated.values():
                raise SlotMoveFailed(f"shard {shard_id} has players still")
            crew = self._crew
            crew.shards = [name for name in crew.shards if name != shard_id]
            crew.nodes.pop(shard_id, None)
            await self._recovered(shard_id)  # it may have died just now; what replaces it must end, too
            if shard_id in crew.live:
                await crew.retire(shard_id)
            row = (await self._term.routing()).shards.get(shard_id)
            if row is not None and row.owner is not None:
                _, file = await fence_through_file(self._store, self._term.number, shard_id)
                await forget(self._store, file)

    async def _recovered(self, shard_id: str) -> None:
        """Waits while the shard's process is being replaced."""
        while (replacing := self._recovery.under_way.get(shard_id)) is not None and not replacing.done():
            await asyncio.wait([replacing])
