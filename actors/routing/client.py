"""The players as a gateway sees them: routes every request to its player's shard and survives that the shard moves.

A request whose connection broke, or that a shard disowned, is repeated with the same command id on the new route.
Only when that fails until the deadline does the caller hear `outcome_unknown` (it was sent) or `shard_unavailable` (it
never was).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import msgspec

from actors.host.trouble import Trouble
from actors.outcome import NEVER_SENT, NO_ANSWER, Answered, OnOutcome, Outcome, Unavailable
from actors.routing.connection_breakers import ConnectionBreakers
from actors.routing.owner_of import shard_of
from actors.settings import ClientSettings
from actors.wire.channel import Channel, connect
from actors.wire.frames import ControlAnswer, ControlBody, Kind, Reply, Request, ShardReport, ShardStatus
from engine.commands import CommandBody
from engine.queries import QueryBody
from engine.rejections import Rejection
from engine.views import AnyReply
from snapshots.contract import Address, Routing, ShardRow
from snapshots.errors import StoreError

log = logging.getLogger("croupier.client")

RouteSource = Callable[[], Awaitable[Routing]]
TICK_S = 0.05

_decode_answer = msgspec.msgpack.Decoder(AnyReply).decode
_decode_rejection = msgspec.msgpack.Decoder(Rejection).decode
_decode_unavailable = msgspec.msgpack.Decoder(Unavailable).decode
_decode_control = msgspec.msgpack.Decoder(ControlAnswer).decode

TOO_MANY = Unavailable("overloaded", "Too many requests wait for their shards.")


def _outcome(reply: Reply) -> Outcome | None:
    """What the shard says; None: it doesn't know or own the player any more, ask its successor with the same id."""
    if reply.kind == Kind.ANSWER or reply.kind == Kind.REPLAY:
        return Answered(_decode_answer(reply.payload), reply.kind == Kind.REPLAY)
    if reply.kind == Kind.REJECTION:
        return _decode_rejection(reply.payload)
    if reply.kind == Kind.NOT_OWNER:
        return None
    outcome = _decode_unavailable(reply.payload)
    return None if outcome.code == "outcome_unknown" else outcome


class _Asked:
    """A request under way. `sent` once it has left: from then on its outcome may be unknown."""

    __slots__ = ("asked_at", "body", "channel", "command_id", "deadline", "on_outcome", "player_id", "sent")

    def __init__(
        self, player_id: str, command_id: str, body: CommandBody | QueryBody, on_outcome: OnOutcome, deadline_s: float
    ) -> None:
        self.player_id, self.command_id, self.body, self.on_outcome = player_id, command_id, body, on_outcome
        self.asked_at = time.monotonic()
        self.deadline = self.asked_at + deadline_s
        self.sent = False
        self.channel: Channel | None = None


class ShardClient:
    """Implements `outcome.Players` over channels. `start` it on the loop that will use it."""

    def __init__(self, routes: RouteSource, cluster_secret: str, settings: ClientSettings) -> None:
        self.routing: Routing | None = None
        self._source, self._secret, self._settings = routes, cluster_secret.encode(), settings
        self.breakers = ConnectionBreakers()
        self._channels: dict[Address, Channel] = {}
        self._connecting: dict[Address, asyncio.Task[None]] = {}
        self._under_way: dict[int, _Asked] = {}
        self._parked: list[_Asked] = []
        self._next_rid = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._refresh_now = asyncio.Event()
        self._reports: dict[int, tuple[Channel, asyncio.Future[ControlAnswer]]] = {}
        self._loop = asyncio.get_running_loop()

    async def start(self) -> None:
        """Reads the routes once and keeps them fresh from then on."""
        await self._refresh()
        self._spawn(self._keep_fresh(), "routes")
        self._spawn(self._watch_deadlines(), "deadlines")

    async def stop(self) -> None:
        """Ends the tasks and hangs up; what is under way is answered."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for channel in list(self._channels.values()):
            channel.close()
        waiting, self._under_way, self._parked = [*self._under_way.values(), *self._parked], {}, []
        for asked in waiting:
            asked.on_outcome(NO_ANSWER if asked.sent else NEVER_SENT)

    # --- asking

    def submit(self, player_id: str, command_id: str, body: CommandBody | QueryBody, on_outcome: OnOutcome) -> None:
        """See `outcome.Players`."""
        if len(self._under_way) + len(self._parked) >= self._settings.requests_max:
            on_outcome(TOO_MANY)
            return
        asked = _Asked(player_id, command_id, body, on_outcome, self._settings.deadline_ms / 1000)
        if not self._send(asked):
            self.breakers.missed(self._shard_of(player_id))
            self._park(asked)

    def out_of_reach_s(self, player_id: str) -> float:
        """For how long the player's shard has taken no request, in seconds; 0 if it takes them."""
        row = self._row_of(player_id)
        channel = None if row is None or row.address is None else self._channels.get(row.address)
        return 0.0 if channel is not None and channel.open else self.breakers.missed_s(self._shard_of(player_id))

    def _shard_of(self, player_id: str) -> str:
        return "" if self.routing is None else shard_of(self.routing, player_id)

    def _send(self, asked: _Asked) -> bool:
        row = self._row_of(asked.player_id)
        if row is None or row.address is None:
            return False
        channel = self._channels.get(row.address)
        if channel is None or not channel.open:
            self._connect(row.address)
            return False
        rid = self._next_rid = self._next_rid + 1
        channel.send(row.epoch, Request(rid, asked.player_id, asked.command_id, asked.body))
        self._under_way[rid] = asked
        asked.sent, asked.channel = True, channel
        return True

    def _row_of(self, player_id: str) -> ShardRow | None:
        routing = self.routing
        return None if routing is None else routing.shards.get(shard_of(routing, player_id))

    def _park(self, asked: _Asked) -> None:
        self._parked.append(asked)
        self._refresh_now.set()

    def _on_reply(self, reply: Reply) -> None:
        asked = self._under_way.get(reply.rid)
        if asked is None:
            self._on_report(reply)
            return
        outcome = _outcome(reply)  # raises if it can't be read: still under way then, and repeated on a new connection
        del self._under_way[reply.rid]
        if outcome is None:
            self._park(asked)
        else:
            asked.on_outcome(outcome)

    # --- connections

    def _connect(self, address: Address) -> "asyncio.Task[None] | None":
        """The attempt under way, or a new one: two callers at once share it, else one channel would never be closed.

        None: the last ones failed, and the breaker of this connection lets no other through yet.
        """
        attempt = self._connecting.get(address)
        if attempt is None:
            if not self.breakers.allows(address, self.routing):
                return None
            attempt = self._spawn(self._open(address), f"connect {address.host}:{address.port}")
            self._connecting[address] = attempt
        return attempt

    async def _open(self, address: Address) -> None:
        try:
            timeout_s = self._settings.connect_timeout_ms / 1000
            channel = await connect(address, self._secret, timeout_s, self._on_reply, self._on_lost)
        except (OSError, TimeoutError) as failure:
            log.info("shard at %s:%d can't be reached: %s", address.host, address.port, failure)
            self.breakers.failed(address, str(failure) or "no answer in time")
        except asyncio.CancelledError:
            self.breakers.gave_up(address)
            raise
        else:
            self.breakers.succeeded(address)
            self._channels[address] = channel
            self._send_parked()
        finally:
            del self._connecting[address]

    def _on_lost(self, channel: Channel) -> None:
        for address, known in list(self._channels.items()):
            if known is channel:
                del self._channels[address]
        for rid in [rid for rid, asked in self._under_way.items() if asked.channel is channel]:
            self._park(self._under_way.pop(rid))
        for asked, future in self._reports.values():
            if asked is channel and not future.done():
                future.set_exception(ConnectionError("it hung up"))

    # --- routes

    async def _keep_fresh(self) -> None:
        slow, fast = self._settings.refresh_ms / 1000, self._settings.refresh_fast_ms / 1000
        trouble = Trouble(log, "routes can't be read")
        while True:
            try:
                async with asyncio.timeout(slow):
                    await self._refresh_now.wait()
            except TimeoutError:
                pass
            self._refresh_now.clear()
            try:
                await self._refresh()
                trouble.over()
            except StoreError as failure:
                trouble.met(failure)
            self._send_parked()
            if self._parked:
                self._refresh_now.set()
            await asyncio.sleep(fast)

    async def _refresh(self) -> None:
        self.routing = await self._source()
        current = {row.address for row in self.routing.shards.values()} | {self.routing.supervisor}
        self.breakers.keep(current)
        for address, channel in list(self._channels.items()):
            if address not in current:
                channel.close()

    def _send_parked(self) -> None:
        parked, self._parked = self._parked, []
        self._parked = [asked for asked in parked if not self._send(asked)] + self._parked

    async def _watch_deadlines(self) -> None:
        """Answers what has waited too long, and looks the routes up again when something is stuck."""
        stuck_s = self._settings.stuck_ms / 1000
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            oldest = next(iter(self._under_way.values()), None)
            if oldest is not None and now - oldest.asked_at > stuck_s:
                self._refresh_now.set()
                for rid in [rid for rid, asked in self._under_way.items() if asked.deadline <= now]:
                    self._under_way.pop(rid).on_outcome(NO_ANSWER)
            for asked in [asked for asked in self._parked if asked.deadline <= now]:
                self._parked.remove(asked)
                asked.on_outcome(NO_ANSWER if asked.sent else NEVER_SENT)

    # --- asking a shard about itself

    async def report(self, row: ShardRow, timeout_s: float) -> ShardReport:
        """The shard's figures, by the same channel as its players. Raises OSError or TimeoutError."""
        answer = await self.control(row.address, ShardStatus(), timeout_s)
        if not isinstance(answer, ShardReport):
            raise ConnectionError(f"the shard answered {answer}")
        return answer

    async def control(self, address: Address | None, body: ControlBody, timeout_s: float) -> ControlAnswer:
        """Asks a process, not a player. Raises OSError or TimeoutError."""
        async with asyncio.timeout(timeout_s):
            if address is None:
                raise ConnectionError("it does not serve")
            channel = self._channels.get(address)
            if channel is None or not channel.open:
                attempt = self._connect(address)
                if attempt is None:
                    raise ConnectionError("it could not be reached just now")
                await asyncio.wait([attempt])
                channel = self._channels.get(address)
            if channel is None:
                raise ConnectionError("it can't be reached")
            rid = self._next_rid = self._next_rid + 1
            future: asyncio.Future[ControlAnswer] = self._loop.create_future()
            self._reports[rid] = channel, future
            try:
                channel.send(0, Request(rid, "", "", body))
                return await future
            finally:
                self._reports.pop(rid, None)

    def _on_report(self, reply: Reply) -> None:
        _, future = self._reports.get(reply.rid, (None, None))
        if future is not None and not future.done() and reply.kind == Kind.REPORT:
            future.set_result(_decode_control(reply.payload))

    def _spawn(self, coroutine: "Awaitable[None]", name: str) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = self._loop.create_task(coroutine, name=name)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
