"""A naive ledger of one player, kept from the rules' text alone: what every command must answer, or why not.

It reads commands, knows how ids are formed (`p1-<version>`, `g<version>-<n>`), and uses nothing of the engine's logic.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine import commands as c
from tests.property.account import AccountPages
from tests.property.awards import AwardPages
from tests.property.crowd import Crowd
from tests.property.offers import DAY_MS, MAX_BET, MICRO_EUR_PER_CENT, MIN_BET, TIMEOUTS, TYPES
from tests.property.reference_wallet import Refused, Wallet, times_out
from tests.property.wallet_records import Bet, Package, Round
from tests.property.wiring import Wiring

REMEMBERED = 128
NOT_WHILE_BLOCKED = (*c.BETS, c.Deposit, c.GrantCampaign, c.PostEvent, c.ClaimGrant, c.ApproveGrant)
Facts = dict[str, Any]
"""What an answer must say: attribute names and values."""


@dataclass
class Accepted:
    """`session`: the round its answer is about."""

    body: c.CommandBody
    time_ms: int
    session: str | None


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
        self.accepted[command.id] = Accepted(command.body, command.time_ms, told.get("session_id"))
        if isinstance(command.body, c.BETS):
            self.tombs.pop(command.id, None)  # it was forgotten, else the bet had been refused
        if isinstance(command.body, (c.Rollback, c.RollbackReportedBet)):
            self.accepted[command.id].session = None  # its answer is not about a round
        self.order.append(command.id)
        return told

    def remembered(self) -> list[str]:
        return self.order[-REMEMBERED:]

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
        if command_id not in self.tombs:
            return False
        return (
            command_id in self.remembered()
            or self.wallet.now - self.tombs[command_id] <= DAY_MS
            or self.still_known(command_id, "tombstones")
        )

    def known(self, command_id: str) -> bool:
        """Accepted within 24 hours, or part of a round that is still open."""
        for round_ in self.wallet.open_rounds():
            if command_id in round_.result_ids or any(bet.command_id == command_id for bet in round_.bets):
                return True
        if command_id not in self.accepted:
            return False
        return self.wallet.now - self.accepted[command_id].time_ms <= DAY_MS or self.still_known(command_id, "older")

    # --- the player

    def _check_player(self, body: c.CommandBody) -> None:
        amount = getattr(body, "amount", getattr(body, "bet", None))
        win = getattr(body, "win", None)
        if (amount is not None and amount < 1) or (win is not None and win < 0):
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
            assert package.offer.spins is not None
            bet = Bet(command_id, package.offer.spins.bet)
            round_ = Round(session, body.game_id, "freespin", [bet], package.id, opened=self.wallet.now)
            package.left -= 1
        else:
            bet = self._paid(command_id, body)
            round_ = Round(session, body.game_id, "real", [bet], opened=self.wallet.now)
        self.wallet.take(bet)
        self.wallet.rounds[session] = round_
        if body.win is not None:
            round_.one_call = True
            self.wallet.credit(round_, body.win, f"g{self.version + 1}-1")
            round_.state = "closed"
        return lambda: self._shown(round_, bet.counted)

    def _paid(self, command_id: str, body: c.Spin) -> Bet:
        assert body.bet is not None
        self._within_limits(body.bet)
        return self.wallet.split(command_id, body.game_id, body.bet, None)

    def _within_limits(self, amount: int) -> None:
        if amount < MIN_BET:
            raise Refused("bet_below_min")
        if amount > MAX_BET:
            raise Refused("bet_above_max")

    def _choose(self, body: c.Spin) -> Package:
        found = [(p, p.offer.spins) for p in self.wallet.usable_packages() if p.offer.spins is not None]
        if not found:
            raise Refused("no_free_spins")
        found = [(p, spins) for p, spins in found if body.game_id in spins.games]
        if not found:
            raise Refused("free_spin_game_mismatch")
        found = [(p, spins) for p, spins in found if body.bet in (None, spins.bet)]
        if not found:
            raise Refused("free_spin_bet_mismatch")
        return min(found, key=lambda pair: pair[0].valid_to)[0]

    def _shown(self, round_: Round, counted: int = 0) -> Facts:
        cancelled, wagered = round_.state == "cancelled", self.wallet.in_wager()
        return {
            "session_id": round_.id,
            "game_id": round_.game,
            "mode": round_.mode,
            "state": round_.state,
            "flagged": round_.flagged,
            "bet_amount": round_.stake,
            "win_amount": 0 if cancelled else round_.won_real + round_.won_bonus,
            "win_reported": 0 if cancelled else round_.reported,
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
        self._within_limits(body.amount)
        bet = self.wallet.split(command_id, round_.game, body.amount, round_)
        self.wallet.take(bet)
        round_.bets.append(bet)
        return lambda: self._shown(round_, bet.counted)

    def _result(self, command_id: str, body: c.Result) -> Callable[[], Facts]:
        refunded = self.wallet.rounds.get(body.session_id)
        if refunded is not None and refunded.timed_out == "refund":
            raise Refused("round_refunded")
        round_ = self._open(body.session_id)
        self.wallet.credit(round_, body.win, f"g{self.version + 1}-1")
        round_.result_ids.append(command_id)
        if body.final:
            round_.state = "closed"
        return lambda: self._shown(round_)

    def _cancelround(self, command_id: str, body: c.CancelRound) -> Callable[[], Facts]:
        round_ = self._open(body.session_id)
        if round_.result_ids:
            raise Refused("round_has_result")
        self.wallet.undo_bets(round_)
        return lambda: self._shown(round_)

    def _expireround(self, command_id: str, body: c.ExpireRound) -> Callable[[], Facts]:
        """It has been open for too long: flagged, refunded if nothing was credited, or closed (rules §3)."""
        round_ = self.wallet.rounds[body.session_id]
        assert round_.state == "open" and self.wallet.now >= times_out(round_)
        action = TIMEOUTS[round_.game][1]
        if action == "close":
            round_.state, round_.timed_out = "closed", "close"
        elif action == "refund" and not round_.result_ids:
            self.wallet.undo_bets(round_)
            round_.timed_out = "refund"
        else:
            round_.flagged = True
        return lambda: self._shown(round_)

    # --- rollback

    def _rollback(self, command_id: str, body: c.Rollback | c.RollbackReportedBet) -> Callable[[], Facts]:
        bet_id = body.transaction_id
        status, session = "rolled_back", None
        reported = self.accepted[bet_id].body if bet_id in self.remembered() else None
        if self.tombstoned(bet_id):
            pass
        elif isinstance(reported, c.ReportBet):
            self.wallet.turnover -= reported.amount * MICRO_EUR_PER_CENT
            self.tombs[bet_id] = self.wallet.now
        else:
            round_ = self._round_of(bet_id)
            if round_ is None:
                status = "tombstoned"
                self.tombs[bet_id] = self.wallet.now
            else:
                self._undo(round_, bet_id)
                session = round_.id
        return lambda: {"status": status, "session_id": session, "balance": self.wallet.balance(), "kept_grants": ()}

    _rollbackreportedbet = _rollback

    def _round_of(self, bet_id: str) -> Round | None:
        """The newest round with such a bet; `already_processed` for what is too old to be told."""
        for round_ in self.wallet.open_rounds():
            if any(bet.command_id == bet_id for bet in round_.bets):
                return round_
        if bet_id in self.remembered():
            session = self.accepted[bet_id].session
            is_bet = isinstance(self.accepted[bet_id].body, c.BETS)
            return self.wallet.rounds[session] if is_bet and session is not None else None
        if self.known(bet_id):
            raise Refused("already_processed")
        return None

    def _undo(self, round_: Round, bet_id: str) -> None:
        barred = [bet_id]
        if round_.state == "open":
            if round_.result_ids:
                raise Refused("round_has_result")
            self.wallet.undo_bets(round_)
            barred = [bet.command_id for bet in round_.bets]
        elif round_.state == "closed":
            if not round_.one_call:
                raise Refused("round_closed" if round_.timed_out else "round_has_result")
            self.wallet.undo_one_call(round_)
        for command_id in barred:
            self.tombs[command_id] = self.wallet.now
