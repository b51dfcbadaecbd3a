"""A naive ledger of one player, kept from the rules' text alone: what every command must answer, or why not.

It reads commands, knows how ids are formed (`p1-<version>`, `g<version>-<n>`), and uses nothing of the engine's logic.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine import commands as c
from engine.state.window import id_digest
from tests.property.account import AccountPages
from tests.property.awards import AwardPages
from tests.property.crowd import Crowd
from tests.property.offers import BY_STAKE, DAY_MS, MAX_BET, MIN_BET, TIMEOUTS, TYPES
from tests.property.reference_wallet import Refused, Wallet, times_out
from tests.property.wallet_records import Bet, Package, Round, Win
from tests.property.wiring import Wiring

REMEMBERED = 128
FLAGS_KEPT = 64
BETS_PER_ROUND, RESULTS_PER_ROUND = 64, 1_024
NOT_WHILE_BLOCKED = (*c.BETS, c.Deposit, c.GrantCampaign, c.PostEvent, c.ClaimGrant, c.ApproveGrant)
ABOUT_A_ROUND = (c.Spin, c.AddBet, c.Result, c.CancelRound, c.ExpireRound)
Flag = tuple[str, str, str, int, str]
"""The refused command, the refusal's code, its round, the amount, and the bet that a rollback named."""
Facts = dict[str, Any]
"""What an answer must say: attribute names and values."""


@dataclass
class Accepted:
    """`session`: the round its answer is about. `reported`: the bet of another vertical that it is."""

    body: c.CommandBody
    time_ms: int
    version: int
    session: str | None = None
    reported: Bet | None = None


class Ledger(AccountPages, AwardPages):
    """`still_known(id, where)` is asked only about ids past the 24 hours for which the rules promise to know them.

    `crowd` is all ledgers of the house, this one among them.
    """

    def __init__(
        self,
        player_id: str,
        funds_order: str,
        wirings: dict[str, Wiring],
        crowd: Crowd,
        still_known: Callable[[str, str], bool],
    ) -> None:
        AccountPages.__init__(self)
        AwardPages.__init__(self, wirings, crowd)
        self.player_id, self.still_known = player_id, still_known
        self.wallet = Wallet(funds_order)
        self.currency: str | None = None
        self.country: str | None = None
        self.blocked = False
        self.version = 0
        self.accepted: dict[str, Accepted] = {}
        self.order: list[str] = []
        self.tombs: dict[str, int] = {}
        self.flagged: list[Flag] = []
        self.trimmed = 0
        """The version up to which the journal tells nothing any more."""

    def play(self, command: c.Command) -> Facts | None:
        """The facts of a new answer; None for a repeat of the first one. Raises Refused."""
        self.wallet.now = command.time_ms
        if self._is_repeat(command):
            return None
        self._check_player(command.body)
        facts = getattr(self, "_" + type(command.body).__name__.lower())(command.id, command.body)
        self.wallet.settle()
        self.version += 1
        told: Facts = facts()
        self.accepted[command.id] = accepted = Accepted(command.body, command.time_ms, self.version)
        if isinstance(command.body, c.BETS):
            self.tombs.pop(command.id, None)  # it was forgotten, else the bet had been refused
        if isinstance(command.body, ABOUT_A_ROUND):
            accepted.session = told["session_id"]
        accepted.reported = self.just_reported if isinstance(command.body, c.ReportBet) else None
        self.order.append(command.id)
        return told

    def remembered(self) -> list[str]:
        return self.order[-REMEMBERED:]

    def over(self) -> tuple[set[str], set[str], set[str]]:
        """Grants that had money and packages that ended, and rounds that a time-out ended."""
        wallet = self.wallet
        return (
            {grant_id for grant_id in wallet.ended if wallet.grants[grant_id].amount},
            {package.id for package in wallet.packages.values() if package.expired},
            {round_.id for round_ in wallet.rounds.values() if round_.timed_out},
        )

    # --- exactly once

    def _is_repeat(self, command: c.Command) -> bool:
        remembered = command.id in self.remembered()
        if remembered and self.accepted[command.id].body != command.body:
            raise Refused("idempotency_conflict")
        if isinstance(command.body, c.BETS) and self.tombstoned(command.id):
            raise Refused("rolled_back")
        if remembered:
            return True
        if self.known(command.id):
            raise Refused("already_processed")
        return False

    def tombstoned(self, command_id: str) -> bool:
        """Rolled back, or named by a rollback before it came; as long as its round is open in any case."""
        if any(bet.command_id == command_id for round_ in self.wallet.open_rounds() for bet in round_.undone):
            return True
        if command_id not in self.tombs:
            return False
        return (
            command_id in self.remembered()
            or self.wallet.now - self.tombs[command_id] <= DAY_MS
            or self.still_known(command_id, "tombstones")
        )

    def known(self, command_id: str) -> bool:
        """Accepted within 24 hours, or part of a round that is still open."""
        if command_id in self._ids_of_open_rounds():
            return True
        if command_id not in self.accepted:
            return False
        return self.wallet.now - self.accepted[command_id].time_ms <= DAY_MS or self.still_known(command_id, "older")

    def _ids_of_open_rounds(self) -> set[str]:
        return {command_id for round_ in self.wallet.open_rounds() for command_id in round_.ids()}

    # --- the player

    def _check_player(self, body: c.CommandBody) -> None:
        amount = getattr(body, "amount", getattr(body, "bet", None))
        win = getattr(body, "win", None)
        negative = (amount is not None and amount < 1) or (win is not None and win < 0)
        if negative and not isinstance(body, c.FlagForOperator):
            raise Refused("invalid_request")
        if isinstance(body, c.ReportBet) and body.game_type not in TYPES.values():
            raise Refused("invalid_request")
        if isinstance(body, c.Spin) and body.mode == "real" and body.bet is None:
            raise Refused("invalid_request")
        if self.currency is None and not isinstance(body, c.Register):
            raise Refused("player_not_found")
        if self.blocked and isinstance(body, NOT_WHILE_BLOCKED):
            raise Refused("player_blocked")

    def _register(self, command_id: str, body: c.Register) -> Callable[[], Facts]:
        if self.currency is not None and body.currency != self.currency:
            raise Refused("player_exists")
        if body.currency != "EUR":
            raise Refused("unsupported_currency")
        created = self.currency is None
        self.currency, self.country = body.currency, body.country or self.country
        return lambda: {"created": created, "currency": "EUR", "country": self.country}

    def _block(self, command_id: str, body: c.Block) -> Callable[[], Facts]:
        self.blocked = True
        return lambda: {"blocked": True}

    def _unblock(self, command_id: str, body: c.Unblock) -> Callable[[], Facts]:
        self.blocked = False
        return lambda: {"blocked": False}

    def _expire(self, command_id: str, body: c.Expire) -> Callable[[], Facts]:
        return lambda: {"subject_id": body.subject_id}

    # --- rounds

    def _spin(self, command_id: str, body: c.Spin) -> Callable[[], Facts]:
        if body.game_id not in TYPES:
            raise Refused("unknown_game")
        if any(round_.game == body.game_id for round_ in self.wallet.open_rounds()):
            raise Refused("round_open")
        session = f"{self.player_id}-{self.version + 1}"
        if body.mode == "freespin":
            package = self._choose(body)
            bet = Bet(command_id, package.spins.bet)
            round_ = Round(session, body.game_id, "freespin", [bet], package.id, opened=self.wallet.now)
            self.wallet.book.enter(package.id, "spins", 1, bet)
        else:
            bet = self._paid(command_id, body)
            round_ = Round(session, body.game_id, "real", [bet], opened=self.wallet.now)
        self.wallet.take(bet, session, TYPES[round_.game])
        self.wallet.rounds[session] = round_
        if body.win is not None:
            round_.one_call = True
            self._credit(round_, Win(command_id, body.win))
            round_.state = "closed"
        return lambda: self._shown(round_, bet.counted)

    def _credit(self, round_: Round, win: Win) -> None:
        self.wallet.credit(round_, win, f"g{self.version + 1}-1")

    def _paid(self, command_id: str, body: c.Spin) -> Bet:
        assert body.bet is not None
        self._within_limits(body.bet)
        return self.wallet.split(command_id, body.game_id, body.bet, None)

    def _within_limits(self, amount: int) -> None:
        """The stake alone, or with all that stand in its round, as the game's limits say (rules §4)."""
        if amount < MIN_BET:
            raise Refused("bet_below_min")
        if amount > MAX_BET:
            raise Refused("bet_above_max")

    def _choose(self, body: c.Spin) -> Package:
        found = self.wallet.usable_packages()
        if not found:
            raise Refused("no_free_spins")
        found = [package for package in found if body.game_id in package.spins.games]
        if not found:
            raise Refused("free_spin_game_mismatch")
        found = [package for package in found if body.bet in (None, package.spins.bet)]
        if not found:
            raise Refused("free_spin_bet_mismatch")
        return min(found, key=lambda package: package.valid_to)

    def _shown(self, round_: Round, counted: int = 0) -> Facts:
        cancelled, wagered = round_.state == "cancelled", self.wallet.in_wager()
        return {
            "session_id": round_.id,
            "game_id": round_.game,
            "mode": round_.mode,
            "state": round_.state,
            "flagged": round_.flagged,
            "bet_amount": round_.stake,
            "win_amount": 0 if cancelled else round_.won,
            "win_reported": 0 if cancelled else sum(win.reported for win in round_.wins),
            "funds_real": sum(bet.real for bet in round_.bets),
            "funds_bonus": sum(bet.bonus for bet in round_.bets),
            "balance": self.wallet.balance(),
            "remaining_spins": self.wallet.spins_left(round_.game),
            "wagering": (wagered.id, wagered.remaining, counted) if wagered else (None, 0, counted),
        }

    def _open(self, session: str) -> Round:
        round_ = self.wallet.rounds.get(session)
        if round_ is not None and round_.state == "open":
            return round_
        known = any(self.accepted[command_id].session == session for command_id in self.remembered())
        known = known or (round_ is not None and round_.timed_out is not None)
        raise Refused("round_closed" if known else "session_not_found")

    def _addbet(self, command_id: str, body: c.AddBet) -> Callable[[], Facts]:
        round_ = self._open(body.session_id)
        if round_.mode == "freespin":
            raise Refused("invalid_request")
        if len(round_.bets) + len(round_.undone) == BETS_PER_ROUND:
            raise Refused("overloaded")
        self._within_limits(body.amount + (0 if round_.game in BY_STAKE else round_.stake))
        bet = self.wallet.split(command_id, round_.game, body.amount, round_)
        self.wallet.take(bet, round_.id, TYPES[round_.game])
        round_.bets.append(bet)
        return lambda: self._shown(round_, bet.counted)

    def _result(self, command_id: str, body: c.Result) -> Callable[[], Facts]:
        refunded = self.wallet.rounds.get(body.session_id)
        if refunded is not None and refunded.timed_out == "refund":
            raise Refused("round_refunded", refunded.id, body.win)
        round_ = self._open(body.session_id)
        if not body.final and len(round_.wins) >= RESULTS_PER_ROUND:
            raise Refused("overloaded")
        if body.settles is not None and round_.standing(body.settles) is None:
            undone = any(bet.command_id == body.settles for bet in round_.undone)
            raise Refused("rolled_back" if undone else "not_a_bet")
        self._credit(round_, Win(command_id, body.win, body.settles))
        if body.final:
            round_.state = "closed"
        return lambda: self._shown(round_)

    def _cancelround(self, command_id: str, body: c.CancelRound) -> Callable[[], Facts]:
        round_ = self._open(body.session_id)
        if round_.wins:
            raise Refused("round_has_result")
        self.wallet.cancel(round_)
        return lambda: self._shown(round_)

    def _expireround(self, command_id: str, body: c.ExpireRound) -> Callable[[], Facts]:
        """It has been open for too long: flagged, refunded if nothing was credited, or closed (rules §3)."""
        round_ = self.wallet.rounds[body.session_id]
        assert round_.state == "open" and self.wallet.now >= times_out(round_)
        action = TIMEOUTS[round_.game][1]
        if action == "close":
            round_.state, round_.timed_out = "closed", "close"
        elif action == "refund" and not round_.wins:
            self.wallet.cancel(round_)
            round_.timed_out = "refund"
        else:
            round_.flagged = True
        return lambda: self._shown(round_)

    # --- rollback

    def _rollback(self, command_id: str, body: c.Rollback | c.RollbackReportedBet) -> Callable[[], Facts]:
        status, session = "rolled_back", None
        if not self.tombstoned(body.transaction_id):
            named = self._named(body.transaction_id)
            if named is None:
                status = "tombstoned"
            else:
                session = self._undo(named, body.transaction_id)
            self.tombs[body.transaction_id] = self.wallet.now
        return lambda: {"status": status, "session_id": session, "balance": self.wallet.balance(), "kept_grants": ()}

    _rollbackreportedbet = _rollback

    def _named(self, command_id: str) -> Accepted | None:
        """What was accepted under that id, from memory or from the journal; None if nothing is known of it."""
        if command_id in self.remembered() or command_id in self._ids_of_open_rounds():
            return self.accepted[command_id]
        if not self.known(command_id):
            return None
        if self.accepted[command_id].version <= self.trimmed:
            raise Refused("already_processed", "", 0)
        return self.accepted[command_id]

    def _undo(self, named: Accepted, bet_id: str) -> str | None:
        """The round of the bet that never was."""
        if isinstance(named.body, c.ReportBet):
            assert named.reported is not None
            self.wallet.book.strike(named.reported)
            return None
        if not isinstance(named.body, c.BETS):
            raise Refused("not_a_bet")
        assert named.session is not None
        round_ = self.wallet.rounds[named.session]
        if round_.state == "open":
            bet = round_.standing(bet_id)
            assert bet is not None
            if round_.settled(bet):
                raise Refused("round_has_result")
            self.wallet.undo_bet(round_, bet)
        elif round_.state == "closed":
            if not round_.one_call:
                raise Refused("round_closed" if round_.timed_out else "round_has_result")
            self.wallet.undo_one_call(round_)
        return round_.id

    # --- for an operator

    def _flagforoperator(self, command_id: str, body: c.FlagForOperator) -> Callable[[], Facts]:
        """What a refusal could not move is kept, once."""
        flag = (body.command_id, body.code, body.session_id, body.amount, body.transaction_id)
        if not any((known[0], known[3]) == (body.command_id, body.amount) for known in self.flagged):
            self.flagged = [*self.flagged, flag][-FLAGS_KEPT:]
        return lambda: {"subject_id": body.session_id}

    def _clearflag(self, command_id: str, body: c.ClearFlag) -> Callable[[], Facts]:
        """An operator names it by the id that the refused command and its amount give it."""
        named = [flag for flag in self.flagged if flag_id(flag) == body.flag_id]
        if not named:
            raise Refused("flag_not_found")
        self.flagged = [flag for flag in self.flagged if flag not in named]
        return lambda: {"flag_id": body.flag_id, "code": named[0][1], "amount": named[0][3], "reason": body.reason}


def flag_id(flag: Flag) -> str:
    return f"f{id_digest(f'{flag[0]}:{flag[3]}'):016x}"
