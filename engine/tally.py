"""What is counted over all players: who is registered, who holds which level, what became of awards (rules §6, §8).

The deltas add up in any order, whichever shard writes them: `issued` is all awards that reached a player, `active` are
those of them that still have something to play.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from engine import events as e
from engine.amounts import MICRO
from engine.currencies import COUNTED_PLAYERS, holders
from engine.holdings import find_ended_grant, find_grant, in_play
from engine.state import Grant, PlayerState

PLAYERS, POINTS = "players", "points"
"""`points`: available micro-points of all players, for their mean (rules §8)."""
LEVEL = "level"
"""`level:<id>`: registered players who hold the level (rules §8)."""
ISSUED, REDEEMED, EXPIRED, ACTIVE = "issued", "redeemed", "expired", "active"

Awards = Mapping[str, str]
"""Id of the bonus's grant, or of the package for free spins alone → campaign."""
NO_AWARDS: Awards = MappingProxyType({})


class ActiveAwards(NamedTuple):
    """A player's awards that are active, and those of free spins alone that have expired.

    A reversal brings back an expired award as long as it is known. One that is forgotten stays counted.
    """

    active: Awards
    expired: Awards


NOTHING = ActiveAwards(NO_AWARDS, NO_AWARDS)


def tally_name(figure: str, of: str) -> str:
    """The counter of one of a campaign's four figures, or of a level's players."""
    return f"{figure}:{of}"


def active_awards(state: PlayerState) -> ActiveAwards:
    """How the player's awards stand now."""
    if not state.grants and not state.packages and not state.award_ends:
        return NOTHING
    active = _active(state)
    expired = {
        award: end.campaign_id
        for award, end in state.award_ends.items()
        if end.expired and not end.otherwise and award not in active
    }
    return ActiveAwards(active, expired)


def _active(state: PlayerState) -> dict[str, str]:
    """The active awards. What waits for opt-in or approval has not been issued yet."""
    awards = {
        package.package_id: package.campaign_id
        for package in state.packages
        if not package.beside_bonus and (package.remaining or in_play(state, package.package_id))
    }
    for grant in state.grants:
        if grant.state != "initiated" and _speaks(grant):
            awards[_award_of(grant)] = grant.campaign_id
    return awards


def tally(
    before: ActiveAwards, after: ActiveAwards, state: PlayerState, events: Sequence[e.AnyEvent]
) -> dict[str, int]:
    """The deltas of one transition, by counter. `state` is the player's after it."""
    telling = [event for event in events if type(event) in _COUNTED]
    if not telling and before == after:
        return {}
    counting = _Counting(before, after, state)
    for event in telling:
        _COUNTED[type(event)](counting, event)
    counting.finish()
    return counting.deltas


def _speaks(grant: Grant) -> bool:
    """Whether the award is counted by this grant: by a bonus, or by the winnings of free spins that came without one.

    A grant without money only waited to hand out its free spins: the award is not counted by it.
    """
    return not grant.beside_bonus and (grant.amount > 0 or grant.package_id is not None)


def _award_of(grant: Grant) -> str:
    return grant.package_id or grant.grant_id


class _Counting:
    """Counts one transition.

    An award of free spins alone ends with its last part; `ActiveAwards` tells whether it expired.
    """

    def __init__(self, before: ActiveAwards, after: ActiveAwards, state: PlayerState) -> None:
        self.before, self.after, self.state = before, after, state
        self.deltas: dict[str, int] = {}

    def registered(self, event: e.PlayerRegistered) -> None:
        self.deltas[PLAYERS] = 1
        if event.exponent is not None:
            self.deltas |= {COUNTED_PLAYERS: 1, holders(event.currency, event.exponent): 1}
        if event.level:
            self._add(LEVEL, [event.level], 1)

    def level_changed(self, event: e.LevelChanged) -> None:
        """Who had no level before, because there was no ladder when they registered, leaves none."""
        self._add(LEVEL, [event.old] if event.old else [], -1)
        self._add(LEVEL, [event.new] if event.new else [], 1)

    def earned(self, event: e.BetPlaced | e.BetReported | e.RoundReversed | e.ReportedBetReversed) -> None:
        self._points(event.points_micro)

    def adjusted(self, event: e.PointsAdjusted) -> None:
        self._points(event.points_micro)

    def points_expired(self, event: e.PointsExpired) -> None:
        self._points(-event.points_micro)

    def locked(self, event: e.RedemptionRequested) -> None:
        self._points(-event.points * MICRO)

    def unlocked(self, event: e.RedemptionEnded | e.PointsReturned) -> None:
        self._points(event.points * MICRO)

    def created(self, event: e.GrantCreated) -> None:
        if event.grant.state == "granted" and event.grant.package_id is None:
            self._add(ISSUED, [event.grant.campaign_id], 1)

    def granted(self, event: e.BonusGranted) -> None:
        if event.amount:
            self._add(ISSUED, [event.campaign_id], 1)

    def spins_granted(self, event: e.FreeSpinsGranted) -> None:
        if not event.package.beside_bonus:
            self._add(ISSUED, [event.package.campaign_id], 1)

    def redeemed(self, event: e.BonusRedeemed) -> None:
        if event.released and self._award(event.grant_id) is not None:
            self._add(REDEEMED, [event.campaign_id], 1)

    def reopened(self, event: e.GrantReopened) -> None:
        """A reversal took back what was released, so the award no longer counts as redeemed."""
        grant = find_grant(self.state, event.grant_id) or find_ended_grant(self.state, event.grant_id)
        if grant is not None and _speaks(grant) and event.real:
            self._add(REDEEMED, [grant.campaign_id], -1)

    def expired(self, event: e.GrantExpired) -> None:
        """Counts a bonus that expired. Winnings don't count by themselves: they are a part of their award."""
        if not event.never_granted and self._award(event.grant_id) == event.grant_id:
            self._add(EXPIRED, [event.campaign_id], 1)

    def finish(self) -> None:
        """Counts the awards that have begun and ended, and the free spins that expired or came back after that."""
        (before, expired_before), (after, expired) = self.before, self.after
        self._add(ACTIVE, (campaign for award, campaign in after.items() if award not in before), 1)
        self._add(ACTIVE, (campaign for award, campaign in before.items() if award not in after), -1)
        self._add(EXPIRED, (campaign for award, campaign in expired.items() if award not in expired_before), 1)
        self._add(EXPIRED, (campaign for award, campaign in expired_before.items() if award in after), -1)

    def _award(self, grant_id: str) -> str | None:
        """The award that is counted by an ended grant; None if there is none."""
        if grant_id in self.before.active:
            return grant_id
        grant = find_ended_grant(self.state, grant_id)
        return _award_of(grant) if grant is not None and _speaks(grant) else None

    def _points(self, micro: int) -> None:
        if micro:
            self.deltas[POINTS] = self.deltas.get(POINTS, 0) + micro

    def _add(self, figure: str, of: Iterable[str], more: int) -> None:
        for each in of:
            name = tally_name(figure, each)
            self.deltas[name] = self.deltas.get(name, 0) + more


_COUNTED: dict[type[e.Event], Callable[[_Counting, Any], None]] = {
    e.PlayerRegistered: _Counting.registered,
    e.LevelChanged: _Counting.level_changed,
    e.BetPlaced: _Counting.earned,
    e.BetReported: _Counting.earned,
    e.RoundReversed: _Counting.earned,
    e.ReportedBetReversed: _Counting.earned,
    e.PointsAdjusted: _Counting.adjusted,
    e.PointsExpired: _Counting.points_expired,
    e.RedemptionRequested: _Counting.locked,
    e.RedemptionEnded: _Counting.unlocked,
    e.PointsReturned: _Counting.unlocked,
    e.GrantCreated: _Counting.created,
    e.BonusGranted: _Counting.granted,
    e.FreeSpinsGranted: _Counting.spins_granted,
    e.BonusRedeemed: _Counting.redeemed,
    e.GrantReopened: _Counting.reopened,
    e.GrantExpired: _Counting.expired,
}
