"""The methods of all four clients, the same by name and meaning: once for those that wait, once for those that don't.

Each takes `key`, the Idempotency-Key: one is made if none is given, and the answer or the exception carries it.
`deadline_s` is how long the call may take in all, with its repeats; if none is given, that of the client's
`RetryPolicy` holds. All raise the errors of `croupier_client.errors`.
"""

from abc import ABC, abstractmethod
from asyncio import Future

from croupier_client.answers import Mode, RollbackAnswer, SpinAnswer
from croupier_client.calls import AnswerT, Bet, Call, Cancel, Result, Rollback, Round, Spin, key_for


class SyncCommands(ABC):
    """Calls that return their answer."""

    @abstractmethod
    def perform(self, call: Call[AnswerT], deadline_s: float | None = None) -> AnswerT:
        """A call that is made already, with the key in it."""

    def spin(
        self,
        player_id: str,
        game_id: str,
        *,
        mode: Mode = "real",
        bet: int | None = None,
        win: int | None = None,
        round_id: str | None = None,
        key: str | None = None,
        deadline_s: float | None = None,
    ) -> SpinAnswer:
        """Opens a round; with `win`, bet and win are one step and the round is closed.

        `bet` and `win` in minor units; `bet` is required in mode real. `round_id` is the provider's own reference.
        """
        key = key_for(key)
        spin = Spin(player_id=player_id, game_id=game_id, mode=mode, bet=bet, win=win, round_id=round_id, key=key)
        return self.perform(spin, deadline_s)

    def bet(
        self, session_id: str, player_id: str, amount: int, *, key: str | None = None, deadline_s: float | None = None
    ) -> SpinAnswer:
        """Adds a stake of `amount` minor units to an open round."""
        return self.perform(
            Bet(session_id=session_id, player_id=player_id, amount=amount, key=key_for(key)), deadline_s
        )

    def result(
        self,
        session_id: str,
        player_id: str,
        win: int,
        *,
        final: bool = True,
        settles: str | None = None,
        key: str | None = None,
        deadline_s: float | None = None,
    ) -> SpinAnswer:
        """Credits `win` minor units, 0 too, and closes the round when `final`.

        `settles`: the key of the bet that the result belongs to, in a round of several bets.
        """
        key = key_for(key)
        result = Result(session_id=session_id, player_id=player_id, win=win, final=final, settles=settles, key=key)
        return self.perform(result, deadline_s)

    def cancel(
        self, session_id: str, player_id: str, *, key: str | None = None, deadline_s: float | None = None
    ) -> SpinAnswer:
        """Reverses an open round that has no result."""
        return self.perform(Cancel(session_id=session_id, player_id=player_id, key=key_for(key)), deadline_s)

    def rollback(
        self, player_id: str, transaction_id: str, *, key: str | None = None, deadline_s: float | None = None
    ) -> RollbackAnswer:
        """Reverses the bet made with the key `transaction_id`, that bet alone, whether it has arrived yet or not."""
        rollback = Rollback(player_id=player_id, transaction_id=transaction_id, key=key_for(key))
        return self.perform(rollback, deadline_s)

    def round(self, session_id: str, player_id: str, *, deadline_s: float | None = None) -> SpinAnswer:
        """Reads a round."""
        return self.perform(Round(session_id=session_id, player_id=player_id), deadline_s)


class AsyncCommands(ABC):
    """Calls that start at once, in the order in which they are made, and return a future of their answer.

    Await it, or hand many to `asyncio.gather`. Cancelling it ends the waiting, not what Croupier does.
    """

    @abstractmethod
    def perform(self, call: Call[AnswerT], deadline_s: float | None = None) -> Future[AnswerT]:
        """A call that is made already, with the key in it."""

    def spin(
        self,
        player_id: str,
        game_id: str,
        *,
        mode: Mode = "real",
        bet: int | None = None,
        win: int | None = None,
        round_id: str | None = None,
        key: str | None = None,
        deadline_s: float | None = None,
    ) -> Future[SpinAnswer]:
        """Opens a round; with `win`, bet and win are one step and the round is closed.

        `bet` and `win` in minor units; `bet` is required in mode real. `round_id` is the provider's own reference.
        """
        key = key_for(key)
        spin = Spin(player_id=player_id, game_id=game_id, mode=mode, bet=bet, win=win, round_id=round_id, key=key)
        return self.perform(spin, deadline_s)

    def bet(
        self, session_id: str, player_id: str, amount: int, *, key: str | None = None, deadline_s: float | None = None
    ) -> Future[SpinAnswer]:
        """Adds a stake of `amount` minor units to an open round."""
        return self.perform(
            Bet(session_id=session_id, player_id=player_id, amount=amount, key=key_for(key)), deadline_s
        )

    def result(
        self,
        session_id: str,
        player_id: str,
        win: int,
        *,
        final: bool = True,
        settles: str | None = None,
        key: str | None = None,
        deadline_s: float | None = None,
    ) -> Future[SpinAnswer]:
        """Credits `win` minor units, 0 too, and closes the round when `final`.

        `settles`: the key of the bet that the result belongs to, in a round of several bets.
        """
        key = key_for(key)
        result = Result(session_id=session_id, player_id=player_id, win=win, final=final, settles=settles, key=key)
        return self.perform(result, deadline_s)

    def cancel(
        self, session_id: str, player_id: str, *, key: str | None = None, deadline_s: float | None = None
    ) -> Future[SpinAnswer]:
        """Reverses an open round that has no result."""
        return self.perform(Cancel(session_id=session_id, player_id=player_id, key=key_for(key)), deadline_s)

    def rollback(
        self, player_id: str, transaction_id: str, *, key: str | None = None, deadline_s: float | None = None
    ) -> Future[RollbackAnswer]:
        """Reverses the bet made with the key `transaction_id`, that bet alone, whether it has arrived yet or not."""
        rollback = Rollback(player_id=player_id, transaction_id=transaction_id, key=key_for(key))
        return self.perform(rollback, deadline_s)

    def round(self, session_id: str, player_id: str, *, deadline_s: float | None = None) -> Future[SpinAnswer]:
        """Reads a round."""
        return self.perform(Round(session_id=session_id, player_id=player_id), deadline_s)
