"""The demo's own books: what every player must hold, from stakes, wins and grants alone.

The books are an independent second opinion: they share no code with the rules, never copy a balance from an answer, and
know the shipped welcome campaign by its printed terms. Amounts are integers in cents.
"""

import copy
from dataclasses import dataclass, field

WELCOME_MAX = 10_000
WELCOME_DEPOSIT_MIN = 1_000
WELCOME_WAGER_TIMES = 35
FREE_SPINS = 20
FREE_SPIN_STAKE = 10
FREE_SPIN_GAME = "book-of-dunes"
FREE_SPINS_WIN_MAX = 5_000
FREE_SPINS_WAGER_TIMES = 20
CASHOUT_MAX = 50_000
WAGER_BET_MIN = 10
BONUS_BET_MAX = 500
COUNTS_PERCENT = {
    "book-of-dunes": 100,
    "neon-orchard": 100,
    "nine-lanterns": 50,
    "european-roulette": 10,
    "classic-blackjack": 10,
}
"""How much of a stake counts for wagering by the campaign's terms: slots all, nine-lanterns half, tables a tenth."""
BET_MIN = dict.fromkeys(COUNTS_PERCENT, 10) | {
    "neon-orchard": 20,
    "european-roulette": 50,
    "classic-blackjack": 100,
}


@dataclass
class GamePlay:
    """What was played for money on one game, in rounds that ended: a round that was undone is not there."""

    rounds: int = 0
    stakes: int = 0
    wins: int = 0


@dataclass
class Movements:
    """All that has moved one player's money since the beginning, less what was undone."""

    deposits: int = 0
    staked: int = 0
    won: int = 0
    bonus_staked: int = 0
    bonus_won: int = 0
    """On bonus funds; what free spins won is a part of it."""
    granted: int = 0
    released: int = 0
    removed: int = 0
    """Bonus money above the most that a bonus pays out."""
    completed: int = 0
    """Welcome bonuses that paid out money."""
    counted: int = 0
    """Stakes that counted for wagering."""
    to_wager: int = 0
    """What all bonuses have asked to be wagered."""
    spins_used: int = 0
    spins_released: int = 0
    """The part of `released` that free spins had won."""
    games: dict[str, GamePlay] = field(default_factory=dict)


@dataclass
class Bucket:
    """Bonus money with `to_wager` still to stake; `of_spins`: won by free spins."""

    balance: int
    to_wager: int
    of_spins: bool = False


@dataclass
class Round:
    """The open round: what it has taken so far, and from where."""

    game: str = FREE_SPIN_GAME
    total: int = 0
    bonus: int = 0
    paid_by: Bucket | None = None
    free: bool = False


@dataclass
class Account:
    """One player's expected holdings."""

    real: int = 0
    buckets: list[Bucket] = field(default_factory=list)
    spins: int = 0
    spins_won: int = 0
    deposits: int = 0
    open: Round | None = None
    moved: Movements = field(default_factory=Movements)

    @property
    def bonus(self) -> int:
        """Money in all buckets."""
        return sum(bucket.balance for bucket in self.buckets)

    @property
    def stakeable(self) -> int:
        """Real money and the first bucket: the others queue behind it."""
        return self.real + (self.buckets[0].balance if self.buckets else 0)

    def copy(self) -> "Account":
        """A copy of the account as it is now, which a rollback or cancel must restore exactly."""
        return copy.deepcopy(self)

    def deposit(self, amount: int) -> None:
        """Adds a deposit. The first one of at least 10.00 is doubled, up to 100.00, and brings the free spins."""
        self.real += amount
        self.deposits += 1
        self.moved.deposits += amount
        if self.deposits == 1 and amount >= WELCOME_DEPOSIT_MIN:
            bonus = min(amount, WELCOME_MAX)
            self.buckets.append(Bucket(bonus, bonus * WELCOME_WAGER_TIMES))
            self.spins += FREE_SPINS
            self.moved.granted += bonus
            self.moved.to_wager += bonus * WELCOME_WAGER_TIMES

    def bet(self, game: str, amount: int) -> tuple[int, int]:
        """Opens the round, or adds to it: real money first. Answers the round's (real, bonus) stakes so far."""
        round_ = self.open = self.open or Round(game)
        real = min(self.real, amount)
        self.real -= real
        self.moved.staked += real
        self.moved.bonus_staked += amount - real
        round_.total += amount
        if self.buckets:
            first = self.buckets[0]
            if amount - real:
                first.balance -= amount - real
                round_.bonus += amount - real
                round_.paid_by = first
            if amount >= WAGER_BET_MIN:
                counted = min(first.to_wager, amount * COUNTS_PERCENT[game] // 100)
                first.to_wager -= counted
                self.moved.counted += counted
        return round_.total - round_.bonus, round_.bonus

    def free_spin(self) -> None:
        """Opens a round that takes a free spin and no money."""
        self.spins -= 1
        self.moved.spins_used += 1
        self.open = Round(free=True)

    def win(self, amount: int) -> int:
        """Closes the round with a win; answers what is credited."""
        round_, self.open = self.open, None
        assert round_ is not None
        if round_.free:
            amount = self._win_of_spin(amount)
        else:
            self._win_of_money(round_, amount)
        self._settle()
        return amount

    def _win_of_money(self, round_: Round, amount: int) -> None:
        back = amount * round_.bonus // round_.total
        self.real += amount - back
        if round_.paid_by is not None:
            round_.paid_by.balance += back
        self.moved.won += amount - back
        self.moved.bonus_won += back
        play = self.moved.games.setdefault(round_.game, GamePlay())
        play.rounds += 1
        play.stakes += round_.total
        play.wins += amount

    def _win_of_spin(self, amount: int) -> int:
        amount = min(amount, FREE_SPINS_WIN_MAX - self.spins_won)
        self.spins_won += amount
        if amount:
            won = next((bucket for bucket in self.buckets if bucket.of_spins), None)
            if won is None:
                won = Bucket(0, 0, of_spins=True)
                self.buckets.append(won)
            won.balance += amount
            won.to_wager += amount * FREE_SPINS_WAGER_TIMES
            self.moved.bonus_won += amount
            self.moved.to_wager += amount * FREE_SPINS_WAGER_TIMES
        return amount

    def _settle(self) -> None:
        """Turns wagered buckets into real money, drops empty ones.

        Free spin winnings wait for the last free spin.
        """
        for bucket in list(self.buckets):
            if bucket.of_spins and self.spins:
                continue
            if not bucket.to_wager:
                self._release(bucket)
            if not bucket.to_wager or not bucket.balance:
                self.buckets.remove(bucket)

    def _release(self, bucket: Bucket) -> None:
        """A bonus that is wagered becomes real money, up to the most that it pays out."""
        paid = min(bucket.balance, CASHOUT_MAX)
        self.real += paid
        self.moved.released += paid
        self.moved.removed += bucket.balance - paid
        if bucket.of_spins:
            self.moved.spins_released += paid
        elif paid:
            self.moved.completed += 1
