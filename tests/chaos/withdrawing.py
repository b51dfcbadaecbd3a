"""The load test's player, who now and then also takes money out."""

from typing import Final

from tests.load.player import Player

WITHDRAWAL_SHARE: Final = 0.05


class WithdrawingPlayer(Player):
    """Withdraws only without bonuses and free spins: the books don't know which of them a withdrawal leaves alone."""

    def step(self) -> None:
        """A withdrawal, or what any player does."""
        books = self.books
        if books.real and not books.buckets and not books.spins and self._luck.random() < WITHDRAWAL_SHARE:
            self.withdraw()
        else:
            super().step()

    def withdraw(self) -> None:
        """A part of the money is reserved, then paid out or given back."""
        amount = self._luck.randrange(1, self.books.real + 1)
        answer = self._ask(self._cashier("withdrawal", "withdrawals", {"amount": amount}))
        self._expect("reserved", ("reserved", amount), (answer["state"], answer["amount"]))
        way = self._luck.choice(("confirm", "cancel"))
        answer = self._ask(self._cashier(way, f"withdrawals/{answer['withdrawal_id']}/{way}", None))
        if way == "confirm":
            self.books.real -= amount
        self._check(f"a withdrawal ({way})", answer)
        self._tally.count("withdrawals")
