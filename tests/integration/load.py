"""Players who spin without a pause, each on a connection of its own, with the demo's independent ledger beside them."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

from croupier.demo.client import Client, Meter
from croupier.demo.player import KEPT_MAX, DemoPlayer, Tally
from tests.support.croupier_up import SIGNERS, CroupierUp, wait_until

PATIENCE_S = 150
"""A game server repeats for this long; a restart of everything fits in."""


class Load:
    """A context: the players spin inside it, in a thread with a loop of its own; `reconcile` after it."""

    def __init__(self, server: CroupierUp, name: str, count: int = 16) -> None:
        self.tally, self._meter = Tally(), Meter()
        self._stop, self._abort, self._server = threading.Event(), threading.Event(), server
        game_server, platform = SIGNERS["game_server"], SIGNERS["platform"]
        self.player_ids = [f"{name}-{number}" for number in range(count)]
        self._players = [DemoPlayer(who, who, game_server, platform, self.tally) for who in self.player_ids]
        self._thread = threading.Thread(target=self._run, args=(self._play,), name="load")
        self._failure: BaseException | None = None
        self._clients: list[Client] = []

    def __enter__(self) -> "Load":
        self._thread.start()
        self.more_spins(50)
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        self._stop.set()
        if kind is not None:
            self._abort.set()
        self._thread.join()
        if kind is not None:
            return
        assert self._failure is None, self._failure
        assert self.tally.differences == []

    def more_spins(self, count: int) -> None:
        """Waits until as many spins more have been acknowledged."""
        goal = self.tally.spins + count
        wait_until(f"{goal} spins", lambda: self._failure or self.tally.spins >= goal, PATIENCE_S)

    @property
    def retries(self) -> int:
        """How often a request had to be repeated, because it was refused for the moment or not answered."""
        return self._meter.retries

    def longest_s(self) -> float:
        """The longest that anybody has waited for the answer to a spin, seconds."""
        return max(self._meter.latencies)

    def moves_to(self, server: CroupierUp) -> None:
        """Whoever loses its connection from now on connects to this server."""
        self._server = server
        for client in self._clients:
            client._host, client._port = server.host, server.port

    def killed(self) -> None:
        """From now on it is noted when each player is answered again."""
        self.tally.answered_since.clear()
        self.tally.killed_at = time.perf_counter()

    def served_again_s(self) -> float:
        """Seconds from `killed` until every player had been answered."""
        everybody = len(self.player_ids)
        wait_until("all answered", lambda: len(self.tally.answered_since) == everybody, PATIENCE_S)
        return max(self.tally.answered_since.values())

    def reconcile(self) -> None:
        """Every balance equals the ledger, every round is there once, every key kept gives its first answer again."""
        self._run(lambda client, player: player.reconcile(client, KEPT_MAX))
        assert self._failure is None, self._failure
        assert self.tally.differences == []
        assert (self.tally.lost, self.tally.doubled) == (0, 0)

    async def _play(self, client: Client, player: DemoPlayer) -> None:
        await player.arrive(client)
        while not self._stop.is_set():
            await player.spin(client)

    def _run(self, what: Callable[[Client, DemoPlayer], Awaitable[None]]) -> None:
        try:
            asyncio.run(self._all(what))
        except BaseException as failure:  # shown by whoever waits for the thread
            self._failure = failure

    async def _all(self, what: Callable[[Client, DemoPlayer], Awaitable[None]]) -> None:
        server = self._server
        clients = self._clients = [Client(server.host, server.port, self._meter, PATIENCE_S) for _ in self._players]
        playing = asyncio.gather(*(what(client, player) for client, player in zip(clients, self._players, strict=True)))
        watching = asyncio.create_task(self._cancel_when_aborted(playing))
        try:
            await playing
        finally:
            watching.cancel()
            for client in clients:
                client.close()

    async def _cancel_when_aborted(self, playing: "asyncio.Future[list[None]]") -> None:
        while not self._abort.is_set():
            await asyncio.sleep(0.1)
        playing.cancel()
