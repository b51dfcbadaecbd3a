"""A player's books: what the player must hold by the rules, from stakes, wins and awards alone.

They never copy a balance from an answer. They know the part of the rules that the load test's players use: one round
at a time with one bet, real money first, stakes that no bonus forbids. Amounts are integers in cents.
"""

import copy
from dataclasses import dataclass, field
from math import ceil

from tests.load.terms import Campaign, FreeSpins, Wager


@dataclass
class Package:
    """Free spins that are left, and what they have paid so far."""

    spins: FreeSpins
    wager: Wager
    left: int
    paid: int = 0


@dataclass
class Bucket:
    """Bonus money with `to_wager` still to stake; `package`: the free spins that won it, if any did."""

    balance: int
    to_wager: int
    wager: Wager
    package: Package | None = None

    @property
    def may_grow(self) -> bool:
        """Whether free spins that are left can still add to it."""
        return self.package is not None and self.package.left > 0


@dataclass
class Round:
    """The open round: its stake, the part that bonus money paid, and from where."""

    stake: int
    bonus: int = 0
    paid_by: Bucket | None = None
    package: Package | None = None


@dataclass
class Books:
    """One player's expected holdings. The first bucket is the one in wager, the others queue behind it."""

    real: int = 0
    buckets: list[Bucket] = field(default_factory=list)
    packages: list[Package] = field(default_factory=list)
    open: Round | None = None

    @property
    def balance(self) -> dict[str, int]:
        """The four numbers of an answer's `balance`."""
        usable = self.buckets[0].balance if self.buckets else 0
        bonus = sum(bucket.balance for bucket in self.buckets)
        return {"real": self.real, "bonus": bonus, "bonus_usable": usable, "withdrawable": self.real}

    @property
    def stakeable(self) -> int:
        """Real money, and that of the bonus in wager."""
        return self.real + self.balance["bonus_usable"]

    @property
    def grants(self) -> list[tuple[int, int]]:
        """(money, wagering that remains) of all bonuses, sorted."""
        return sorted((bucket.balance, bucket.to_wager) for bucket in self.buckets)

    @property
    def spins(self) -> int:
        """Free spins left in all packages."""
        return sum(package.left for package in self.packages)

    def copy(self) -> "Books":
        """The books as they are now, to which a rollback leads back."""
        return copy.deepcopy(self)

    def rolled_back(self, before: "Books") -> "Books":
        """The books once the last round was rolled back, which began with the books `before`.

        Everything is as it was then, save one thing: winnings that the round has opened stay in the queue, empty, for
        as long as their package has spins.
        """
        for opened in self.buckets[len(before.buckets) :]:
            place = next(index for index, package in enumerate(self.packages) if package is opened.package)
            before.buckets.append(Bucket(0, 0, opened.wager, before.packages[place]))
        return before

    def award(self, campaign: Campaign, deposit: int = 0) -> None:
        """Takes an award in: its bonus joins the queue at the end, its free spins can be used at once."""
        bonus = campaign.bonus(deposit)
        if bonus:
            due = campaign.wager.due(bonus, campaign.matched(deposit))
            self.buckets.append(Bucket(bonus, due, campaign.wager))
        if campaign.spins is not None:
            self.packages.append(Package(campaign.spins, campaign.wager, campaign.spins.count))
        self._settle()

    def usable(self, game: str, stake: int) -> Package | None:
        """The package that a free spin uses: of those for game and stake, the one that expires first.

        All awards of a run come within hours of each other, so that fewer days expire first.
        """
        fitting = [
            package
            for package in self.packages
            if package.left and game in package.spins.games and package.spins.stake == stake
        ]
        return min(fitting, key=lambda package: package.spins.days, default=None)

    def bet(self, game: str, stake: int) -> tuple[int, int]:
        """Opens the round; (real, bonus) parts of the stake, real money first."""
        real = min(self.real, stake)
        self.real -= real
        self.open = Round(stake, stake - real)
        if self.buckets:
            first = self.buckets[0]
            if stake > real:
                first.balance -= stake - real
                self.open.paid_by = first
            if stake >= first.wager.bet_min:
                first.to_wager -= min(first.to_wager, stake * first.wager.counts[game] // 100)
        return real, stake - real

    def free_spin(self, package: Package) -> None:
        """Opens a round that takes a free spin and no money."""
        package.left -= 1
        self.open = Round(package.spins.stake, package=package)

    def win(self, amount: int) -> int:
        """Closes the round with a win; what is credited of it."""
        round_, self.open = self.open, None
        assert round_ is not None, "no round is open"
        if round_.package is not None:
            amount = self._won_by_spin(round_.package, amount)
        else:
            back = amount * round_.bonus // round_.stake
            self.real += amount - back
            if round_.paid_by is not None:
                round_.paid_by.balance += back
        self._settle()
        return amount

    def _won_by_spin(self, package: Package, amount: int) -> int:
        if package.spins.win_max is not None:
            amount = min(amount, package.spins.win_max - package.paid)
        package.paid += amount
        if not package.spins.times:
            self.real += amount
        elif amount:
            bucket = self._winnings_of(package)
            bucket.balance += amount
            bucket.to_wager += ceil(amount * package.spins.times)
        return amount

    def _winnings_of(self, package: Package) -> Bucket:
        found = next((bucket for bucket in self.buckets if bucket.package is package), None)
        if found is None:
            found = Bucket(0, 0, package.wager, package)
            self.buckets.append(found)
        return found

    def _settle(self) -> None:
        """Turns wagered bonuses into real money, and drops those that were played down to nothing."""
        for bucket in list(self.buckets):
            if bucket.may_grow or (bucket.to_wager and bucket.balance):
                continue
            if not bucket.to_wager:
                cashout_max = bucket.wager.cashout_max
                self.real += bucket.balance if cashout_max is None else min(bucket.balance, cashout_max)
            self.buckets.remove(bucket)
