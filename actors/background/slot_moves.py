"""Giving slots to another shard on a live cluster (rule 6): drain, write "released", one transaction, never undone."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NoReturn

from actors.background.older_generations import OlderGenerations
from actors.background.snapshotter import Snapshotter
from actors.routing.owner_of import slot_of
from actors.shard.attempts import FailedAttempts
from actors.shard.committer import OUTCOME_UNKNOWN
from actors.shard.context import ShardContext
from actors.shard.lookups import FactFinder
from actors.shard.ownership_lost import Move
from snapshots.codec import encode_batch
from snapshots.contract import Incarnation
from snapshots.errors import Fenced, LineageChanged, StoreError, StoreUnavailable

log = logging.getLogger("croupier.shard")

REPEAT_S = 0.1


class SlotNotClean(StoreError):
    """A player of the slot can't be snapshotted, so the slot stays where it is."""


class SlotMoves:
    """How one shard gives slots away. The caller makes sure that there is one move at a time."""

    def __init__(
        self,
        context: ShardContext,
        snapshotter: Snapshotter,
        older: OlderGenerations,
        facts: FactFinder,
        arrive: Callable[[str], Awaitable[None]],
    ) -> None:
        self._context, self._snapshotter, self._older = context, snapshotter, older
        self._facts, self._arrive = facts, arrive
        self.paused_ms = 0
        """For how long the players who left last had no shard, until the table named the gainer."""

    async def release(self, term: int, slots: Sequence[int], dedicated: Sequence[str], gainer: str) -> Incarnation:
        """Hands the slots (and dedicated players) over to `gainer`; answers this shard's incarnation under its new
        epoch.

        From then on commands for these players are answered `not_owner`; callers repeat them with the same id until the
        gainer serves. If it raises, the shard owns the slots again: SlotNotClean if a player can't be snapshotted,
        StoreUnavailable before the transaction, Fenced if the term is over. If the shard itself is fenced, its
        incarnation ends, too.
        """
        self._context.committer.check_stored()
        await self._bring_in(set(slots), set(dedicated))
        async with self._snapshotter.undisturbed():  # or a round of all players would be waited out by those who leave
            await self._write_ahead(set(slots), set(dedicated))
            return await self._hand_over(term, slots, dedicated, gainer)

    async def _hand_over(self, term: int, slots: Sequence[int], dedicated: Sequence[str], gainer: str) -> Incarnation:
        """From the moment on from which the players wait."""
        context, began = self._context, time.monotonic()
        context.ownership.give_up(slots, dedicated)
        try:
            versions = await self._drain(set(slots), set(dedicated))
            async with context.committer.exclusive():
                await context.committer.append_alone(encode_batch([], list(slots), list(dedicated)))
                await self._transfer(term, slots, dedicated, gainer, versions)
        except (SlotNotClean, StoreUnavailable):
            context.ownership.take_back(slots, dedicated)
            raise
        except Fenced as refusal:
            await self._take_back_unless_fenced(slots, dedicated, refusal)
            raise
        self.paused_ms = round((time.monotonic() - began) * 1000)
        return context.inc

    async def _take_back_unless_fenced(self, slots: Sequence[int], dedicated: Sequence[str], refusal: Fenced) -> None:
        """Either the term is over or this incarnation is. If the old epoch still holds, nothing was transferred."""
        context = self._context
        while not context.ended:
            try:
                await context.store.heartbeat(context.inc)
            except StoreUnavailable:
                await asyncio.sleep(REPEAT_S)
            except Fenced:
                context.end(str(refusal))
            else:
                context.ownership.take_back(slots, dedicated)
                return

    def _leaving(self, slots: set[int], dedicated: set[str]) -> list[str]:
        """Players of the slots that this shard holds anything of, in memory or in a log."""
        context = self._context
        held = {*context.residents.by_id, *context.residents.dirty, *context.tails.players()}
        return sorted(self._of(held, slots, dedicated))

    def _of(self, held: Iterable[str], slots: set[int], dedicated: set[str]) -> list[str]:
        """Those of the players who belong to the slots, or are among the dedicated ones."""
        table = self._context.ownership.dedicated
        return [
            player_id
            for player_id in held
            if player_id in dedicated or (slot_of(player_id) in slots and player_id not in table)
        ]

    async def _bring_in(self, slots: set[int], dedicated: set[str]) -> None:
        """Loads the players whom only a log holds, and those whose older snapshot needs one.

        It does so while the shard still owns them, because a load needs that.
        """
        await self._older.settle(lambda player_id: bool(self._of([player_id], slots, dedicated)))
        for player_id in self._leaving(slots, dedicated):
            await self._arrive(player_id)

    async def _write_ahead(self, slots: set[int], dedicated: set[str]) -> None:
        """Snapshots the players while they still play, so that little is left to write once they wait."""
        try:
            await self._snapshotter.clean_now(self._of(self._context.residents.dirty, slots, dedicated))
        except Fenced as refusal:
            await self._take_back_unless_fenced((), (), refusal)
            raise

    async def _drain(self, slots: set[int], dedicated: set[str]) -> dict[str, int]:
        """Makes every player of the slots durable and snapshotted, and drops them; answers their versions."""
        context = self._context
        await self._facts.until_caught_up()
        await context.committer.until_idle()
        leaving = self._leaving(slots, dedicated)
        await self._snapshotter.clean_now([player_id for player_id in leaving if player_id in context.residents.dirty])
        versions = {}
        for player_id in leaving:
            resident = context.residents.by_id.get(player_id)
            if resident is None or player_id in context.residents.dirty:
                raise SlotNotClean(f"player {player_id} can't be snapshotted; the slot is not moved")
            versions[player_id] = resident.player.state.version
        for player_id in leaving:
            context.residents.evict(player_id)
            context.tails.drop(player_id)
        return versions

    async def _transfer(
        self, term: int, slots: Sequence[int], dedicated: Sequence[str], gainer: str, versions: dict[str, int]
    ) -> None:
        """The one transaction of the move. It is repeated until its outcome is known; a time-out never undoes it.

        A store that refuses to write for too long, and answered each time, has moved nothing: StoreRefused. If an
        attempt had no answer, nobody knows: the shard ends, and its successor reads the table.
        """
        context, failed = self._context, FailedAttempts(self._context.metrics, "slot move")
        with context.transferring():
            while True:
                try:
                    moved = await context.store.release_slots(context.inc, term, slots, dedicated, gainer, versions)
                except LineageChanged:
                    await self._follow()
                except StoreUnavailable as failure:
                    failed.add(failure, time.monotonic())
                    if failed.refused_for(context.settings.journal_refused_ms, time.monotonic()):
                        self._give_up(failed, failure)
                    await asyncio.sleep(REPEAT_S)
                else:
                    context.gave_away(Move(context.inc, slots, dedicated, gainer, versions), moved)
                    return

    async def _follow(self) -> None:
        """The store has another history: its log comes first (rule 15), and the move holds the right to append."""
        try:
            await self._context.committer.follow_alone()
        except StoreUnavailable as failure:
            log.info("the store of another history does not answer: %s", failure)
            await asyncio.sleep(REPEAT_S)

    def _give_up(self, failed: FailedAttempts, failure: StoreUnavailable) -> NoReturn:
        if failed.may_be_written:
            self._context.suspend(str(failure), OUTCOME_UNKNOWN)
            raise Fenced(f"the store refuses to write: {failure}")
        raise failure
