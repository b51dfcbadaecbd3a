"""The money of one player as the rules' text has it (rules §2, §4, §5): naive, and nothing of the engine's logic.

Grants and packages are kept for ever in the order they were given; ended ones just say so. Amounts are minor units.
"""

from fractions import Fraction
from math import ceil, floor
from typing import Any

from tests.property.offers import CONTRIBUTION, DAY_MS, HOUR_MS, MICRO_EUR_PER_CENT, TIMEOUTS, TYPES, Terms
from tests.property.wallet_records import LIVE, Bet, Grant, Package, Round

ENDED_GRANTS_KEPT = 32


class Refused(Exception):
    """The rules refuse; `args[0]` is the code."""


class Wallet:
    """Wallets, grants, packages and rounds, and what follows from them by itself."""

    def __init__(self, funds_order: str) -> None:
        self.funds_order = funds_order
        self.now = 0
        self.real = self.reserved = self.withdrawn = self.turnover = self.granted = 0
        self.grants: dict[str, Grant] = {}
        self.ended: list[str] = []
        self.packages: dict[str, Package] = {}
        self.rounds: dict[str, Round] = {}

    # --- reading

    def live(self) -> list[Grant]:
        return [grant for grant in self.grants.values() if grant.state in LIVE]

    def initiated(self) -> list[Grant]:
        """Those that wait for the player or an operator: no money yet."""
        return [grant for grant in self.grants.values() if grant.state == "initiated"]

    def named(self, grant_id: str) -> Grant:
        """The grant of that id, which must not have ended."""
        grant = self.grants.get(grant_id)
        ended = grant is None or grant.state not in (*LIVE, "initiated")
        if grant is None or (ended and grant_id not in self.ended[-ENDED_GRANTS_KEPT:]):
            raise Refused("grant_not_found")
        if ended:
            raise Refused("invalid_state")
        return grant

    def open_rounds(self) -> list[Round]:
        return [round_ for round_ in self.rounds.values() if round_.state == "open"]

    def in_wager(self) -> Grant | None:
        return next((grant for grant in self.live() if grant.state == "in_wager"), None)

    def stakeable(self) -> Grant | None:
        """Past its date a grant that waits for its round can't be staked."""
        grant = self.in_wager()
        return grant if grant is not None and self.now < grant.valid_to else None

    def balance(self) -> tuple[int, int, int, int]:
        usable = self.stakeable()
        bonus = sum(grant.balance for grant in self.live())
        return self.real, bonus, usable.balance if usable else 0, self.free()

    def free(self) -> int:
        """Real money that no withdrawal has reserved."""
        return self.real - self.reserved

    def usable_packages(self) -> list[Package]:
        found = self.packages.values()
        return [p for p in found if p.left and not p.expired and not p.frozen and self.now < p.valid_to]

    def spins_left(self, game: str) -> int:
        return sum(p.left for p in self.usable_packages() if p.offer.spins and game in p.offer.spins.games)

    # --- stakes and wins

    def split(self, command_id: str, game: str, amount: int, round_: Round | None) -> Bet:
        """Order of funds, bonus limits and what the stake counts (rules §2.1-2.3, §4)."""
        grant = self.stakeable()
        if grant is None:
            if self.free() < amount:
                raise Refused("insufficient_funds")
            return Bet(command_id, amount, amount)
        terms = grant.terms
        over = terms.max_bet is not None and amount > terms.max_bet
        if over and terms.over_max_bet == "reject":
            raise Refused("bonus_max_bet")
        excluded = game in terms.excluded_games
        money = grant.balance
        if excluded and terms.excluded_policy == "real_only":
            money = 0
        if round_ is not None and any(bet.bonus and bet.grant != grant.id for bet in round_.bets):
            money = 0  # a round never mixes the money of two grants
        if self.free() + money < amount:
            raise Refused("insufficient_funds")
        real_first = (terms.funds_order or self.funds_order) == "real_first"
        bonus = amount - min(self.free(), amount) if real_first else min(money, amount)
        uncounted = excluded or (over and terms.over_max_bet == "not_counted") or amount < (terms.min_bet or 0)
        counted = 0 if uncounted else min(grant.remaining, floor(Fraction(amount * self._percent(terms, game), 100)))
        void = over and terms.over_max_bet == "cancel"
        return Bet(command_id, amount, amount - bonus, bonus, grant.id, counted, void)

    @staticmethod
    def _percent(terms: Terms, game: str) -> int:
        return terms.by_game.get(game, terms.by_type.get(TYPES[game], CONTRIBUTION[game]))

    def take(self, bet: Bet) -> None:
        self.real -= bet.real
        self.turnover += (bet.real + bet.bonus) * MICRO_EUR_PER_CENT
        if bet.grant is not None:
            grant = self.grants[bet.grant]
            grant.balance -= bet.bonus
            grant.remaining -= bet.counted
            grant.voids += bet.void
            grant.stakes += [bet.amount] if bet.counted else []

    def credit(self, round_: Round, win: int, new_grant_id: str) -> None:
        """A win on paid stakes goes back in their proportion (rules §2.4); a free spin's to its winnings (rules §5)."""
        round_.reported += win
        if round_.package is not None:
            self._credit_free_spin(round_, self.packages[round_.package], win, new_grant_id)
            return
        bonus = sum(bet.bonus for bet in round_.bets)
        share = floor(Fraction(win * bonus, round_.stake))
        self.real += win - share
        round_.won_real += win - share
        round_.won_bonus += share
        if share:
            payer = next(bet.grant for bet in round_.bets if bet.bonus)
            assert payer is not None and self.grants[payer].state in LIVE
            self.grants[payer].balance += share

    def _credit_free_spin(self, round_: Round, package: Package, win: int, new_grant_id: str) -> None:
        offer, spins = package.offer, package.offer.spins
        assert spins is not None
        credited = win if spins.max_win is None else min(win, spins.max_win - package.won)
        package.won += credited
        if not spins.multiplier:
            self.real += credited
            round_.won_real += credited
            return
        if not credited:
            return
        grant = self.grants.get(package.grant or "")
        if grant is None or grant.state not in LIVE:
            days = offer.terms.valid_days
            grant = Grant(new_grant_id, offer.terms, offer.valid_to_ms if days is None else self.now + days * DAY_MS)
            grant.package, grant.campaign = package.id, package.campaign
            self.grants[grant.id] = grant
            package.grant = grant.id
        added = ceil(credited * spins.multiplier)
        grant.amount += credited
        grant.balance += credited
        grant.remaining += added
        grant.total += added
        round_.won_bonus, round_.won_grant = round_.won_bonus + credited, grant.id
        round_.wager_added += added

    # --- undoing

    def undo_bets(self, round_: Round) -> None:
        """An open round without results: exactly what its bets did, backwards (rules §2.5)."""
        for bet in round_.bets:
            self.real += bet.real
            self.turnover -= (bet.real + bet.bonus) * MICRO_EUR_PER_CENT
            if bet.grant is not None:
                self._give_back(self.grants[bet.grant], bet)
        if round_.package is not None:
            self.packages[round_.package].left += 1
        round_.state = "cancelled"

    @staticmethod
    def _give_back(grant: Grant, bet: Bet) -> None:
        grant.balance += bet.bonus
        # Never more than is required: winnings rolled back since may have lowered that.
        grant.remaining = min(grant.remaining + bet.counted, grant.total)
        grant.voids -= bet.void
        if bet.counted:
            grant.stakes.remove(bet.amount)

    def undo_one_call(self, round_: Round) -> None:
        """Bet and win of a one-call round together, or `win_already_spent` (rules §3)."""
        [bet] = round_.bets
        used = bet.bonus or bet.counted or bet.void
        grant = self._reversible((bet.grant if used else None) or round_.won_grant, bet)
        real = self.real + bet.real - round_.won_real
        if grant is not None:
            ended = grant.state not in LIVE
            if grant.balance + grant.released + grant.removed + bet.bonus - round_.won_bonus < 0:
                raise Refused("win_already_spent")
            real -= grant.released
        if real < self.reserved:
            raise Refused("win_already_spent")
        self.real = real
        self.turnover -= (bet.real + bet.bonus) * MICRO_EUR_PER_CENT
        if grant is not None:
            if ended:
                self._reopen(grant)
            grant.balance -= round_.won_bonus
            grant.remaining -= min(grant.remaining, round_.wager_added)
            grant.total -= round_.wager_added
            grant.amount -= round_.won_bonus if round_.package else 0
            self._give_back(grant, bet)
        if round_.package is not None and not self.packages[round_.package].expired:
            package = self.packages[round_.package]
            package.left += 1
            package.won -= round_.won_real + round_.won_bonus
        round_.state = "cancelled"

    def _reversible(self, grant_id: str | None, bet: Bet) -> Grant | None:
        """The grant a one-call round touched, if it is live or was ended by play; not what expired or was cancelled.

        If the bet itself made the grant be cancelled, undoing the bet undoes that.
        """
        grant = self.grants.get(grant_id or "")
        if grant is None or grant.state in LIVE:
            return grant
        kept = grant.id in self.ended[-ENDED_GRANTS_KEPT:]
        by_play = grant.state == "completed" or (grant.state == "cancelled" and bet.void)
        return grant if kept and by_play else None

    def _reopen(self, grant: Grant) -> None:
        """Back into the queue at its place; at the head of what is not frozen it is in wager again."""
        self.ended.remove(grant.id)
        grant.balance, grant.released, grant.removed = grant.released + grant.removed, 0, 0
        grant.state = "granted"
        if next(other for other in self.live() if not other.frozen and not other.held) is grant:
            for other in self.live():
                other.state = "granted"
            grant.state = "in_wager"

    # --- withdrawals

    def freeze(self, grants: set[str], packages: set[str]) -> None:
        """These and no others are frozen from now on (rules §9)."""
        for grant in self.live():
            grant.frozen = grant.id in grants
            if grant.frozen:
                grant.state = "granted"
        for package in self.packages.values():
            package.frozen = package.id in packages

    def forfeit(self, grants: tuple[str, ...], packages: tuple[str, ...]) -> None:
        for grant in self.live():
            if grant.id in grants:
                self.end(grant, "cancelled", 0)
        for package_id in packages:
            self.packages[package_id].left, self.packages[package_id].expired = 0, True

    # --- what follows by itself

    def hand_out(self, grant: Grant, package: Package | None) -> None:
        """Its amount is in the bonus wallet, at the end of the queue; its free spins can be used (rules §4)."""
        self.grants.pop(grant.id, None)
        self.grants[grant.id] = grant
        grant.state, grant.balance = "granted", grant.amount
        self.granted += grant.amount
        if package is not None:
            self.packages[package.id] = package

    def settle(self) -> None:
        """Packages and grants end, the head of the queue gets in wager, until nothing follows (rules §4, §5)."""
        for package in self.packages.values():
            if package.left and self.now >= package.valid_to and not self.in_play(package.id):
                package.left, package.expired = 0, True
        for grant in self.initiated():
            if self.now >= grant.valid_to:
                self.end_unfunded(grant, "expired")
        while self._a_turn_follows():
            pass

    def _a_turn_follows(self) -> bool:
        for grant in self.live():
            self._end_if_over(grant)
        waiting = [grant for grant in self.live() if not grant.frozen and not grant.held]
        if not waiting or self.in_wager() is not None:
            return False
        waiting[0].state = "in_wager"
        return True

    def in_play(self, package_id: str | None) -> bool:
        """Whether a round of the package is open."""
        return package_id is not None and any(round_.package == package_id for round_ in self.open_rounds())

    def tied(self, grant: Grant) -> bool:
        """Whether an open round has staked its money, counted for it or voids it."""
        bets = [bet for round_ in self.open_rounds() for bet in round_.bets if bet.grant == grant.id]
        return any(bet.bonus or bet.counted or bet.void for bet in bets)

    def _end_if_over(self, grant: Grant) -> None:
        if grant.held and (grant.remaining or grant.average_ok):
            grant.held = False  # a reversed bet took away what the hold rested on
        if self.tied(grant) or grant.held:
            return
        filling = grant.package is not None and (self.packages[grant.package].left > 0 or self.in_play(grant.package))
        still = filling or grant.frozen
        if grant.path.straight:
            self.complete(grant)
        elif grant.voids:
            self.end(grant, "cancelled", 0)
        elif not grant.remaining and not still and grant.average_ok:
            self.complete(grant)
        elif not grant.remaining and not still and grant.state == "in_wager":
            self._too_low(grant)
        elif self.now >= grant.valid_to:
            self.end(grant, "expired", 0)
        elif not grant.balance and not still:
            self.end(grant, "completed", 0)

    def _too_low(self, grant: Grant) -> None:
        """Wagered, but the mean counted stake is too low (rules §4)."""
        if not grant.balance or grant.path.low_average == "release":
            self.complete(grant)
        elif grant.path.low_average == "cancel":
            self.end(grant, "cancelled", 0)
        else:
            grant.state, grant.held = "granted", True

    def complete(self, grant: Grant) -> None:
        """What is left moves to the real wallet, at most `max_cashout`."""
        cap = grant.terms.max_cashout
        self.end(grant, "completed", grant.balance if cap is None else min(cap, grant.balance))

    def end(self, grant: Grant, state: str, released: int) -> None:
        """`released` of its balance stays the player's, the rest is removed."""
        self.real += released
        grant.released, grant.removed = released, grant.balance - released
        grant.state, grant.balance, grant.held = state, 0, False
        self.ended.append(grant.id)

    def end_unfunded(self, grant: Grant, state: str) -> None:
        """It ends before it was granted: no money moves, and what the budget held for it is free again."""
        grant.never_granted = True
        self.end(grant, state, 0)

    def next_due(self) -> tuple[int, set[str]] | None:
        """When the next thing is over that nothing holds back, and what may be done then."""
        due = [(grant.valid_to, grant.id) for grant in self.initiated()]
        due += [(grant.valid_to, grant.id) for grant in self.live() if not self.tied(grant) and not grant.held]
        due += [(p.valid_to, p.id) for p in self.packages.values() if p.left and not self.in_play(p.id)]
        due += [(times_out(round_), round_.id) for round_ in self.open_rounds() if not round_.flagged]
        if not due:
            return None
        first = min(due)[0]
        return first, {subject for time_ms, subject in due if time_ms == first}


def times_out(round_: Round) -> int:
    """When the round has been open for too long (rules §3)."""
    return round_.opened + TIMEOUTS[round_.game][0] * HOUR_MS


def picture(wallet: Wallet) -> dict[str, Any]:
    """All that must agree with the engine's state."""
    held = [grant for grant in wallet.grants.values() if grant.state in (*LIVE, "initiated")]
    return {
        "real": wallet.real,
        "reserved": wallet.reserved,
        "turnover": wallet.turnover,
        "grants": [
            (g.id, g.state, g.amount, g.balance, g.remaining, g.total, g.valid_to, g.held, sum(g.stakes)) for g in held
        ],
        "packages": [(p.id, p.left, p.won) for p in wallet.packages.values() if p.left],
        "rounds": sorted((r.id, r.stake, r.won_real + r.won_bonus, len(r.result_ids)) for r in wallet.open_rounds()),
    }
