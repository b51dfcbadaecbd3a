"""Giving slots to another shard on a live cluster (rule 6): drain, write "released", one transaction, never undone."""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from actors.slots import slot_of
from snapshots.codec import encode_batch
from snapshots.contract import Incarnation
from snapshots.errors import Fenced, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from actors.shard import Shard
    from actors.snapshotter import Snapshotter

log = logging.getLogger("croupier.shard")

REPEAT_S = 0.1


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

    From then on commands for them are answered `not_owner`; callers repeat them with the same id until the gainer
    serves. Raises, with the ownership restored: SlotNotClean if a player can't be snapshotted, StoreUnavailable before
    the transaction, Fenced if the term is over. Fenced as a shard: the incarnation ends, too.
    """
    await _bring_in(shard, set(slots), set(dedicated))
    shard.ownership.give_up(slots, dedicated)
    try:
        versions = await _drain(shard, snapshotter, set(slots), set(dedicated))
        async with shard.committer.exclusive():
            await shard.committer.append_alone(encode_batch([], list(slots), list(dedicated)))
            await _transfer(shard, term, slots, dedicated, gainer, versions)
    except (SlotNotClean, StoreUnavailable):
        shard.ownership.take_back(slots, dedicated)
        raise
    except Fenced as refusal:
        await _take_back_unless_fenced(shard, slots, dedicated, refusal)
        raise
    shard.metrics.gauges["shard_epoch"] = shard.inc.epoch
    return shard.inc


async def _take_back_unless_fenced(
    shard: "Shard", slots: Sequence[int], dedicated: Sequence[str], refusal: Fenced
) -> None:
    """The term was over, or the incarnation is: if the old epoch still holds, nothing was transferred."""
    while not shard.ended:
        try:
            await shard.store.heartbeat(shard.inc)
        except StoreUnavailable:
            await asyncio.sleep(REPEAT_S)
        except Fenced:
            shard.end(str(refusal))
        else:
            shard.ownership.take_back(slots, dedicated)
            return


def _leaving(shard: "Shard", slots: set[int], dedicated: set[str]) -> list[str]:
    """Players of the slots that this shard holds anything of, in memory or in a log."""
    held = {*shard.residents.by_id, *shard.residents.dirty, *shard.tails.players()}
    table = shard.ownership.dedicated
    return [
        player_id
        for player_id in sorted(held)
        if player_id in dedicated or (slot_of(player_id) in slots and player_id not in table)
    ]


async def _bring_in(shard: "Shard", slots: set[int], dedicated: set[str]) -> None:
    """Loads who is held in a log only, while the shard still owns them: a load needs that."""
    for player_id in _leaving(shard, slots, dedicated):
        await shard.loader.arrive(player_id)


async def _drain(shard: "Shard", snapshotter: "Snapshotter", slots: set[int], dedicated: set[str]) -> dict[str, int]:
    """Makes every player of the slots durable and snapshotted, and drops them; answers their versions."""
    await shard.facts.until_caught_up()
    await shard.committer.until_idle()
    leaving = _leaving(shard, slots, dedicated)
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
) -> None:
    """The one transaction. Its outcome must become known: it is repeated, never undone by a time-out."""
    committer = shard.committer
    committer.transferring = True
    try:
        while True:
            try:
                committer.inc = await shard.store.release_slots(shard.inc, term, slots, dedicated, gainer, versions)
                return
            except StoreUnavailable as failure:
                log.warning("slot move without outcome, repeating it: %s", failure)
                await asyncio.sleep(REPEAT_S)
    finally:
        committer.transferring = False
