"""Rounds that are open, their bets, and refused results that an operator must look at."""

import msgspec

from engine.catalog import TimeoutAction
from engine.commands import Mode
from engine.state.window import id_digest


class Bet(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One stake in an open round: `amount` = `real` + `bonus` (both 0 for a free spin).

    `grant_id` is the grant in wager that paid `bonus` and whose wagering fell by `counted`. `voids`: the bet was over
    the grant's `max_bet` under the policy `cancel`.
    """

    command_id: str
    amount: int
    real: int
    bonus: int
    grant_id: str | None
    counted: int
    voids: bool = False
    turnover_micro: int = 0
    """The stake in micro-EUR, converted once when it was placed (rules §2.7)."""
    points_micro: int = 0
    version: int = 0
    """The player's version at which the bet was placed, and when: a reversal takes its turnover off that day."""
    time_ms: int = 0


class OpenRound(msgspec.Struct, array_like=True):
    """A round that is not settled yet. `results` counts credited results."""

    session_id: str
    round_id: str | None
    game_id: str
    mode: Mode
    opened_ms: int
    bets: list[Bet]
    package_id: str | None = None
    results: int = 0
    won_real: int = 0
    won_bonus: int = 0
    reported: int = 0
    result_digests: list[int] = []
    """Ids of the results credited so far, as digests: never forgotten while the round is open (rules §3)."""
    timeout_ms: int | None = None
    """How long the round may stay open, as fixed when it was opened; None: for ever."""
    timeout_action: TimeoutAction = "hold"
    flagged: bool = False
    """The round has passed its time-out and waits for an operator or its result (rules §3)."""
    settled_bets: tuple[str, ...] = ()
    """Ids of the bets that a result has named: they can't be rolled back any more."""
    named_results: int = 0
    """How many of `results` named a bet; the others counted for the whole round."""
    undone_digests: tuple[int, ...] = ()
    """Ids of the bets that were rolled back while the round stayed open, as digests: never forgotten until it ends."""
    counts_when_over: bool = False
    """The round's stakes and wins count for the week in which it ends (rules §8, cashback). In a round that an earlier
    version opened, each stake and win counts at once.
    """

    @property
    def has_whole_result(self) -> bool:
        """Whether a result counted for the whole round: none of its bets can be rolled back any more (rules §3)."""
        return self.results > self.named_results

    def find_bet(self, command_id: str) -> Bet | None:
        """The bet made under that id, if it stands."""
        for bet in self.bets:
            if bet.command_id == command_id:
                return bet
        return None

    def ties(self, grant_id: str) -> bool:
        """Whether the round staked the grant's money, counted for it or voids it: meanwhile the grant can't end
        (rules §4).
        """
        return any(bet.grant_id == grant_id and (bet.bonus or bet.counted or bet.voids) for bet in self.bets)


class Flagged(msgspec.Struct, frozen=True, array_like=True):
    """A refused result or rollback that an operator must look at: `code` says why, `amount` is its win (rules §3).

    `transaction_id` is the bet that a rollback named; `session_id` is "" and `amount` 0 if nothing is known of that
    bet.
    """

    command_id: str
    code: str
    session_id: str
    amount: int
    flagged_ms: int
    transaction_id: str = ""

    @property
    def flag_id(self) -> str:
        """The id by which an operator names it.

        The same refusal has the same id, on every shard and after every restart.
        """
        return f"f{id_digest(f'{self.command_id}:{self.amount}'):016x}"
