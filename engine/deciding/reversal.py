"""Undoing a round exactly: every delta comes from what the bet and the win recorded (rules §2.5)."""

from msgspec.structs import replace

from engine.answers import Reversal, RoundAnswer
from engine.calendar import DAY_MS
from engine.deciding.decision import Decision
from engine.events import AnyEvent, DayDelta, GrantDelta, GrantReopened, RoundReversed
from engine.holdings import find_ended_grant, find_grant, find_package, in_queue, queue_place
from engine.rejections import WIN_ALREADY_SPENT, Rejection
from engine.state import Grant, GrantState, OpenRound, PlayerState


def reverse_open_round(state: PlayerState, round_: OpenRound, tombstones: tuple[str, ...]) -> RoundReversed:
    """All bets of an open round without results. Its grants are live: the round ties them."""
    deltas: dict[str, GrantDelta] = {}
    for bet in round_.bets:
        if bet.grant_id is not None:
            so_far = deltas.get(bet.grant_id) or GrantDelta(bet.grant_id, 0, 0)
            deltas[bet.grant_id] = GrantDelta(
                bet.grant_id,
                so_far.balance + bet.bonus,
                so_far.remaining_wager + bet.counted,
                void_bets=so_far.void_bets - bet.voids,
                counted_stakes=so_far.counted_stakes - (bet.amount if bet.counted else 0),
                counted_bets=so_far.counted_bets - (1 if bet.counted else 0),
            )
    return RoundReversed(
        round_.session_id,
        round_.game_id,
        sum(bet.real for bet in round_.bets),
        tuple(_within_total(state, delta) for delta in deltas.values()),
        round_.package_id,
        0 if round_.package_id is None else 1,
        0,
        tombstones,
        -sum(bet.turnover_micro for bet in round_.bets),
        points_micro=-sum(bet.points_micro for bet in round_.bets),
        qualifying_micro=sum(unqualified(state, bet.version, bet.turnover_micro) for bet in round_.bets),
        days=tuple(DayDelta(bet.time_ms // DAY_MS, -bet.turnover_micro, -bet.real) for bet in round_.bets),
    )


def unqualified(state: PlayerState, version: int, turnover_micro: int) -> int:
    """What a bet at that version leaves of the qualifying turnover: nothing, if that was set anew since (rules §8)."""
    return -turnover_micro if version > state.loyalty.reset_version else 0


def _within_total(state: PlayerState, delta: GrantDelta) -> GrantDelta:
    grant = find_grant(state, delta.grant_id)
    return delta if grant is None else replace(delta, remaining_wager=_uncounted(grant, delta.remaining_wager))


def _uncounted(grant: Grant, counted: int) -> int:
    """What goes back to the wagering: `counted`, but never more than was required to begin with.

    It is less only for free spin winnings that were rolled back after they had been wagered for.
    """
    return min(counted, grant.wager_total - grant.remaining_wager)


def reverse_one_call(state: PlayerState, answer: RoundAnswer, done: Reversal, command_id: str) -> Decision:
    """Bet and win of a one-call round together, by its recorded `done`; or `win_already_spent` (rules §3).

    A grant that has completed since is reopened: what it released comes back from the real wallet first. So is one
    that this bet, over `max_bet`, had cancelled; if another such bet stands it is cancelled again.
    Of one that expired or was cancelled otherwise, or is forgotten, the bonus part stays removed.
    """
    real = answer.funds_real - done.won_real
    grant_id = done.grant_id or done.won_grant_id
    events: list[AnyEvent] = []
    deltas: tuple[GrantDelta, ...] = ()
    reopened = None
    if grant_id is not None:
        grant = find_grant(state, grant_id)
        if grant is None:
            grant = reopened = _ended_by_play(state, grant_id, done)
        if grant is not None:
            deltas = (_delta(grant, answer, done),)
            held = grant.balance + grant.released + grant.removed
            if held + deltas[0].balance < 0:
                return _already_spent(answer.session_id, done)
    released = 0
    if reopened is not None:
        released = reopened.released
        held = reopened.released + reopened.removed
        events.append(GrantReopened(reopened.grant_id, released, held, _place_of(state, reopened)))
    if state.real - released + real < state.reserved:
        return _already_spent(answer.session_id, done)
    events.append(_reversed(state, answer, done, real, deltas, command_id))
    return events


def _reversed(
    state: PlayerState, answer: RoundAnswer, done: Reversal, real: int, deltas: tuple[GrantDelta, ...], command_id: str
) -> RoundReversed:
    package_id = done.package_id
    if package_id is None or find_package(state, package_id) is None:
        package_id, spins, won = None, 0, 0
    else:
        spins, won = 1, done.won_real + done.won_bonus
    version = answer.session_id.rpartition("-")[2]
    return RoundReversed(
        answer.session_id,
        answer.game_id,
        real,
        deltas,
        package_id,
        spins,
        won,
        (command_id,),
        -done.turnover_micro,
        kept_awards(state, version),
        -done.points_micro,
        unqualified(state, int(version), done.turnover_micro),
        (DayDelta(answer.time_ms // DAY_MS, -done.turnover_micro, -answer.funds_real, -done.won_real),),
    )


def kept_awards(state: PlayerState, version: str) -> tuple[str, ...]:
    """Ids of the grants and packages that a bet at the player's `version` had triggered: they stay (rules §3).

    Winnings of its own free spin are no award: the reversal takes them back.
    """
    grants = (grant for grant in (*state.grants, *state.ended_grants) if grant.package_id is None)
    triggered = [g.grant_id for g in grants if g.state != "declined" and g.grant_id.startswith(f"g{version}-")]
    triggered += [p.package_id for p in state.packages if p.package_id.startswith(f"p{version}-")]
    return tuple(triggered)


def _ended_by_play(state: PlayerState, grant_id: str, done: Reversal) -> Grant | None:
    """The grant if it completed, or was cancelled over `max_bet` after this very bet."""
    grant = find_ended_grant(state, grant_id)
    if grant is None or (grant.state != "completed" and not (grant.state == "cancelled" and done.voids)):
        return None
    return grant


def _delta(grant: Grant, answer: RoundAnswer, done: Reversal) -> GrantDelta:
    """The reversal's deltas on the one grant it touches: what it staked and counted, or won as free spin winnings."""
    balance = answer.funds_bonus - done.won_bonus
    if done.package_id is None:
        return GrantDelta(
            grant.grant_id,
            balance,
            _uncounted(grant, done.counted),
            void_bets=-done.voids,
            counted_stakes=-answer.bet_amount if done.counted else 0,
            counted_bets=-1 if done.counted else 0,
        )
    less = min(grant.remaining_wager, done.wager_added)
    return GrantDelta(grant.grant_id, balance, -less, amount=-done.won_bonus, wager_total=-done.wager_added)


def _place_of(state: PlayerState, reopened: Grant) -> GrantState:
    """At the head of the queue the reopened grant is in wager again, and a younger one steps back (rules §4)."""
    head = next(filter(in_queue, state.grants), None)
    if head is not None and queue_place(head) < queue_place(reopened):
        return "granted"
    return "in_wager"


def _already_spent(session_id: str, done: Reversal) -> Rejection:
    return Rejection(
        WIN_ALREADY_SPENT,
        f"The win of round {session_id} has been spent since: an operator must look.",
        {"session_id": session_id, "amount": done.won_real + done.won_bonus},
    )
