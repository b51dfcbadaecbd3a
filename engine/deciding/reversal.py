"""Undoing a round exactly: every delta comes from what the bet and the win recorded (rules §2.5)."""

from collections.abc import Sequence

from msgspec.structs import replace

from engine.answers import Reversal, RoundAnswer
from engine.calendar import DAY_MS
from engine.events import AnyEvent, DayDelta, GrantDelta, GrantReopened, RoundReversed
from engine.expiry import is_over
from engine.holdings import find_ended_grant, find_grant, find_package, state_on_return
from engine.rejections import WIN_ALREADY_SPENT, Rejection
from engine.state import Bet, Grant, OpenRound, PlayerState
from engine.transition import Decision


def reverse_open_round(state: PlayerState, round_: OpenRound) -> RoundReversed:
    """All bets of an open round without results.

    They get no tombstones, because nobody rolled them back: a repeated bet gets its first answer.
    """
    return _undone(state, round_, round_.bets, ())


def reverse_open_bet(state: PlayerState, round_: OpenRound, bet: Bet) -> RoundReversed:
    """One bet of an open round; the round goes on while another of its bets stands (rules §3)."""
    return _undone(state, round_, [bet], (bet.command_id,))


def _undone(state: PlayerState, round_: OpenRound, bets: Sequence[Bet], tombstones: tuple[str, ...]) -> RoundReversed:
    """What the bets recorded, with the opposite sign.

    Their grants are live, because the round keeps them from ending.
    """
    others = [bet for bet in round_.bets if bet not in bets]
    by_grant = dict.fromkeys(bet.grant_id for bet in bets if bet.grant_id is not None)
    return RoundReversed(
        session_id=round_.session_id,
        game_id=round_.game_id,
        real=sum(bet.real for bet in bets),
        grants=tuple(_returned(state, grant_id, bets, others) for grant_id in by_grant),
        package_id=round_.package_id,
        spins=0 if round_.package_id is None else 1,
        package_won=0,
        tombstones=tombstones,
        turnover_micro=-sum(bet.turnover_micro for bet in bets),
        points_micro=-sum(bet.points_micro for bet in bets),
        qualifying_micro=sum(unqualified(state, bet.version, bet.turnover_micro) for bet in bets),
        days=tuple(DayDelta(bet.time_ms // DAY_MS, -bet.turnover_micro, -bet.real) for bet in bets),
        stays_open=bool(others),
    )


def _returned(state: PlayerState, grant_id: str, bets: Sequence[Bet], others: Sequence[Bet]) -> GrantDelta:
    """What the bets took from one grant.

    `others` are the bets of the round that stand: with `max_bet_counts: round`, a round is one stake in the mean of
    counted stakes as long as any of its bets counts (rules §4).
    """
    ours = [bet for bet in bets if bet.grant_id == grant_id]
    counting = [bet for bet in ours if bet.counted]
    grant = find_grant(state, grant_id)
    rounds = len(counting)
    if grant is not None and grant.terms.max_bet_counts == "round":
        rounds = 1 if counting and not any(bet.counted and bet.grant_id == grant_id for bet in others) else 0
    counted = sum(bet.counted for bet in counting)
    due, beyond = (counted, 0) if grant is None else _uncounted(grant, counted)
    return GrantDelta(
        grant_id,
        sum(bet.bonus for bet in ours),
        due,
        void_bets=-sum(bet.voids for bet in ours),
        counted_stakes=-sum(bet.amount for bet in counting),
        counted_bets=-rounds,
        wagered_beyond=-beyond,
    )


def unqualified(state: PlayerState, version: int, turnover_micro: int) -> int:
    """The change to the qualifying turnover when a bet at that version is undone; 0 if it was set anew since
    (rules §8).
    """
    return -turnover_micro if version > state.loyalty.reset_version else 0


def _uncounted(grant: Grant, counted: int) -> tuple[int, int]:
    """How much of `counted` is due again, and how much was wagered beyond all that is due.

    Something was wagered beyond what is due only if it was for free spin winnings that were rolled back since. Never
    more is due again than was required at first.
    """
    beyond = min(counted, grant.wagered_beyond)
    return min(counted - beyond, grant.wager_total - grant.remaining_wager), beyond


def reverse_one_call(
    state: PlayerState, answer: RoundAnswer, done: Reversal, command_id: str, time_ms: int
) -> Decision:
    """Reverses bet and win of a one-call round together, as `done` recorded them; or `win_already_spent` (rules §3).

    The bet's grant may have ended since. Before its `valid_to`, a completed grant is reopened: what it released comes
    back from the real wallet first. A grant that this bet, over `max_bet`, had cancelled is reopened, too; if another
    such bet stands, it is cancelled again. A grant that another bet had cancelled is corrected while it stays
    cancelled, because that bet's reversal may still reopen it. After its `valid_to`, a completed grant stays completed:
    what bet and win did to the money that it released is undone in the real wallet. If the grant expired, was cancelled
    otherwise or is forgotten, the bonus part stays removed. So a reversal never takes more than the bet brought
    (rules §2.5).
    """
    real = answer.funds_real - done.won_real
    grant_id = done.grant_id or done.won_grant_id
    events: list[AnyEvent] = []
    deltas: tuple[GrantDelta, ...] = ()
    released = 0
    if grant_id is not None:
        grant, ended = find_grant(state, grant_id), find_ended_grant(state, grant_id)
        if ended is not None and _reopens(ended, done, time_ms):
            grant, released = ended, ended.released
            held = ended.released + ended.removed
            back = state_on_return(state, ended)
            events.append(GrantReopened(grant_id, released, held, back, ended.campaign_id, ended.valid_to_ms))
        if grant is not None:
            deltas = (_delta(grant, answer, done),)
            if grant.balance + grant.released + grant.removed + deltas[0].balance < 0:
                return _already_spent(answer.session_id, done)
        elif ended is not None and _may_return(ended, time_ms):
            delta = _delta(ended, answer, done)
            if ended.removed + delta.balance < 0:
                return _already_spent(answer.session_id, done)
            deltas = (replace(delta, balance=0, removed=delta.balance),)
        elif ended is not None and ended.state == "completed" and not ended.remaining_wager:
            corrected = _corrected(ended, answer.funds_bonus - done.won_bonus)
            if corrected is None:
                return _already_spent(answer.session_id, done)
            real += corrected.released
            deltas = (corrected,)
    if state.real - released + real < state.reserved:
        return _already_spent(answer.session_id, done)
    events.append(_reversed(state, answer, done, real, deltas, command_id))
    return events


def _reopens(ended: Grant, done: Reversal, time_ms: int) -> bool:
    """Whether the grant, which completed or was cancelled over `max_bet` by this very bet, can still be played."""
    by_play = ended.state == "completed" or (ended.state == "cancelled" and done.voids)
    return by_play and not is_over(ended, time_ms)


def _may_return(ended: Grant, time_ms: int) -> bool:
    """Whether the reversal of another bet, which had cancelled the grant, can still reopen it (rules §2.5).

    If it can, this reversal must correct the grant, or the order of the two reversals would matter.
    """
    return ended.state == "cancelled" and ended.void_bets > 0 and not is_over(ended, time_ms)


def _corrected(ended: Grant, bonus: int) -> GrantDelta | None:
    """What a completed grant would have paid out with `bonus` more in it: at most `max_cashout`; the rest is removed.

    None if it held less than is to be taken: the win was staked again and lost.
    """
    held = ended.released + ended.removed + bonus
    if held < 0:
        return None
    cap = ended.terms.max_cashout
    released = held if cap is None else min(held, cap)
    return GrantDelta(ended.grant_id, 0, 0, released=released - ended.released, removed=held - released - ended.removed)


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
        session_id=answer.session_id,
        game_id=answer.game_id,
        real=real,
        grants=deltas,
        package_id=package_id,
        spins=spins,
        package_won=won,
        tombstones=(command_id,),
        turnover_micro=-done.turnover_micro,
        kept_grants=kept_awards(state, version),
        points_micro=-done.points_micro,
        qualifying_micro=unqualified(state, int(version), done.turnover_micro),
        days=(DayDelta(answer.time_ms // DAY_MS, -done.turnover_micro, -answer.funds_real, -done.won_real),),
    )


def kept_awards(state: PlayerState, version: str) -> tuple[str, ...]:
    """Ids of the grants and packages that a bet at the player's `version` had triggered: they stay (rules §3).

    The winnings of the bet's own free spin are no award: the reversal takes them back.
    """
    grants = (grant for grant in (*state.grants, *state.ended_grants) if grant.package_id is None)
    triggered = [g.grant_id for g in grants if g.state != "declined" and g.grant_id.startswith(f"g{version}-")]
    triggered += [p.package_id for p in state.packages if p.package_id.startswith(f"p{version}-")]
    return tuple(triggered)


def _delta(grant: Grant, answer: RoundAnswer, done: Reversal) -> GrantDelta:
    """The reversal's deltas on the one grant the bet touched: it staked and counted, or took free spin winnings."""
    balance = answer.funds_bonus - done.won_bonus
    if done.package_id is None:
        due, beyond = _uncounted(grant, done.counted)
        return GrantDelta(
            grant.grant_id,
            balance,
            due,
            void_bets=-done.voids,
            counted_stakes=-answer.bet_amount if done.counted else 0,
            counted_bets=-1 if done.counted else 0,
            wagered_beyond=-beyond,
        )
    less = min(grant.remaining_wager, done.wager_added)
    return GrantDelta(
        grant.grant_id,
        balance,
        -less,
        amount=-done.won_bonus,
        wager_total=-done.wager_added,
        wagered_beyond=done.wager_added - less,
    )


def _already_spent(session_id: str, done: Reversal) -> Rejection:
    return Rejection(
        WIN_ALREADY_SPENT,
        f"The win of round {session_id} has been spent since: an operator must look.",
        {"session_id": session_id, "amount": done.won_real + done.won_bonus},
        for_operator=True,
    )
