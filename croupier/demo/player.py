"""One player of the demo and the game server behind it: they play rounds, keep the books, and note all differences."""

import asyncio
import random
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import msgspec

from croupier.demo.client import Client, Request, Signer
from croupier.demo.ledger import BET_MIN, BONUS_BET_MAX, COUNTS_PERCENT, FREE_SPIN_GAME, FREE_SPIN_STAKE, Account

FREE_SPIN_SHARE = 0.2
TWO_CALL_SHARE = 0.4
ADD_BET_SHARE = 0.1
UNDOUBLE_SHARE = 0.2
"""The share of further bets that are rolled back."""
CANCEL_SHARE = 0.03
ROLLBACK_SHARE = 0.01
TOMBSTONE_SHARE = 0.005
REPEAT_SHARE = 0.03
KEPT_MAX = 100
"""How many of each player's acknowledged commands the demo keeps; the server remembers the last 128."""
STALE_MAX, STALE_PAUSE_S = 60, 0.25
"""How often the demo asks again, and after which pause, when a read is answered from a snapshot."""
WINS = (0, 0, 0, 0, 0, 1, 1, 2, 3, 7)
"""What a round wins, in stakes, all equally likely. The mean is 140 %: some players wager a bonus to its end."""

Document = dict[str, Any]


class Unexpected(Exception):
    """An answer the rules don't allow; the player stops."""


@dataclass
class Tally:
    """What all players did together."""

    spins: int = 0
    free_spins: int = 0
    replays: int = 0
    rollbacks: int = 0
    cancels: int = 0
    tombstones: int = 0
    lost: int = 0
    doubled: int = 0
    killed_at: float | None = None
    answered_since: dict[str, float] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


@dataclass
class Kept:
    """An acknowledged command. `rolled_back`: the bet has been undone, so repeating it is refused."""

    request: Request
    answer: Document
    rolled_back: bool = False


class DemoPlayer:
    """One account. It has at most one request under way."""

    def __init__(self, player_id: str, seed: str, game_server: Signer, platform: Signer, tally: Tally) -> None:
        self.player_id, self._tally = player_id, tally
        self._game_server, self._platform = game_server, platform
        self._luck = random.Random(seed)
        self._stake = self._luck.choice((20, 50, 100, 200, 500))
        self._account = Account()
        self._kept: deque[Kept] = deque(maxlen=KEPT_MAX)
        self._sessions: list[str] = []
        self._keys = 0

    @property
    def account(self) -> Account:
        """The player's books."""
        return self._account

    # --- asking

    def _request(self, signer: Signer, method: str, target: str, body: Document | None = None) -> Request:
        self._keys += 1
        encoded = b"" if body is None else msgspec.json.encode(body)
        return Request(signer, method, target, f"{self.player_id}-{self._keys}", encoded)

    async def _ask(self, client: Client, request: Request) -> Document:
        """The answer of an accepted command.

        Now and then it is asked for twice, like a game server that is not sure does.
        """
        sent_at = time.perf_counter()
        status, answer = await client.ask(request, timed=request.target.startswith("/spin?"))
        tally = self._tally
        if tally.killed_at is not None and sent_at >= tally.killed_at:
            tally.answered_since.setdefault(self.player_id, time.perf_counter() - tally.killed_at)
        if status not in (200, 201):
            raise Unexpected(f"{request.method} {request.target} was answered {status} {answer.get('code')}")
        tally.replays += answer["replayed"]
        self._kept.append(Kept(request, answer))
        if self._luck.random() < REPEAT_SHARE:
            await self._repeat(client, self._kept[-1])
        return answer

    async def _repeat(self, client: Client, kept: Kept) -> None:
        """Sends the same key again and expects the first answer, or `rolled_back`."""
        status, answer = await client.ask(kept.request)
        if kept.rolled_back:
            self._expect(kept.request.target, "rolled_back", answer.get("code"))
            return
        if status == 200 and answer.get("replayed") is not True:
            self._tally.lost += 1
        self._tally.replays += answer.get("replayed") is True
        self._expect(f"{kept.request.target} repeated", (200, kept.answer | {"replayed": True}), (status, answer))

    def _expect(self, what: str, expected: object, got: object) -> None:
        if expected != got:
            self._tally.differences.append(f"{self.player_id}: {what}: expected {expected}, got {got}")

    # --- playing

    async def arrive(self, client: Client) -> None:
        """Registers and deposits: 10.00 to 60.00, with the welcome bonus."""
        target = f"/players/{self.player_id}"
        await self._ask(client, self._request(self._platform, "PUT", target, {"currency": "EUR", "country": "SE"}))
        await self._deposit(client, self._luck.randrange(1_000, 6_001))

    async def _deposit(self, client: Client, amount: int) -> None:
        target = f"/players/{self.player_id}/deposits"
        answer = await self._ask(client, self._request(self._platform, "POST", target, {"amount": amount}))
        spins, bonus = self._account.spins, self._account.bonus
        self._account.deposit(amount)
        granted = [(award["amount"], award["free_spins"]) for award in answer["granted"]]
        first = self._account.deposits == 1
        self._expect("granted", [(self._account.bonus - bonus, self._account.spins - spins)] if first else [], granted)

    async def spin(self, client: Client) -> None:
        """One spin with all that belongs to it: its result or cancel, sometimes a rollback or a further bet."""
        luck, account = self._luck, self._account
        if luck.random() < TOMBSTONE_SHARE:
            await self._tombstone(client)
        free = account.spins > 0 and luck.random() < FREE_SPIN_SHARE
        game = FREE_SPIN_GAME if free else luck.choice(list(COUNTS_PERCENT))
        stake = FREE_SPIN_STAKE if free else max(self._stake, BET_MIN[game])
        if not free and account.stakeable < stake:
            await self._deposit(client, luck.randrange(2_000, 4_000))
        before = account.copy()
        win = luck.choice(WINS) * stake
        win += luck.randrange(10) if win else 0  # odd cents, so that shares must be rounded
        if luck.random() < TWO_CALL_SHARE:
            await self._two_calls(client, game, stake, free, win, before)
        else:
            await self._one_call(client, game, stake, free, win, before)
        self._tally.spins += 1
        self._tally.free_spins += free

    async def _start(self, client: Client, game: str, stake: int, free: bool, more: str) -> Document:
        target = f"/spin?player_id={self.player_id}&game_id={game}"
        target += f"&mode=freespin{more}" if free else f"&mode=real&bet={stake}{more}"
        answer = await self._ask(client, self._request(self._game_server, "POST", target))
        self._sessions.append(answer["session_id"])
        if free:
            self._account.free_spin()
            expected = (0, 0)
        else:
            expected = self._account.bet(game, stake)
        self._expect("stake of spin", (stake, *expected), (answer["bet_amount"], *answer["funds"].values()))
        return answer

    async def _one_call(self, client: Client, game: str, stake: int, free: bool, win: int, before: Account) -> None:
        answer = await self._start(client, game, stake, free, f"&win={win}")
        self._expect("win of spin", ("closed", self._account.win(win)), (answer["state"], answer["win_amount"]))
        if self._luck.random() >= ROLLBACK_SHARE:
            return
        await self._roll_back(client, next(kept for kept in reversed(self._kept) if kept.answer is answer))
        self._account = before

    async def _two_calls(self, client: Client, game: str, stake: int, free: bool, win: int, before: Account) -> None:
        session = f"/spin/{(await self._start(client, game, stake, free, ''))['session_id']}"
        if self._luck.random() < CANCEL_SHARE:
            answer = await self._step(client, f"{session}/cancel")
            self._expect("cancel", "cancelled", answer["state"])
            self._account = before
            self._tally.cancels += 1
            return
        # The bonus' max_bet looks at all stakes of the round together.
        more = self._luck.random() < ADD_BET_SHARE and self._account.stakeable >= stake and 2 * stake <= BONUS_BET_MAX
        if more and not free:
            await self._double(client, session, game, stake)
        answer = await self._step(client, f"{session}/result", win=win)
        self._expect("win", ("closed", self._account.win(win)), (answer["state"], answer["win_amount"]))

    async def _double(self, client: Client, session: str, game: str, stake: int) -> None:
        """Adds a further bet. Now and then it is rolled back alone, and the round goes on with the first."""
        before = self._account.copy()
        answer = await self._step(client, f"{session}/bet", amount=stake)
        self._expect("further bet", self._account.bet(game, stake), tuple(answer["funds"].values()))
        if self._luck.random() >= UNDOUBLE_SHARE:
            return
        await self._roll_back(client, next(kept for kept in reversed(self._kept) if kept.answer is answer))
        self._account = before

    async def _roll_back(self, client: Client, kept: Kept) -> None:
        undo = {"player_id": self.player_id, "transaction_id": kept.request.key}
        undone = await self._ask(client, self._request(self._game_server, "POST", "/spin/rollback", undo))
        self._expect("rollback", "rolled_back", undone["status"])
        kept.rolled_back = True
        self._tally.rollbacks += 1

    async def _step(self, client: Client, target: str, **fields: int) -> Document:
        body: Document = {"player_id": self.player_id, **fields}
        return await self._ask(client, self._request(self._game_server, "POST", target, body))

    async def _tombstone(self, client: Client) -> None:
        """Sends a rollback before its bet: the bet must be refused when it comes."""
        late = self._request(
            self._game_server, "POST", f"/spin?player_id={self.player_id}&game_id=nine-lanterns&mode=real&bet=20"
        )
        undo = {"player_id": self.player_id, "transaction_id": late.key}
        undone = await self._ask(client, self._request(self._game_server, "POST", "/spin/rollback", undo))
        self._expect("rollback of no bet", "tombstoned", undone["status"])
        status, refused = await client.ask(late)
        self._expect("bet after its rollback", (409, "rolled_back"), (status, refused.get("code")))
        self._tally.tombstones += 1

    # --- the day of reckoning

    async def reconcile(self, client: Client, repeats: int) -> None:
        """Compares wallets, bonuses, free spins and rounds with the books, and repeats some old keys."""
        view = await self._view(client, self._platform, "")
        account, balance = self._account, view["balance"]
        self._expect("real money", account.real, balance["real"])
        self._expect("bonus money", account.bonus, balance["bonus"])
        grants = sorted((grant["balance"], grant["remaining_wager"]) for grant in view["grants"])
        self._expect("grants", sorted((bucket.balance, bucket.to_wager) for bucket in account.buckets), grants)
        spins = sum(package["free_spins_remaining"] for package in view["free_spins"])
        self._expect("free spins", account.spins, spins)
        await self._reconcile_rounds(client)
        for kept in self._luck.sample(list(self._kept), min(repeats, len(self._kept))):
            await self._repeat(client, kept)

    async def _reconcile_rounds(self, client: Client) -> None:
        """Compares the rounds that the server remembers with the last acknowledged ones: none may be missing or too
        many.
        """
        view = await self._view(client, self._game_server, "/rounds?limit=128")
        there = {round_["session_id"] for round_ in view["rounds"]}
        played = self._sessions[len(self._sessions) - len(there) :] if there else []
        lost, doubled = set(played) - there, there - set(self._sessions)
        self._tally.lost += len(lost)
        self._tally.doubled += len(doubled)
        self._expect("rounds", (set(), set()), (lost, doubled))

    async def _view(self, client: Client, signer: Signer, rest: str) -> Document:
        """Asks until the answer is fresh: while a shard is taken over, it may be of the player's last snapshot."""
        request = Request(signer, "GET", f"/players/{self.player_id}{rest}")
        status, view = await client.ask(request)
        for _ in range(STALE_MAX):
            if not view.get("stale"):
                break
            await asyncio.sleep(STALE_PAUSE_S)
            status, view = await client.ask(request)
        if status != 200:
            raise Unexpected(f"GET /players/{self.player_id}{rest} was answered {status} {view.get('code')}")
        return view
