"""Game servers of the simulation: they play, repeat, give up, and keep a ledger of their own from the answers alone."""

import asyncio
from typing import Any

import msgspec

from actors.outcome import Answered
from engine.answers import AwardsAnswer, DepositAnswer, GrantAnswer, Granted, RollbackAnswer, RoundAnswer
from engine.commands import (
    CancelGrant,
    CancelRound,
    ClaimGrant,
    CommandBody,
    Deposit,
    EnterCode,
    GrantCampaign,
    Register,
    Result,
    Rollback,
    Spin,
)
from engine.queries import GetPlayer, QueryBody
from engine.rejections import Rejection
from engine.state.window import REMEMBERED_MAX
from tests.simulation.bonuses import Journal
from tests.simulation.gateways import Gateway
from tests.simulation.plan import COMMANDS, Command, Plan
from tests.simulation.world import World

CALM_TRIES = 80
"""About a minute: in calm weather everything has an outcome by then."""


class Asked(msgspec.Struct):
    """A command as one customer knows it. `answer` is the first it got; None while its outcome is unknown."""

    player_id: str
    command_id: str
    body: CommandBody
    answer: Any = None
    refused: str = ""


class Ledger:
    """What must be true in the end, from the answers alone. It knows nothing of shards."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.seen: dict[str, int] = {}
        """The highest version of each player that anybody was told of: no read that begins later may show less."""

    def see(self, player_id: str, version: int) -> None:
        self.seen[player_id] = max(version, self.seen.get(player_id, 0))

    def lose(self, journal: Journal) -> None:
        """The store has lost its tail: what was acknowledged since then is unknown again, and may be asked again."""
        kept = {}
        for player_id in {asked.player_id for asked in self.asked}:
            entries = journal.of(player_id)
            kept[player_id] = {entry.done.command_id for entry in entries}
            self.seen[player_id] = min(self.seen.get(player_id, 0), len(entries))
            if not self.seen[player_id]:
                del self.seen[player_id]
        for asked in self.asked:
            if asked.command_id not in kept[asked.player_id]:
                asked.answer = None

    def settled(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.answer is not None]

    def real(self, player_id: str) -> int:
        """The player's money: the sum of what every accepted command did to it."""
        mine = {asked.command_id: asked for asked in self.settled() if asked.player_id == player_id}
        return sum(self._moved(asked, mine) for asked in mine.values())

    def awards(self, player_id: str) -> list[tuple[str, Granted]]:
        """What the player was told to have got, each with the command that brought it."""
        mine = [asked for asked in self.settled() if asked.player_id == player_id]
        found = [(asked.command_id, asked.answer.granted) for asked in mine if isinstance(asked.answer, GrantAnswer)]
        for asked in mine:
            if isinstance(asked.answer, AwardsAnswer | DepositAnswer):
                found += [(asked.command_id, award) for award in asked.answer.granted]
        return [(command_id, award) for command_id, award in found if award.state != "declined"]

    def _moved(self, asked: Asked, mine: dict[str, Asked]) -> int:
        body, answer = asked.body, asked.answer
        if isinstance(answer, DepositAnswer):
            return answer.amount
        if isinstance(answer, RollbackAnswer) and isinstance(body, Rollback):
            undone = answer.status == "rolled_back" and answer.session_id is not None
            return -self._moved(mine[body.transaction_id], mine) if undone else 0
        if isinstance(body, Result):
            return body.win
        if isinstance(answer, RoundAnswer):
            return answer.bet_amount if isinstance(body, CancelRound) else (answer.win_amount - answer.bet_amount)
        return 0


class Customer:
    """One game server, or one that only `looks`. `play` asks as planned; `settle` finds out what became of it all."""

    def __init__(
        self,
        world: World,
        ledger: Ledger,
        gateway: Gateway,
        plan: Plan,
        number: int,
        players: list[str],
        *,
        looks: bool,
    ) -> None:
        self._reads = 1.0 if looks else 0.3
        self._world, self._ledger, self._gateway, self._number = world, ledger, gateway, number
        self._players, self._plan = players, plan
        self._rng = plan.rng_of(f"customer {number}")
        self._mine: list[Asked] = []
        self.replays = 0

    async def play(self) -> None:
        """Asks so often: something new, or something again under its old id. What the plan leaves out is not asked."""
        for player_id in self._players:
            await self._ask(Asked(player_id, f"c{self._number}:reg-{player_id}", Register("EUR")))
        for number in range(COMMANDS):
            command = Command(self._number, number)
            self._rng = self._plan.rng(command)
            if command in self._plan.commands:
                await self._step(f"c{self._number}:{number}")
            await asyncio.sleep(self._rng.expovariate(12))

    async def _step(self, command_id: str) -> None:
        if self._rng.random() < self._reads:
            await self._read(self._rng.choice(self._players))
        elif self._mine and self._rng.random() < 0.2:
            await self._ask(self._rng.choice(self._mine))
        else:
            await self._ask(self._new(command_id))

    def _new(self, command_id: str) -> Asked:
        rng = self._rng
        player_id = rng.choice(self._players)
        if rng.random() < 0.3:
            device = f"device {self._players.index(player_id) // 2}"
            return Asked(player_id, command_id, Deposit(rng.randrange(200, 3_000), device=device))
        if rng.random() < 0.35:
            return self._about_bonuses(player_id, command_id)
        earlier = rng.choice(self._mine) if self._mine else None
        if earlier is not None and isinstance(earlier.answer, RoundAnswer) and rng.random() < 0.6:
            session = earlier.answer.session_id
            if earlier.answer.state != "open":
                follow_up: CommandBody = Rollback(earlier.command_id)
            elif rng.random() < 0.7:
                follow_up = Result(session, rng.randrange(0, 60))
            else:
                follow_up = CancelRound(session)
            if not isinstance(follow_up, Rollback) or isinstance(earlier.body, Spin):
                return Asked(earlier.player_id, command_id, follow_up)
        win = rng.randrange(0, 30) if rng.random() < 0.7 else None
        return Asked(player_id, command_id, Spin(rng.choice(("book", "dice")), "real", rng.randrange(10, 40), win))

    def _about_bonuses(self, player_id: str, command_id: str) -> Asked:
        """Somebody grants by hand, the player enters the code, or answers to an offer."""
        rng = self._rng
        offers = [award.grant_id for _, award in self._ledger.awards(player_id) if award.state == "initiated"]
        if offers and rng.random() < 0.5:
            grant_id = rng.choice(offers) or ""
            return Asked(player_id, command_id, ClaimGrant(grant_id) if rng.random() < 0.7 else CancelGrant(grant_id))
        asked = rng.choice((EnterCode("lucky"), GrantCampaign("manual", "so"), GrantCampaign("one-device", "so")))
        return Asked(player_id, command_id, asked)

    async def _read(self, player_id: str) -> None:
        """What a read shows is durable and not older than what anybody knew before (rules 4 and 5)."""
        known = self._ledger.seen.get(player_id, 0)
        outcome = await self.outcome(player_id, "", GetPlayer(), 2)
        if player_id in self._world.excused:
            return
        assert not (known and isinstance(outcome, Rejection)), f"{player_id} has vanished: {outcome}"
        if isinstance(outcome, Answered):
            assert outcome.answer.version >= known, f"a stale read of {player_id}: {outcome.answer.version} < {known}"
            self._ledger.see(player_id, outcome.answer.version)

    async def _ask(self, asked: Asked, tries: int | None = None) -> None:
        if asked.player_id in self._world.excused:
            return
        if asked not in self._mine:
            self._mine.append(asked)
            self._ledger.asked.append(asked)
        known = asked.player_id in self._ledger.seen  # before it was asked: a refusal may have been decided at once
        outcome = await self.outcome(asked.player_id, asked.command_id, asked.body, tries or self._rng.randrange(1, 9))
        if asked.player_id in self._world.excused:
            return
        if isinstance(outcome, Answered):
            self._on_answer(asked, outcome)
        elif isinstance(outcome, Rejection) and not self._forgotten(asked, outcome):
            # A bet that was accepted and rolled back since is refused; anything else that was accepted never is.
            assert asked.answer is None or outcome.code == "rolled_back", (asked, outcome)
            assert outcome.code not in ("idempotency_conflict", "already_processed"), (asked, outcome)
            assert outcome.code != "player_not_found" or not known, (asked, outcome)
            asked.refused = outcome.code

    def _forgotten(self, asked: Asked, outcome: Rejection) -> bool:
        """A player remembers the answers to so many commands; of an older one it knows only that it was accepted."""
        entries = len(self._world.disk.journal.of(asked.player_id))
        return asked.answer is not None and outcome.code == "already_processed" and entries > REMEMBERED_MAX

    def _on_answer(self, asked: Asked, outcome: Answered) -> None:
        if isinstance(asked.body, Spin):
            self._ledger.see(asked.player_id, int(outcome.answer.session_id.rpartition("-")[2]))
        if asked.answer is None:
            asked.answer = outcome.answer
        else:
            assert outcome.replayed, f"applied twice: {asked}"
            assert outcome.answer == asked.answer, f"another answer than the first: {asked} {outcome}"
            self.replays += 1

    async def outcome(self, player_id: str, command_id: str, body: CommandBody | QueryBody, tries: int) -> Any:
        """An answer or a refusal of the rules; None if there is none after that many tries.

        None, too, if the store has lost its tail meanwhile: what was answered before that may be gone.
        """
        cuts = self._world.disk.power_cuts
        for _ in range(tries):
            outcome = await self._gateway.ask(player_id, command_id, body)
            if self._world.disk.power_cuts != cuts:
                return None
            if isinstance(outcome, Answered | Rejection):
                return outcome
            await asyncio.sleep(self._rng.uniform(0.005, 0.1))
        return None

    async def settle(self) -> None:
        """Repeats everything under its old id: what is unknown becomes known, what is known stays as it was."""
        for asked in self._mine:
            await self._ask(asked, tries=CALM_TRIES)
            settled = asked.answer is not None or asked.refused or asked.player_id in self._world.excused
            assert settled, f"no outcome in calm weather: {asked}"

    async def ask_for(self, player_id: str, key: str, body: CommandBody) -> Any:
        """One more command in calm weather: the answer, or None if it was refused."""
        asked = Asked(player_id, f"c{self._number}:{key}-{player_id}", body)
        await self._ask(asked, tries=CALM_TRIES)
        return asked.answer

    async def look(self, player_id: str) -> Any:
        """The player as the platform shows it now."""
        outcome = await self.outcome(player_id, "", GetPlayer(), CALM_TRIES)
        assert outcome.answer.version >= self._ledger.seen.get(player_id, 0), "a version that was shown is lost"
        return outcome
