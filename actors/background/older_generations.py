"""Looks through sealed logs for players whose older snapshot still needs them, after a recovery (rule 8).

A dead incarnation owed each player two snapshots, and its log doesn't tell to whom one of them had been written. So the
part of the log that only the newest snapshots are known to cover is read, after the shard serves. Who has two snapshots
that cover it is left alone; the others are loaded and owe both. The log counts as needed until then.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from actors.host.trouble import Trouble
from actors.shard.context import ShardContext
from snapshots.contract import LogInfo
from snapshots.errors import CorruptLog, StoreUnavailable
from snapshots.recovery import half_covered

log = logging.getLogger("croupier.shard")

SLICE = 16
"""Records or players between two pauses."""
PAUSE_PER_WORK = 3
"""The pause after a slice is that many times as long as the slice took, so spins have three quarters of the time."""
PAUSE_MAX_S = 1.0
BEGIN_S = 2.0
"""For how long a shard that has just begun to serve is left to those who wait for it."""
RETRY_S = 10.0
GENERATIONS = 2


class OlderGenerations:
    """One incarnation's look. `run` returns once no log is held any more; `settle` is for slot moves."""

    def __init__(self, context: ShardContext, arrive: Callable[[str], Awaitable[None]]) -> None:
        self._context, self._arrive = context, arrive
        self._unread = context.tails.held()
        self._versions: dict[str, dict[str, int]] = {}
        """By log: players to be looked at, each with the version that both snapshots must have reached."""
        self._reading = asyncio.Lock()
        self._hurried = 0
        self._began_s = 0.0

    async def run(self) -> None:
        """Looks through all logs, with pauses. A log that is damaged stays needed: it is read again now and then."""
        trouble = Trouble(log, "logs of former incarnations are kept")
        await asyncio.sleep(BEGIN_S)
        while self._context.tails.held():
            try:
                await self._look_through(lambda player_id: True)
                trouble.over()
            except (CorruptLog, StoreUnavailable) as failure:
                trouble.met(failure)
            except Exception:
                log.exception("looking through the logs of former incarnations failed; they are kept")
            if self._context.tails.held():
                await asyncio.sleep(RETRY_S)

    async def settle(self, concerns: Callable[[str], bool]) -> None:
        """Looks at the players who are about to leave, without pauses: afterwards both snapshots cover them, or they
        are among those who owe. Raises StoreUnavailable. A damaged log stays needed, whoever leaves.
        """
        self._hurried += 1
        try:
            await self._look_through(concerns)
        except CorruptLog as damage:
            log.warning("slots are moved though a log can't be looked through, which is kept: %s", damage)
        finally:
            self._hurried -= 1

    async def _look_through(self, concerns: Callable[[str], bool]) -> None:
        damage: CorruptLog | None = None
        async with self._reading:
            for info in list(self._unread):
                try:
                    self._versions[info.log_id] = await self._read(info)
                except CorruptLog as error:
                    damage = error
                else:
                    self._unread.remove(info)
        for log_id, versions in list(self._versions.items()):
            await self._look_at_all(log_id, versions, concerns)
        if damage is not None:
            raise damage

    async def _read(self, info: LogInfo) -> dict[str, int]:
        owns, found, count = self._context.ownership.owns, dict[str, int](), 0
        self._began_s = asyncio.get_running_loop().time()
        async for entries in half_covered(self._context.store, info):
            for entry in entries:
                if owns(entry.player_id):
                    found[entry.player_id] = max(entry.version, found.get(entry.player_id, 0))
            count += 1
            if count % SLICE == 0:
                await self._pause()
        return found

    async def _look_at_all(self, log_id: str, versions: dict[str, int], concerns: Callable[[str], bool]) -> None:
        self._began_s = asyncio.get_running_loop().time()
        for number, player_id in enumerate([each for each in versions if concerns(each)], 1):
            if player_id in versions:  # a slot move may look at the same time
                await self._look_at(log_id, player_id, versions[player_id])
                versions.pop(player_id, None)
            if number % SLICE == 0:
                await self._pause()
        if not versions and self._versions.pop(log_id, None) is not None:
            self._context.tails.let_go(log_id)

    async def _look_at(self, log_id: str, player_id: str, version: int) -> None:
        context = self._context
        if player_id not in context.tails and await self._covered_twice(player_id, version):
            return
        if not context.ownership.owns(player_id):
            return  # it has left meanwhile, with two snapshots that cover everything
        context.tails.note(log_id, player_id)
        if player_id in context.residents.by_id:
            context.residents.owe(player_id)
        else:
            await self._arrive(player_id)

    async def _covered_twice(self, player_id: str, version: int) -> bool:
        generations = (await self._context.store.load_player(player_id)).generations
        return len(generations) == GENERATIONS and all(record.version >= version for record in generations)

    async def _pause(self) -> None:
        """Spins have the loop; and snapshots are written, where too many players are in memory."""
        work_s = asyncio.get_running_loop().time() - self._began_s
        await asyncio.sleep(0 if self._hurried else min(PAUSE_PER_WORK * work_s, PAUSE_MAX_S))
        while not self._hurried and len(self._context.residents) > self._context.settings.residents_max:
            await asyncio.sleep(PAUSE_MAX_S)
        self._began_s = asyncio.get_running_loop().time()
