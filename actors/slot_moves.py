"""Giving slots to another shard on a live cluster (rule 6): drain, write "released", one transaction, never undone."""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from actors.slots import slot_of
from snapshots.codec import encode_batch
from snapshots.contract import Incarnation
from snapshots.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from actors.shard import Shard
    from actors.snapshotter import Snapshotter

log = logging.getLogger("croupier.shard")


class SlotNotClean(StoreError):
    """A player of the slot can't be snapshotted, so the slot stays where it is."""


async def release(
    shard: "Shard",
    snapshotter: "Snapshotter",
    term: int,
    slots: Sequence[int],
    dedicated: Sequence[str],
    gainer: str,
) -> Incarnation:
    """Hands the slots (and dedicated players) over to `gainer`; answers the own incarnation under its new epoch.

    From the first step on commands for them are answered `not_owner`; callers repeat them with the same id until
    the gainer serves. Raises SlotNotClean, with the ownership restored, if a player can't be snapshotted.
    """
    shard.ownership.give_up(slots, dedicated)
    try:
        versions = await _drain(shard, snapshotter, set(slots), set(dedicated))
    except (SlotNotClean, StoreUnavailable):
        shard.ownership.adopt(await shard.store.routing())
        raise
    async with shard.committer.exclusive():
        await shard.committer.append_alone(encode_batch([], list(slots), list(dedicated)))
        inc = await _transfer(shard, term, slots, dedicated, gainer, versions)
        shard.committer.inc = inc
    shard.ownership.adopt(await shard.store.routing())
    shard.metrics.gauges["shard_epoch"] = inc.epoch
    return inc


async def _drain(shard: "Shard", snapshotter: "Snapshotter", slots: set[int], dedicated: set[str]) -> dict[str, int]:
    """Makes every player of the slots durable and snapshotted, and drops them; answers their versions."""

    def leaves(player_id: str) -> bool:
        return player_id in dedicated or (slot_of(player_id) in slots and player_id not in shard.ownership.dedicated)

    await shard.committer.until_idle()
    held = {*shard.residents.by_id, *shard.residents.dirty, *shard.tails.players()}
    leaving = [player_id for player_id in held if leaves(player_id)]
    for player_id in leaving:
        if player_id not in shard.residents.by_id:
            await shard.loader.arrive(player_id)
    await snapshotter.clean([player_id for player_id in leaving if player_id in shard.residents.dirty])
    versions = {}
    for player_id in leaving:
        resident = shard.residents.by_id.get(player_id)
        if resident is None or player_id in shard.residents.dirty:
            raise SlotNotClean(f"player {player_id} can't be snapshotted; the slot is not moved")
        versions[player_id] = resident.player.state.version
    for player_id in leaving:
        shard.residents.evict(player_id)
        shard.tails.drop(player_id)
    return versions


async def _transfer(
    shard: "Shard", term: int, slots: Sequence[int], dedicated: Sequence[str], gainer: str, versions: dict[str, int]
) -> Incarnation:
    """The one transaction. Its outcome must become known: it is repeated, never undone by a time-out."""
    while True:
        try:
            return await shard.store.release_slots(shard.inc, term, slots, dedicated, gainer, versions)
        except StoreUnavailable as failure:
            log.warning("slot move without outcome, repeating it: %s", failure)
            await asyncio.sleep(0.1)
