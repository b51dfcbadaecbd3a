"""Players who come, play a session at a steady rate, compare everything with their own books, and go.

Most never come back, so that memory holds a crowd that changes; some do, when they have long left the shard's memory.
"""

import asyncio
import random
import time
from collections import deque
from typing import Final, NamedTuple

from benchmarks.soak.found import Books
from croupier.demo.client import Client, Meter, Signer
from croupier.demo.player import DemoPlayer, Tally

SESSION_SPINS: Final = (60, 140)
"""Enough to fill the window of 128 remembered commands: a spin is about 1.7 of them."""
COME_AGAIN_SHARE: Final = 0.25
REPEATS: Final = 5
"""Old keys that each player repeats at the end of a session."""
PATIENCE_S: Final = 45.0


class Gone(NamedTuple):
    """A player who will come again, and how many had left before."""

    player: DemoPlayer
    left_before: int


class Crowd:
    """`seats` players at a time, `per_second` spins of all of them together; `away` others leave before one returns."""

    def __init__(self, host: str, port: int, signers: tuple[Signer, Signer], seats: int, per_second: float, away: int):
        self.tally, self.meter = Tally(), Meter()
        self.books = Books()
        self._place, self._signers = (host, port), signers
        self._rest_s, self._seats, self._away = seats / per_second, seats, away
        self._luck = random.Random(seats)
        self._gone: deque[Gone] = deque()
        self._left = 0
        self._stopping = False

    def pace(self, per_second: float) -> None:
        """So many spins a second from now on, if the server can."""
        self._rest_s = self._seats / per_second

    def stop(self) -> None:
        """Nobody new sits down; `play` returns when the sessions under way are over, each after its next spin."""
        self._stopping = True

    async def play(self) -> None:
        """Until `stop`. Raises what a player meets that the rules don't allow, and Unanswered."""
        seats = [asyncio.create_task(self._seat(number)) for number in range(self._seats)]
        try:
            await asyncio.gather(*seats)
        finally:
            for seat in seats:
                seat.cancel()

    def counted(self) -> Books:
        """The books of all players so far."""
        self.books.spins, self.books.lost, self.books.doubled = self.tally.spins, self.tally.lost, self.tally.doubled
        self.books.differences = list(self.tally.differences)
        return self.books

    async def _seat(self, number: int) -> None:
        client = Client(*self._place, self.meter, PATIENCE_S)
        await asyncio.sleep(self._rest_s * number / self._seats)
        try:
            while not self._stopping:
                player, again = await self._sits_down(client)
                await self._session(client, player)
                self._leaves(player, again)
        finally:
            client.close()

    async def _sits_down(self, client: Client) -> tuple[DemoPlayer, bool]:
        if self._gone and self._left - self._gone[0].left_before >= self._away:
            self.books.came_again += 1
            return self._gone.popleft().player, True
        name = f"soak-{self.books.players}"
        self.books.players += 1
        player = DemoPlayer(name, name, *self._signers, self.tally)
        await player.arrive(client)
        return player, False

    async def _session(self, client: Client, player: DemoPlayer) -> None:
        due = time.perf_counter()
        for _ in range(self._luck.randint(*SESSION_SPINS)):
            due = max(due + self._rest_s, time.perf_counter() - self._rest_s)
            await asyncio.sleep(due - time.perf_counter())
            await player.spin(client)
            if self._stopping:
                break
        await player.reconcile(client, REPEATS)

    def _leaves(self, player: DemoPlayer, again: bool) -> None:
        self._left += 1
        if not again and self._luck.random() < COME_AGAIN_SHARE:
            self._gone.append(Gone(player, self._left))
