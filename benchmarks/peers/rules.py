"""The rules that P1, P2 and P3 share, as plain Python: what P3 runs, and what tests compare P1's Lua and P2's SQL with.

They are the part of Croupier's rules that a spin of the benchmark meets: real money is staked before bonus money, a
win is shared by what paid for it, each bet takes its contribution off what remains to be wagered, and wagering that
is done turns the bonus into real money. Loyalty, campaigns, limits and rollbacks are left out. Amounts are minor units.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from benchmarks.peers.documents import Mode

WAGER_BET_MIN: Final = 10
WAGER_BET_MAX: Final = 500
CASHOUT_MAX: Final = 50_000
FREE_SPIN_GAME: Final = "book-of-dunes"
FREE_SPIN_BET: Final = 10
FREE_SPIN_MULTIPLIER: Final = 20
"""What a free spin wins has to be wagered so many times."""

DEPOSIT: Final = 10_000
BONUS: Final = 10_000
BONUS_MULTIPLIER: Final = 35
FREE_SPINS: Final = 20


class Game(NamedTuple):
    """Limits of a stake, and the percentage of it that counts for wagering."""

    bet_min: int
    bet_max: int
    contribution: int


GAMES: Final = {
    "book-of-dunes": Game(10, 10_000, 100),
    "nine-lanterns": Game(10, 5_000, 50),
    "european-roulette": Game(50, 100_000, 10),
    "vault-exclusive": Game(10, 100_000, 0),
}


class Spin(NamedTuple):
    """One call: bet and win in one step. `command` is client and idempotency key."""

    player_id: str
    command: str
    game_id: str
    mode: Mode
    bet: int
    win: int

    @property
    def content(self) -> str:
        """What must be the same when the command is repeated."""
        return f"{self.game_id}|{self.mode}|{self.bet}|{self.win}"


class Played(NamedTuple):
    """The account after a spin: `number` counts the player's spins, `remaining` is still to be wagered."""

    replayed: bool
    number: int
    real: int
    bonus: int
    remaining: int
    free_spins: int


Outcome = Played | str
"""What was played, or the code of the refusal."""


class Totals(NamedTuple):
    """All players together, and how many spins are on record."""

    real: int
    bonus: int
    wagering: int
    spins: int


@dataclass(slots=True)
class Account:
    """What a player has. A bonus is usable while something remains to be wagered."""

    real: int = 0
    bonus: int = 0
    remaining: int = 0
    free_spins: int = 0
    number: int = 0

    def play(self, spin: Spin) -> Outcome:
        """Applies a spin that was not applied before; a refusal changes nothing."""
        refusal = self._free_spin(spin) if spin.mode == "freespin" else self._real(spin)
        if refusal:
            return refusal
        self.number += 1
        return Played(False, self.number, self.real, self.bonus, self.remaining, self.free_spins)

    def _free_spin(self, spin: Spin) -> str:
        if self.free_spins == 0:
            return "no_free_spins"
        if spin.game_id != FREE_SPIN_GAME:
            return "free_spin_game_mismatch"
        if spin.bet != FREE_SPIN_BET:
            return "free_spin_bet_mismatch"
        self.free_spins -= 1
        self.bonus += spin.win
        self.remaining += FREE_SPIN_MULTIPLIER * spin.win
        return ""

    def _real(self, spin: Spin) -> str:
        wagering = self.remaining > 0
        if wagering and spin.bet > WAGER_BET_MAX:
            return "bonus_max_bet"
        if spin.bet > self.real + (self.bonus if wagering else 0):
            return "insufficient_funds"
        from_real = min(self.real, spin.bet)
        from_bonus = spin.bet - from_real
        to_bonus = spin.win * from_bonus // spin.bet
        self.real += spin.win - to_bonus - from_real
        self.bonus += to_bonus - from_bonus
        if wagering:
            self._wager(spin)
        return ""

    def _wager(self, spin: Spin) -> None:
        if spin.bet >= WAGER_BET_MIN:
            self.remaining -= min(self.remaining, spin.bet * GAMES[spin.game_id].contribution // 100)
        if self.remaining == 0 or (self.bonus == 0 and self.free_spins == 0):
            self.real += min(self.bonus, CASHOUT_MAX)
            self.bonus = self.remaining = 0


def seeded(number: int) -> Account:
    """Player `number` before the run: a deposit, and a welcome bonus with free spins for every third."""
    if number % 3:
        return Account(real=DEPOSIT)
    return Account(DEPOSIT, BONUS, BONUS * BONUS_MULTIPLIER, FREE_SPINS)


def unplayable(spin: Spin) -> str:
    """The code of what is wrong with a spin whoever plays it; "" if nothing is."""
    game = GAMES.get(spin.game_id)
    if game is None:
        return "unknown_game"
    if spin.bet < game.bet_min:
        return "bet_below_min"
    return "bet_above_max" if spin.bet > game.bet_max else ""
