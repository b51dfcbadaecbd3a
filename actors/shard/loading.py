"""Loading players on first touch: mailboxes, reloads after quarantine, and loads thrown away when ownership changed.

"Not found" is believed only when the store said so; a load that failed never creates a player (rule 9).
"""

import asyncio
import logging
from collections.abc import Callable

from actors.shard.context import ShardContext
from actors.shard.residents import Letter, Resident
from actors.wire.frames import NIL, Kind, Reply, ReplyTo, Request, unavailable
from snapshots.errors import Corrupt, Fenced, StoreUnavailable
from snapshots.recovery import Loaded, load_player, read_player

log = logging.getLogger("croupier.shard")

LOAD_TRIES = 3
RETRY_WITHOUT_STORE_S = 2
"""What a caller is told whose player is not in memory, as long as the shard goes on without the store."""


class LoadDiscarded(Exception):
    """Ownership changed while the player was being loaded."""


class Loader:
    """Mailboxes of players on their way into memory. A mailbox exists only while its player is being loaded."""

    def __init__(
        self,
        context: ShardContext,
        admit: Callable[[Loaded], Resident],
        act_or_load: Callable[[ReplyTo, Request, int, int], None],
    ) -> None:
        self._context, self._admit, self._act_or_load = context, admit, act_or_load
        self._mailboxes: dict[str, list[Letter]] = {}
        self._reload_after: dict[str, int] = {}
        self._arrivals: dict[str, asyncio.Future[bool]] = {}
        """True: it was in memory."""
        self._parallel = asyncio.Semaphore(context.settings.loads_parallel)
        self._tasks: set[asyncio.Task[None]] = set()

    def enqueue(self, reply_to: ReplyTo, request: Request, attempt: int = 1) -> None:
        """Puts a request into the player's mailbox, starting a load if none is under way."""
        if self._context.committer.on_fallback:
            detail = "The store does not answer, and this player is not in memory."
            reply_to.reply(unavailable(request.rid, "journal_unavailable", detail, RETRY_WITHOUT_STORE_S))
            return
        mailbox = self._mailboxes.get(request.player_id)
        full = mailbox is not None and len(mailbox) >= self._context.settings.mailbox_depth_max
        if full or (mailbox is None and self._is_full()):
            self._context.metrics.count("shard_overloaded")
            reply_to.reply(unavailable(request.rid, "overloaded", "Too many commands wait for the player's load."))
            return
        self._mailbox(request.player_id).append((reply_to, request, attempt))

    def _is_full(self) -> bool:
        """Whether nobody else may be loaded now: too many loads, or far too many players in memory already."""
        settings, loading = self._context.settings, len(self._mailboxes)
        return loading >= settings.loads_max or loading + len(self._context.residents) >= settings.residents_bound

    def reload_after(self, player_id: str, batch_number: int) -> None:
        """The next load waits for this batch and reads the own log, too: the player was evicted unsnapshotted."""
        self._reload_after[player_id] = batch_number

    async def arrive(self, player_id: str) -> None:
        """Loads the player if it is not in memory; returns when it is, or when that failed.

        Whoever waited for the same load may have let the player go again at once: then it is loaded anew.
        """
        while player_id not in self._context.residents.by_id:
            self._mailbox(player_id)
            arrival = self._arrivals.setdefault(player_id, asyncio.get_running_loop().create_future())
            if not await arrival:
                return

    def end(self) -> None:
        """Throws all loads away. Nothing was done to these players: the senders repeat with the successor."""
        for task in self._tasks:
            task.cancel()
        for player_id in list(self._mailboxes):
            self._disown(player_id)

    @property
    def waiting(self) -> bool:
        """Whether any command waits for its player to be loaded."""
        return any(self._mailboxes.values())

    async def until_delivered(self) -> None:
        """Waits for the players whom commands wait for now."""
        await asyncio.gather(*(self.arrive(player_id) for player_id, box in list(self._mailboxes.items()) if box))

    async def until_idle(self) -> None:
        """Waits until every mailbox is empty, those included that a command of another one fills meanwhile."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _mailbox(self, player_id: str) -> list[Letter]:
        mailbox = self._mailboxes.get(player_id)
        if mailbox is None:
            mailbox = self._mailboxes[player_id] = []
            task = asyncio.get_running_loop().create_task(self._load(player_id), name=f"load {player_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return mailbox

    async def _load(self, player_id: str) -> None:
        context = self._context
        try:
            async with self._parallel:
                loaded = await self._read_owned(player_id)
            self._admit(loaded)
        except LoadDiscarded:
            self._disown(player_id)
        except Fenced as refusal:
            context.end(str(refusal))
        except Corrupt as damage:
            log.error("player %s can't be loaded, and is not served: %s", player_id, damage)
            self._fail(player_id, "The player's stored state is damaged; an operator must look.")
        except StoreUnavailable as failure:
            log.warning("player %s can't be loaded now: %s", player_id, failure)
            self._fail(player_id, "The player can't be loaded now.")
        except Exception:
            log.exception("loading player %s raised", player_id)
            self._fail(player_id, "The player can't be loaded.")
        else:
            self._deliver(player_id)

    async def _read_owned(self, player_id: str) -> Loaded:
        """Reads the player under one ownership from beginning to end; begins again if it changed meanwhile."""
        ownership = self._context.ownership
        while ownership.owns(player_id):
            generation = ownership.generation
            loaded = await self._read(player_id)
            if generation == ownership.generation:
                return loaded
        raise LoadDiscarded

    async def _read(self, player_id: str) -> Loaded:
        """Never while the shard goes on without the store: what the store has may be older than what is durable."""
        context = self._context
        context.committer.check_stored()
        after_batch = self._reload_after.get(player_id)
        tail = list(context.tails.peek(player_id))
        if after_batch is not None:
            await context.committer.until_durable(after_batch)
            context.committer.check_stored()
            tail += await read_player(context.store, context.inc.log_id, player_id, context.checkpoint_seq)
        for last_try in [False] * (LOAD_TRIES - 1) + [True]:
            try:
                return await load_player(context.store, player_id, tail)
            except StoreUnavailable:
                if last_try:
                    raise
        raise AssertionError

    def _deliver(self, player_id: str) -> None:
        self._reload_after.pop(player_id, None)
        self._context.metrics.count("shard_players_loaded")
        for reply_to, request, attempt in self._take(player_id, arrived=True):
            self._act_or_load(reply_to, request, self._context.now(), attempt)

    def _fail(self, player_id: str, detail: str) -> None:
        self._context.metrics.count("shard_loads_failed")
        self._return_letters(player_id, detail)

    def _return_letters(self, player_id: str, detail: str) -> None:
        for reply_to, request, _ in self._take(player_id):
            reply_to.reply(unavailable(request.rid, "shard_unavailable", detail))

    def _disown(self, player_id: str) -> None:
        for reply_to, request, _ in self._take(player_id):
            reply_to.reply(Reply(request.rid, Kind.NOT_OWNER, NIL))

    def _take(self, player_id: str, arrived: bool = False) -> list[Letter]:
        arrival = self._arrivals.pop(player_id, None)
        if arrival is not None and not arrival.done():
            arrival.set_result(arrived)
        return self._mailboxes.pop(player_id, [])
