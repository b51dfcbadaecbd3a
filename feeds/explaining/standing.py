"""How one grant stands, followed through the events that name it: its balance and what remains to be wagered."""

from engine import events as e
from engine.state import Grant


class Standing:
    """As `engine.evolving` changes a grant, from its creation on. A test compares the two."""

    def __init__(self, grant: Grant) -> None:
        self._grant_id = grant.grant_id
        self.state: str = grant.state
        self.amount, self.balance = grant.amount, grant.balance
        self.wager_total, self.remaining = grant.wager_total, grant.remaining_wager
        self.released = self.removed = 0
        self._beyond = 0
        self.opted_in_ms: int | None = None
        self.granted_ms: int | None = grant.granted_ms if grant.state == "granted" else None
        self.ended_ms: int | None = None
        self.ended_by: e.AnyEvent | None = None
        """The event that ended it; None while it lives."""

    def apply(self, event: e.AnyEvent, time_ms: int) -> None:
        """One event that names the grant."""
        if isinstance(event, e.BetPlaced):
            self.balance -= event.bonus
            self.remaining -= event.counted
        elif isinstance(event, e.WinCredited):
            self._win(event)
        elif isinstance(event, e.RoundReversed):
            for delta in event.grants:
                if delta.grant_id == self._grant_id:
                    self._add(delta)
        elif isinstance(event, e.GrantReopened):
            self._reopen(event)
        else:
            self._begin(event, time_ms)
            self._maybe_end(event, time_ms)

    def _begin(self, event: e.AnyEvent, time_ms: int) -> None:
        if isinstance(event, e.GrantClaimed):
            self.opted_in_ms = time_ms
        elif isinstance(event, e.BonusGranted):
            self.state, self.balance, self.granted_ms = "granted", event.amount, time_ms
        elif isinstance(event, e.GrantActivated):
            self.state = "in_wager"
        elif isinstance(event, e.GrantHeld):
            self.state = "granted"
        elif isinstance(event, e.GrantHoldLifted):
            self.state = event.state

    def _win(self, event: e.WinCredited) -> None:
        """Winnings of free spins make the grant larger, and its wagering with it."""
        self.balance += event.bonus
        if event.wager_added:
            self.amount += event.bonus
            self.wager_total += event.wager_added
            done = min(event.wager_added, self._beyond)
            self.remaining += event.wager_added - done
            self._beyond -= done

    def _add(self, delta: e.GrantDelta) -> None:
        self.balance += delta.balance
        self.remaining += delta.remaining_wager
        self.amount += delta.amount
        self.wager_total += delta.wager_total
        self.released += delta.released
        self.removed += delta.removed
        self._beyond += delta.wagered_beyond

    def _reopen(self, event: e.GrantReopened) -> None:
        self.state, self.balance = event.state, event.balance
        self.released = self.removed = 0
        self.ended_ms = self.ended_by = None

    def _maybe_end(self, event: e.AnyEvent, time_ms: int) -> None:
        if isinstance(event, e.BonusRedeemed):
            self._end(event, "completed", time_ms, event.released, event.removed)
        elif isinstance(event, e.GrantExhausted):
            self._end(event, "completed", time_ms)
        elif isinstance(event, e.GrantExpired):
            self._end(event, "expired", time_ms, 0, event.removed)
        elif isinstance(event, e.GrantCancelled):
            self._end(event, "cancelled", time_ms, 0, event.removed)
        elif isinstance(event, e.GrantDeclined) or (
            isinstance(event, e.GrantCreated) and event.grant.state == "declined"
        ):
            self._end(event, "declined", time_ms)

    def _end(self, event: e.AnyEvent, state: str, time_ms: int, released: int = 0, removed: int = 0) -> None:
        self.state, self.balance, self.released, self.removed = state, 0, released, removed
        self.ended_ms, self.ended_by = time_ms, event
