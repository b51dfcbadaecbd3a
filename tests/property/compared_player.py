"""The engine's player beside the ledger, a replayed shadow, and a snapshot with its tail: all agree at every step."""

from collections import Counter
from typing import Any

import msgspec

from engine.answers import AnyAnswer, GrantAnswer
from engine.commands import BETS, Command, CommandBody, ExpireRound, FlagForOperator
from engine.due import next_due
from engine.holdings import in_queue, queue_place
from engine.player import Replayed, execute, replay
from engine.rejections import CODES, Rejection
from engine.state import Player, PlayerState
from engine.state.invariants import check
from engine.state.window import REMEMBERED_MAX, id_digest
from engine.transition import Transition
from feeds.explaining.movements import Movement, moved_in
from snapshots.codec import (
    decode_batch,
    decode_entry,
    decode_snapshot,
    encode_batch,
    encode_entry,
    encode_snapshot,
)
from tests.property.ledger import Facts, Ledger
from tests.property.offers import level_at
from tests.property.reference_wallet import Refused, picture
from tests.property.shared_house import SharedHouse
from tests.support.audited import Audited
from tests.support.fact_sums import FactSums
from tests.support.journal_account import Account


class ComparedPlayer:
    """`shadow` is fed with journaled bytes from the first command on, `resumed` from a snapshot taken some time ago."""

    def __init__(self, player_id: str, house: SharedHouse) -> None:
        self.house, self.catalog = house, house.catalog
        self.live, self.shadow, self.resumed = (Player.new(player_id) for _ in range(3))
        self.ledger = Ledger(player_id, house.funds_order, house.wirings, house.crowd, self._still_known)
        house.crowd.awards[player_id] = []
        self.account = Account()
        self.facts = FactSums()
        self.audited = Audited()
        self.moved = Movement()
        self.answers: dict[str, bytes] = {}
        self.journal: list[Transition] = []
        """What the journal still holds."""

    @property
    def now(self) -> int:
        """The house's clock, Unix ms."""
        return self.house.now

    @now.setter
    def now(self, time_ms: int) -> None:
        self.house.now = time_ms

    def _still_known(self, command_id: str, where: str) -> bool:
        return id_digest(command_id) in getattr(self.live.window, where)

    def take_snapshot(self) -> None:
        self.resumed = decode_snapshot(encode_snapshot(self.live))

    def trim_journal(self) -> None:
        """What is in snapshots need not be kept: a rollback can look no further back from now on."""
        self.journal.clear()
        self.ledger.trimmed = self.ledger.version

    def send(self, command_id: str, body: CommandBody) -> Any:
        """Plays one command on both sides, after what is due; the answer, or the code of the refusal."""
        self.run_due()
        return self._play(Command(command_id, self.now, body))

    def run_due(self) -> None:
        """As a shard does before each command: what is overdue, in order, each at its own time."""
        while (command := next_due(self.live.state, 0, self.catalog)) is not None and command.time_ms <= self.now:
            due, body = self.ledger.wallet.next_due(), command.body
            assert due is not None, f"{command} is not due"
            subject = body.session_id if isinstance(body, ExpireRound) else body.subject_id  # type: ignore[union-attr]
            assert (command.time_ms, True) == (max(due[0], self.live.state.time_ms), subject in due[1])
            self._play(command)
        due = self.ledger.wallet.next_due()
        assert due is None or due[0] > self.now, f"{due} was not done"

    def _play(self, command: Command) -> Any:
        before = encode_snapshot(self.live)
        expected = self._expected(command)
        outcome = self.house.execute(self.live, command, self.journal)
        if not isinstance(expected, Refused | None):
            assert isinstance(outcome, Transition), f"{command}: {outcome}"
            return self._accepted(command, outcome, expected)
        assert encode_snapshot(self.live) == before, "what was not accepted changed the player"
        if expected is None:
            assert outcome == Replayed(self.answers[command.id]), command
            return _decode(self.answers[command.id])
        assert isinstance(outcome, Rejection) and outcome.code in CODES, f"{command}: {expected} expected"
        assert outcome.code == expected.code, f"{command}: {outcome}"
        assert outcome.for_operator is bool(expected.for_operator), f"{command}: {outcome}"
        if expected.for_operator:
            self._flag(command, expected)
        return outcome.code

    def _flag(self, refused: Command, refusal: Refused) -> None:
        """As a shard does: what a refused command wanted to move is kept for an operator."""
        session, amount = refusal.for_operator
        named = getattr(refused.body, "transaction_id", "")
        body = FlagForOperator(refused.id, refusal.code, session, amount, named)
        self._play(Command(f"flag:{refused.id}:{amount}", self.now, body))

    def _expected(self, command: Command) -> Facts | Refused | None:
        """What the ledger says, asked first: the engine's window must not have moved yet."""
        try:
            return self.ledger.play(command)
        except Refused as refused:
            return refused

    def _accepted(self, command: Command, transition: Transition, facts: Facts) -> AnyAnswer:
        self._journal(transition)
        answer = _decode(transition.answer)
        assert _said(answer, facts) == facts, command
        self._agree()
        return answer

    def _journal(self, transition: Transition) -> None:
        payload = encode_batch([(transition.player_id, transition.version, encode_entry(transition))])
        [keyed] = decode_batch(payload)
        for player in (self.shadow, self.resumed):
            replay(player, decode_entry(keyed))
        self.answers[transition.command_id] = transition.answer
        self.journal.append(decode_entry(keyed))
        self.facts.add(transition, self.live.state)
        self.audited.add(payload, self.live.state)
        for event in transition.events:
            self.account.add(event)
        self.moved = self.moved.plus(moved_in(transition))

    def _agree(self) -> None:
        state = self.live.state
        check(state)
        assert all(grant.state != "in_wager" for grant in sorted(filter(in_queue, state.grants), key=queue_place)[1:])
        assert _picture(state) == picture(self.ledger.wallet)
        loyalty = state.loyalty
        assert (loyalty.qualifying, loyalty.level) == (state.turnover_micro, level_at(state.turnover_micro))
        flagged = [(f.command_id, f.code, f.session_id, f.amount, f.transaction_id) for f in state.flagged]
        assert flagged == self.ledger.flagged
        assert +Counter(state.awarded) == +Counter(self.ledger.awarded), "what uses up per_player"
        self._conserve()
        assert (state.version, state.time_ms) == (self.ledger.version, self.ledger.wallet.now)
        now = encode_snapshot(self.live)
        assert encode_snapshot(self.shadow) == now, "replayed state differs"
        assert encode_snapshot(self.resumed) == now, "snapshot and tail differ"
        self.house.check_limits(self.live)

    def _conserve(self) -> None:
        """real + bonus + withdrawn + removed = deposits + granted + wins − stakes, and each part is the ledger's."""
        wallet, account = self.ledger.wallet, self.account
        assert self.moved == (*self.money_by_wallet(), self.live.state.loyalty.available), "a timeline would be wrong"
        assert self.money() + account.withdrawn + account.removed == account.came_in
        removed = sum(grant.removed for grant in wallet.grants.values())
        kept_books = (self.ledger.deposited, wallet.granted, removed, wallet.withdrawn)
        assert (account.deposits, account.granted, account.removed, account.withdrawn) == kept_books

    def money(self) -> int:
        """Real and bonus money together, minor units."""
        return self.live.state.real + sum(grant.balance for grant in self.live.state.grants)

    def money_by_wallet(self) -> tuple[int, int]:
        """Real money, and what all grants hold."""
        return self.live.state.real, sum(grant.balance for grant in self.live.state.grants)

    def owned(self) -> dict[str, Any]:
        """What undoing must restore exactly: all but grants that were opened for winnings and hold none any more."""
        state, loyalty = self.live.state, self.live.state.loyalty
        return {
            "wallets": (state.real, state.reserved),
            "turnover": (state.turnover_micro, loyalty.qualifying, sum(loyalty.days), loyalty.level),
            "points": (loyalty.available, loyalty.lifetime),
            "grants": [msgspec.structs.asdict(grant) for grant in state.grants if grant.amount],
            "packages": [(package.package_id, package.remaining, package.won) for package in state.packages],
            "rounds": {round_.session_id: [bet.command_id for bet in round_.bets] for round_ in state.rounds.values()},
        }

    def check_memory(self) -> None:
        """Every remembered command answers as the first time; older ids and rolled back bets are refused."""
        before = encode_snapshot(self.live)
        remembered = self.ledger.remembered()
        assert len(self.live.window.recent) == min(len(remembered), REMEMBERED_MAX)
        for command_id in remembered:
            body = self.ledger.accepted[command_id].body
            again = execute(self.live, self.catalog, Command(command_id, self.now, body))
            if isinstance(body, BETS) and self.ledger.tombstoned(command_id):
                assert isinstance(again, Rejection) and again.code == "rolled_back"
            else:
                assert again == Replayed(self.answers[command_id])
        for command_id in self.ledger.order[:-REMEMBERED_MAX][-3:]:
            self._check_older(command_id)
        assert encode_snapshot(self.live) == before

    def _check_older(self, command_id: str) -> None:
        accepted = self.ledger.accepted[command_id]
        if command_id in self.ledger.remembered() or self.now - accepted.time_ms > 24 * 3_600_000:
            return
        again = execute(self.live, self.catalog, Command(command_id, self.now, accepted.body))
        rolled_back = isinstance(accepted.body, BETS) and self.ledger.tombstoned(command_id)
        assert isinstance(again, Rejection)
        assert again.code == ("rolled_back" if rolled_back else "already_processed")


_ANSWERS: msgspec.msgpack.Decoder[AnyAnswer] = msgspec.msgpack.Decoder(AnyAnswer)


def _decode(answer: bytes) -> AnyAnswer:
    return _ANSWERS.decode(answer)


def _said(answer: AnyAnswer, facts: dict[str, Any]) -> dict[str, Any]:
    said = {name: _awards(answer) if name == "awards" else getattr(answer, name) for name in facts}
    if "balance" in said:
        said["balance"] = msgspec.structs.astuple(said["balance"])
    if "wagering" in said:
        said["wagering"] = msgspec.structs.astuple(said["wagering"])[:3]
    return said


def _awards(answer: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    """What the command awarded, in the ledger's words."""
    awards = [answer.granted] if isinstance(answer, GrantAnswer) else [*answer.granted, *answer.declined]
    return sorted((award.campaign_id, award.state, award.reasons) for award in awards)


def _picture(state: PlayerState) -> dict[str, Any]:
    return {
        "real": state.real,
        "reserved": state.reserved,
        "turnover": state.turnover_micro,
        "points": state.loyalty.available,
        "grants": [
            (
                g.grant_id,
                g.state,
                g.amount,
                g.balance,
                g.remaining_wager,
                g.wager_total,
                g.valid_to_ms,
                g.held is not None,
                g.counted_stakes,
                g.counted_bets,
            )
            for g in state.grants
        ],
        "packages": [(p.package_id, p.remaining, p.won) for p in state.packages if p.remaining],
        "rounds": sorted(
            (
                r.session_id,
                [bet.command_id for bet in r.bets],
                sum(bet.amount for bet in r.bets),
                r.won_real + r.won_bonus,
                r.results,
            )
            for r in state.rounds.values()
        ),
    }
