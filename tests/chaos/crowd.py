"""The players: each in a thread, with books of its own (`tests.load`), at two gateways, until the run stops them.

A request is repeated with the same key until its outcome is known, at the other gateway if one does not answer.
"""

import http.client
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from croupier_client.retrying import RetryPolicy
from tests.chaos.withdrawing import WithdrawingPlayer
from tests.load.asking import Caller, Document, Judge, Outcome, Proof, Reply, Request, Unexpected
from tests.load.player import Manners
from tests.load.tally import Tally
from tests.load.terms import Shelf

ANSWER_S: Final = 7.0
"""A gateway answers after 5 s at the latest."""
PATIENCE: Final = RetryPolicy(deadline_s=300, pause_max_s=0.5)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request with all its repeats, from the first to the answer; times by the monotonic clock."""

    player_id: str
    name: str
    began: float
    ended: float
    tries: int


@dataclass
class Record:
    """What all players asked, and what was acknowledged to each: requests by their keys, with the first answers."""

    asks: list[Ask] = field(default_factory=list)
    acknowledged: dict[str, dict[str, tuple[Request, Document]]] = field(default_factory=dict)


class Line:
    """One player's connections to the gateways, as a load balancer would give them."""

    def __init__(self, gateways: Sequence[tuple[str, int]], luck: random.Random) -> None:
        self._gateways, self._luck = gateways, luck
        self._connections: dict[int, http.client.HTTPConnection] = {}
        self._chosen = luck.randrange(len(gateways))

    def send(self, request: Request, headers: Mapping[str, str], judged: Judge) -> Outcome:
        """Sends once; without an answer, the next one goes to another gateway."""
        if self._luck.random() < 0.1:
            self._change()
        try:
            connection = self._connection()
            connection.request(request.method, request.target, request.body, dict(headers))
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            reply = Reply(response.status, found, response.read())
        except (OSError, http.client.HTTPException):
            self._connections.pop(self._chosen).close()
            self._change()
            return judged(Reply(0, {}, b""))
        if reply.status == 503:
            self._change()
        return judged(reply)

    def _change(self) -> None:
        self._chosen = (self._chosen + 1) % len(self._gateways)

    def _connection(self) -> http.client.HTTPConnection:
        if self._chosen not in self._connections:
            host, port = self._gateways[self._chosen]
            self._connections[self._chosen] = http.client.HTTPConnection(host, port, timeout=ANSWER_S)
        return self._connections[self._chosen]


class RecordingCaller(Caller):
    """A caller that notes how long each answer took, and which commands were acknowledged."""

    def __init__(self, player_id: str, line: Line, proof: Proof, tally: Tally, record: Record) -> None:
        super().__init__(self._counted, proof, tally, policy=PATIENCE)
        self._player_id, self._line, self._record = player_id, line, record
        self._tries = 0
        self.asking_since: float | None = None

    def ask(self, request: Request, expects: Any = ()) -> Document:
        """As `Caller.ask`."""
        self._tries, began = 0, time.monotonic()
        self.asking_since = began
        answer = super().ask(request, expects)
        self.asking_since = None
        self._record.asks.append(Ask(self._player_id, request.name, began, time.monotonic(), self._tries))
        if request.key and "code" not in answer:
            self._record.acknowledged[self._player_id].setdefault(request.key, (request, answer))
        return answer

    def _counted(self, request: Request, headers: Mapping[str, str], judged: Judge) -> Outcome:
        self._tries += 1
        return self._line.send(request, headers, judged)


class Seat(threading.Thread):
    """A player at play. One who met something that the rules don't allow stops, and is a difference."""

    def __init__(self, player: WithdrawingPlayer, caller: RecordingCaller, tally: Tally, think_s: float) -> None:
        super().__init__(daemon=True)
        self.player, self.caller, self._tally, self._think_s = player, caller, tally, think_s
        self.stopping = threading.Event()
        self.arrived = threading.Event()

    def run(self) -> None:
        """Plays until it is told to stop."""
        try:
            self.player.arrive()
            self.arrived.set()
            while not self.stopping.wait(self._think_s * random.uniform(0.5, 1.5)):
                self.player.step()
        except Unexpected as unexpected:
            self._tally.differs(f"{self.player.player_id}: {unexpected}")


class Crowd:
    """All players."""

    def __init__(
        self, gateways: Sequence[tuple[str, int]], proof: Proof, shelf: Shelf, count: int, think_s: float, seed: int
    ) -> None:
        self.tally, self.record = Tally(), Record()
        self._gateways, self._proof, self._shelf = gateways, proof, shelf
        self.seats = [self._seat(f"chaos-{seed}-{number}", think_s) for number in range(count)]

    def _seat(self, player_id: str, think_s: float) -> Seat:
        luck = random.Random(player_id)
        self.record.acknowledged[player_id] = {}
        caller = RecordingCaller(player_id, Line(self._gateways, luck), self._proof, self.tally, self.record)
        manners = Manners(pause=lambda: time.sleep(think_s * random.uniform(0.5, 1.5)))
        return Seat(WithdrawingPlayer(player_id, caller, self._shelf, self.tally, manners), caller, self.tally, think_s)

    def start(self) -> None:
        """Everybody comes."""
        for seat in self.seats:
            seat.start()

    def waiting_since(self) -> list[float]:
        """Since when those who have no answer yet have asked."""
        return [since for seat in self.seats if (since := seat.caller.asking_since) is not None]

    def stop(self) -> None:
        """Everybody finishes the step under way, and is compared with the server."""
        for seat in self.seats:
            seat.stopping.set()
        for seat in self.seats:
            seat.join(PATIENCE.deadline_s)
        for seat in self.seats:
            try:
                seat.player.reconcile()
            except Unexpected as unexpected:
                self.tally.differs(f"{seat.player.player_id}: {unexpected}")
