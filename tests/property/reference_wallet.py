"""The money of one player as the rules' text has it (rules §2, §4, §5), computed anew from all that was accepted.

Each command writes lines into a book. Every balance, wagering and counter is the sum of the lines that stand, and what
is undone is struck out as if it had never been. Grants, packages and rounds are kept for ever; ended ones just say so.
"""

from fractions import Fraction
from math import ceil, floor
from typing import Any

from tests.property.naive_loyalty import FACTORS
from tests.property.offers import CONTRIBUTION, DAY_MS, HOUR_MS, MICRO_EUR_PER_CENT, TIMEOUTS, TYPES, Terms
from tests.property.wallet_records import LIVE, Bet, Book, Grant, Package, Round, Win

ENDED_GRANTS_KEPT = 32


class Refused(Exception):
    """The rules refuse, with a code; `for_operator` is the round and the amount that an operator must look at."""

    def __init__(self, code: str, *for_operator: Any) -> None:
        super().__init__(code)
        self.code, self.for_operator = code, for_operator


class Wallet:
    """Wallets, grants, packages and rounds, and what follows from them by itself."""

    def __init__(self, funds_order: str) -> None:
        self.funds_order = funds_order
        self.now = 0
        self.book = Book()
        self.reserved = self.withdrawn = self.granted = 0
        self.grants: dict[str, Grant] = {}
        self.ended: list[str] = []
        self.packages: dict[str, Package] = {}
        self.rounds: dict[str, Round] = {}

    # --- reading

    @property
    def real(self) -> int:
        """All of the player's own money: what ended grants have released is part of it."""
        released = sum(grant.released for grant in self.grants.values())
        return self.book.total("player", "money") + released - self.withdrawn

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
        terms, others = grant.terms, [] if round_ is None else round_.bets
        together = amount if terms.max_bet_counts == "stake" else amount + sum(bet.amount for bet in others)
        over = terms.max_bet is not None and together > terms.max_bet
        if over and terms.over_max_bet == "reject":
            raise Refused("bonus_max_bet")
        excluded = game in terms.excluded_games
        two_grants = any(bet.bonus and bet.grant != grant.id for bet in others)
        money = 0 if two_grants or (excluded and terms.excluded_policy == "real_only") else grant.balance
        if self.free() + money < amount:
            raise Refused("insufficient_funds")
        real_first = (terms.funds_order or self.funds_order) == "real_first"
        bonus = amount - min(self.free(), amount) if real_first else min(money, amount)
        uncounted = excluded or (over and terms.over_max_bet == "not_counted") or amount < (terms.min_bet or 0)
        counted = 0 if uncounted else min(grant.remaining, floor(Fraction(amount * self._percent(terms, game), 100)))
        void = over and terms.over_max_bet == "cancel"
        touched = grant.id if bonus or counted or void else None
        return Bet(command_id, amount, amount - bonus, bonus, touched, counted, void)

    @staticmethod
    def _percent(terms: Terms, game: str) -> int:
        return terms.by_game.get(game, terms.by_type.get(TYPES[game], CONTRIBUTION[game]))

    def take(self, bet: Bet, session: str, game_type: str) -> None:
        """Writes down all that a stake does; a free spin takes no money and counts for nothing."""
        self.book.enter("player", "money", -bet.real, bet)
        self.play(bet, bet.real + bet.bonus, game_type)
        if bet.grant is not None:
            self.book.enter(bet.grant, "money", -bet.bonus, bet)
            self.book.enter(bet.grant, "counted", bet.counted, bet)
            self.book.enter(bet.grant, "counted stake", bet.amount if bet.counted else 0, bet, session)
            self.book.enter(bet.grant, "void", int(bet.void), bet)

    def play(self, bet: Bet, stake: int, game_type: str) -> None:
        """Turnover in micro-EUR and points in micro-points, of a bet here or of another vertical (rules §8)."""
        turnover = stake * MICRO_EUR_PER_CENT
        self.book.enter("player", "turnover", turnover, bet)
        self.book.enter("player", "points", floor(turnover * FACTORS[game_type]), bet)

    def credit(self, round_: Round, win: Win, new_grant_id: str) -> None:
        """A win on paid stakes goes back in their proportion (rules §2.4); a free spin's to its winnings (rules §5).

        Of all that was won so far the grant that paid gets its share, and no result takes back what another paid.
        """
        bet = round_.bets[0] if round_.one_call else None
        if round_.package is not None:
            round_.wins.append(self._free_spin_win(self.packages[round_.package], win, bet, new_grant_id))
            return
        staked, had = sum(bet.bonus for bet in round_.bets), sum(before.bonus for before in round_.wins)
        due = floor((round_.won + win.reported) * Fraction(staked, round_.stake))
        share = sorted((0, due - had, win.reported))[1]
        self.book.enter("player", "money", win.reported - share, bet)
        payer = next(bet.grant for bet in round_.bets if bet.bonus) if share else None
        if payer is not None:
            assert self.grants[payer].state in LIVE
            self.book.enter(payer, "money", share, bet)
        round_.wins.append(win._replace(real=win.reported - share, bonus=share, grant=payer))

    def _free_spin_win(self, package: Package, win: Win, bet: Bet | None, new_grant_id: str) -> Win:
        cap, multiplier = package.spins.max_win, package.spins.multiplier
        credited = win.reported if cap is None else min(win.reported, cap - package.won)
        self.book.enter(package.id, "won", credited, bet)
        if not multiplier:
            self.book.enter("player", "money", credited, bet)
            return win._replace(real=credited)
        if not credited:
            return win
        grant = self._winnings(package, new_grant_id)
        self.book.enter(grant.id, "money", credited, bet)
        self.book.enter(grant.id, "winnings", credited, bet)
        self.book.enter(grant.id, "winnings' wager", ceil(credited * multiplier), bet)
        return win._replace(bonus=credited, grant=grant.id)

    def _winnings(self, package: Package, new_grant_id: str) -> Grant:
        """The grant that takes what the package wins; a new one if there is none that lives."""
        grant = self.grants.get(package.grant or "")
        if grant is None or grant.state not in LIVE:
            terms, ends = package.offer.terms, package.offer.valid_to_ms
            if terms.valid_days is not None:
                ends = self.now + terms.valid_days * DAY_MS
            grant = Grant(new_grant_id, terms, ends, self.book, package=package.id, campaign=package.campaign)
            self.grants[grant.id] = grant
            package.grant = grant.id
        return grant

    # --- undoing

    def undo_bet(self, round_: Round, bet: Bet) -> None:
        """A bet of an open round that no result was for never was; without bets the round is cancelled (rules §3)."""
        self.book.strike(bet)
        round_.bets.remove(bet)
        round_.undone.append(bet)
        if not round_.bets:
            round_.state = "cancelled"

    def cancel(self, round_: Round) -> None:
        """No bet of the open round ever was. They are not rolled back: their ids stay what they were."""
        for bet in round_.bets:
            self.book.strike(bet)
        round_.state = "cancelled"

    def undo_one_call(self, round_: Round) -> None:
        """Neither bet nor win ever was, or `win_already_spent` (rules §2.5, §3)."""
        [bet], [win] = round_.bets, round_.wins
        grant = self.grants.get(bet.grant or win.grant or "")
        fate = "live" if grant is None else self._fate(grant, bet)
        struck = self.book.strike(bet, spared=grant.id if grant is not None and fate == "gone" else None)
        given_back = grant.released if grant is not None and fate == "reopens" else 0
        if self.real - given_back < self.reserved or (grant is not None and grant.money < 0):
            self.book.restore(struck)
            raise Refused("win_already_spent", round_.id, win.real + win.bonus)
        if grant is not None and fate == "reopens":
            self._reopen(grant)
        round_.state = "cancelled"

    def _fate(self, grant: Grant, bet: Bet) -> str:
        """What the reversal of a bet means to its grant.

        One that ended by play, or by this very bet, is reopened while its `valid_to` lies ahead. After that one that
        completed stays so, and has released so much more or less. One that another bet cancelled comes back with that
        bet's reversal, if at all. What expired or was cancelled otherwise is gone.
        """
        if grant.state in LIVE:
            return "live"
        if grant.id in self.ended[-ENDED_GRANTS_KEPT:]:
            by_play = grant.state == "completed" or (grant.state == "cancelled" and bet.void)
            if by_play and self.now < grant.valid_to:
                return "reopens"
            returns = grant.state == "cancelled" and grant.voids and self.now < grant.valid_to
            if returns or (grant.state == "completed" and grant.pays):
                return "corrected"
        return "gone"

    def _reopen(self, grant: Grant) -> None:
        self.ended.remove(grant.id)
        grant.pays = False
        self._requeue(grant)

    def _requeue(self, grant: Grant) -> None:
        """Back into the queue at its place; at the head of what is not frozen it is in wager again."""
        grant.state = "granted"
        if next((other for other in self.live() if not other.frozen and not other.held), None) is grant:
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

    def give_the_turn_back(self) -> None:
        """What is not frozen any more goes before a younger grant that came in wager meanwhile (rules §9)."""
        head = next((grant for grant in self.live() if not grant.frozen and not grant.held), None)
        if head is not None and self.in_wager() is not None:
            self._requeue(head)

    def forfeit(self, grants: tuple[str, ...], packages: tuple[str, ...]) -> None:
        for grant in self.live():
            if grant.id in grants:
                self.end(grant, "cancelled")
        for package_id in packages:
            self.packages[package_id].expired = True

    # --- what follows by itself

    def hand_out(self, grant: Grant, package: Package | None) -> None:
        """Its amount is in the bonus wallet, at the end of the queue; its free spins can be used (rules §4)."""
        self.grants.pop(grant.id, None)
        self.grants[grant.id] = grant
        grant.state = "granted"
        self.book.enter(grant.id, "money", grant.offered)
        self.granted += grant.offered
        if package is not None:
            self.packages[package.id] = package

    def settle(self) -> None:
        """Packages and grants end, the head of the queue gets in wager, until nothing follows (rules §4, §5)."""
        for package in self.packages.values():
            if package.left and self.now >= package.valid_to and not self.in_play(package.id):
                package.expired = True
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
        return any(bet.grant == grant.id for round_ in self.open_rounds() for bet in round_.bets)

    def _end_if_over(self, grant: Grant) -> None:
        if grant.held and (grant.remaining or grant.average_ok):
            grant.held = False  # a reversed bet took away what the hold rested on
            self._requeue(grant)
        if self.tied(grant) or grant.held:
            return
        filling = grant.package is not None and (self.packages[grant.package].left > 0 or self.in_play(grant.package))
        still = filling or grant.frozen
        if grant.path.straight:
            self.end(grant, "completed", pays=True)
        elif grant.voids:
            self.end(grant, "cancelled")
        elif not grant.remaining and not still and grant.average_ok:
            self.end(grant, "completed", pays=True)
        elif not grant.remaining and not still and grant.state == "in_wager":
            self._too_low(grant)
        elif self.now >= grant.valid_to:
            self.end(grant, "expired")
        elif not grant.balance and not still:
            self.end(grant, "completed", pays=not grant.remaining)

    def _too_low(self, grant: Grant) -> None:
        """Wagered, but the mean counted stake is too low (rules §4)."""
        if not grant.balance or grant.path.low_average == "release":
            self.end(grant, "completed", pays=True)
        elif grant.path.low_average == "cancel":
            self.end(grant, "cancelled")
        else:
            grant.state, grant.held = "granted", True

    def end(self, grant: Grant, state: str, pays: bool = False) -> None:
        """What is left is removed, or if it `pays` moves to the real wallet."""
        grant.state, grant.pays, grant.held = state, pays, False
        self.ended.append(grant.id)

    def end_unfunded(self, grant: Grant, state: str) -> None:
        """It ends before it was granted: no money moves, and what the budget held for it is free again."""
        grant.never_granted = True
        self.end(grant, state)

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
        "turnover": wallet.book.total("player", "turnover"),
        "points": wallet.book.total("player", "points"),
        "grants": [
            (g.id, g.state, g.amount, g.balance, g.remaining, g.total, g.valid_to, g.held, *g.stakes) for g in held
        ],
        "packages": [(p.id, p.left, p.won) for p in wallet.packages.values() if p.left],
        "rounds": sorted(
            (r.id, [bet.command_id for bet in r.bets], r.stake, r.won, len(r.wins)) for r in wallet.open_rounds()
        ),
    }
