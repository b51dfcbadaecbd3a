"""How many players in memory live in each slot, so that shards can be made to carry alike."""

import asyncio

from actors.routing.owner_of import slot_of
from actors.shard.context import ShardContext
from snapshots.contract import SLOTS

SLICE = 2_000
"""So many players are counted in one go; then spins have the loop."""


async def players_by_slot(context: ShardContext) -> tuple[int, ...]:
    """Players in memory by slot, without dedicated ones."""
    counts = [0] * SLOTS
    for index, player_id in enumerate(list(context.residents.by_id), 1):
        if player_id not in context.ownership.dedicated:
            counts[slot_of(player_id)] += 1
        if index % SLICE == 0:
            await asyncio.sleep(0)
    return tuple(counts)
