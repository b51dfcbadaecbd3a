"""How a supervisor begins: it adopts what lives, writes the table if nobody serves, and starts what is missing."""

import asyncio
import logging
import time
from collections.abc import Collection, Sequence

from actors.host.processes import is_gone
from actors.routing.client import ShardClient
from actors.settings import SupervisorSettings
from actors.shard.catalog_swap import unheld_counters
from actors.stored_catalogs import CatalogContent, encode_content, next_row
from actors.supervision.claiming import fence_through_file, forget
from actors.supervision.crew import Crew, dedicated_shard
from actors.supervision.deploying import DeployFailed, deploy
from actors.supervision.granting import ask_to_give_up
from actors.supervision.held_term import HeldTerm
from actors.supervision.kept_operations import KeptOperations
from actors.supervision.placing import free_names, in_order
from actors.supervision.ports import Cluster, Found, ShardDied, ShardHandle, ShardHeld
from actors.wire.frames import DeployCatalog
from snapshots.contract import SLOTS, Incarnation, Owner, Routing, ShardRow, Store
from snapshots.errors import FallbackHeld, StoreUnavailable

log = logging.getLogger("croupier.supervisor")


class Beginning:
    """The first minutes of a term. `missing` are the shards that are still to be started after `settle`."""

    def __init__(
        self,
        store: Store,
        term: HeldTerm,
        cluster: Cluster,
        crew: Crew,
        kept: KeptOperations,
        client: ShardClient,
        settings: SupervisorSettings,
        catalog: CatalogContent,
        lease_ms: int,
    ) -> None:
        self._store, self._term, self._cluster, self._crew = store, term, cluster, crew
        self._kept, self._client, self._settings, self._catalog = kept, client, settings, catalog
        self._lease_s = lease_ms / 1000
        self.others_serve = False
        """Whether the shards of another instance go on until this one claims their names."""

    async def settle(self) -> list[str]:
        """Afterwards the table names an owner for every slot; answers which of them are still to be started.

        If nothing of this Croupier lives, slots are dealt out as `--shards` says, or as the table does if that is the
        same number, and the catalog that it was started with is put in force. If anything lives, the table in the store
        is taken as it is.
        """
        await self._kept.claim()
        self._crew.term, self._crew.avoided = self._term.number, self._kept.kept.avoided
        routing = await self._store.routing()
        crew = self._crew
        present = in_order({shard_id for shard_id in routing.slots if shard_id})
        dedicated = {
            player_id: routing.dedicated.get(player_id, dedicated_shard(player_id))
            for player_id in self._catalog.catalog.dedicated_players
        }
        running = self._kept.running
        may_run = {*present, *dedicated.values(), *(running.names if running is not None else ())}
        await self._adopt(routing, may_run)
        routing = await self._term.routing()  # those that were adopted tell the store first what it has lost
        fresh = not crew.live
        held = await self._take_files(routing) if fresh and not self._term.taken_from_living else []
        shards = self._shards_at_start(present) if fresh else [*present, *self._without_slots(present, dedicated)]
        crew.expect(shards, dedicated)
        missing = [shard_id for shard_id in crew.wanted if shard_id not in crew.live]
        # Where others serve already, a spare that nobody needs yet takes CPU from the shards that players wait for.
        crew.fill(len(missing) + (self._settings.spares if fresh else 0))
        await self._fence([row for row in routing.shards.values() if row.shard_id not in crew.wanted])
        if fresh:
            await self._assign_all(routing)
        if held:
            log.error("the former catalog stays in force until these shards serve again: %s", ", ".join(held))
        elif fresh and not self.others_serve:
            await self._put_in_force(routing)
        return missing

    async def activate(self, missing: Sequence[str]) -> None:
        """Starts the shards: one after the other if those of another instance serve, so that few players wait at a
        time. Raises ActivationFailed, ShardDied.

        A shard of another instance that has just gone on without the store is left to serve, and to `Recovery`: the
        term is taken, so there is no way back.
        """
        if not self.others_serve:
            await asyncio.gather(*(self._crew.activate(shard_id) for shard_id in missing))
            return
        for shard_id in missing:
            row = (await self._store.routing()).shards.get(shard_id)
            if row is not None:
                await ask_to_give_up(self._client, row)
            try:
                await self._crew.activate(shard_id)
            except ShardHeld as held:
                log.error("shard %s is not taken over yet: %s", shard_id, held)

    async def catch_up(self) -> None:
        """After a take-over shard by shard: puts the catalog in force that this Croupier was started with, in all
        shards at once (rule 14). If that is not possible, the former one stays.
        """
        version = self._catalog.catalog.version
        routing = await self._store.routing()
        if not self.others_serve or (routing.catalog is not None and routing.catalog.version == version):
            return
        await self._store.put_catalog(version, encode_content(self._catalog))
        try:
            asked = DeployCatalog(version, "croupier up")
            await deploy(self._store, self._client, self._term.number, self._crew.wanted, asked)
        except (DeployFailed, StoreUnavailable) as failure:
            log.error("the former catalog stays in force; `croupier catalog deploy` tries again: %s", failure)

    def _shards_at_start(self, present: Sequence[str]) -> list[str]:
        """Names of the shards to begin with: those of the table, if there are as many as there should be."""
        scaled, count = self._kept.kept.scaled, self._settings.shards
        if scaled is not None and scaled.setting == count:
            count = scaled.shards
        return list(present) if len(present) == count else free_names(count, ())

    def _without_slots(self, present: Collection[str], dedicated: dict[str, str]) -> list[str]:
        """Adopted shards of an operation under way that no slot belongs to, or not yet."""
        return in_order(set(self._crew.live) - {*present, *dedicated.values()})

    # --- what lives

    async def _adopt(self, routing: Routing, may_run: Collection[str]) -> None:
        """Takes over the living shards and the spares of an earlier supervisor. All other processes are killed.

        That supervisor may have asked a spare to become a shard, and that call goes on: such a spare is killed, too. A
        call that comes later is refused (`ShardHandle.adopt`).
        """
        handles = await self._cluster.existing()
        for handle, found in zip(handles, await asyncio.gather(*map(self._adopted, handles)), strict=True):
            inc = None if found is None else found.identity.incarnation
            if inc is not None and inc.shard_id in may_run and _is_current(inc, routing):
                self._crew.enlist(inc.shard_id, handle)
            elif found is not None and found.spare:
                self._crew.keep(handle)
            else:
                handle.kill()

    async def _adopted(self, handle: ShardHandle) -> Found | None:
        """None for a process that does not answer: it is treated as dead."""
        try:
            async with asyncio.timeout(self._settings.identify_timeout_ms / 1000):
                return await handle.adopt(self._term.number)
        except (ShardDied, TimeoutError):
            return None

    # --- what is written while nobody serves

    async def _take_files(self, routing: Routing) -> list[str]:
        """What dead shards wrote while the store was silent comes into the store before anything is decided about them,
        under the catalog that it was decided under. Answers the shards whose files are not here.
        """
        held, files = [], []
        for row in routing.shards.values():
            if row.fallback is not None and row.shard_id not in self._crew.live:
                try:
                    files.append((await fence_through_file(self._store, self._term.number, row.shard_id))[1])
                except FallbackHeld as file:
                    log.warning("%s", file)
                    held.append(row.shard_id)
        await asyncio.gather(*(forget(self._store, file) for file in files))
        return held

    async def _fence(self, rows: Sequence[ShardRow]) -> None:
        """From now on nobody may write as these shards. Their logs are sealed, and on return none of them answers."""
        owned = [row for row in rows if row.owner is not None]
        if self._term.taken_from_living:
            await asyncio.gather(*(ask_to_give_up(self._client, row) for row in owned))
        fenced = [await fence_through_file(self._store, self._term.number, row.shard_id) for row in owned]
        await self._outlive([owner for owner, _ in fenced if owner is not None])
        await asyncio.gather(*(forget(self._store, file) for _, file in fenced))

    async def _outlive(self, owners: Sequence[Owner]) -> None:
        until = time.monotonic() + self._lease_s
        while time.monotonic() < until and not all(map(is_gone, owners)):
            await asyncio.sleep(0.02)

    async def _assign_all(self, routing: Routing) -> None:
        """Writes the table while no shard of this Croupier serves: the old one, or slots dealt out evenly to new
        shards.

        Shards of another instance may still serve, so all of them are fenced before any player changes shards.
        """
        shards, dedicated = self._crew.shards, self._crew.dedicated
        settled = set(routing.slots) == set(shards)
        table = {} if settled else {slot: shards[slot % len(shards)] for slot in range(SLOTS)}
        self.others_serve = settled and routing.dedicated == dedicated and self._term.taken_from_living
        if not settled or routing.dedicated != dedicated:
            await self._fence(list(routing.shards.values()))
        await self._store.assign(self._term.number, table, dedicated)

    async def _put_in_force(self, routing: Routing) -> None:
        """Puts the catalog in force that this Croupier was started with.

        It is called while no shard serves (rule 14).
        """
        version = self._catalog.catalog.version
        if routing.catalog is None or routing.catalog.version != version:
            await self._store.put_catalog(version, encode_content(self._catalog))
            row = await next_row(self._store, routing, version, "croupier up")
            unheld = await unheld_counters(self._store, routing.catalog, version)
            await self._store.commit_catalog(self._term.number, row, None, unheld)


def _is_current(inc: Incarnation, routing: Routing) -> bool:
    """Compares the log, not the epoch, which a slot move may raise just now.

    A fenced shard has no owner.
    """
    row = routing.shards.get(inc.shard_id)
    return row is not None and row.owner is not None and row.log_id == inc.log_id
