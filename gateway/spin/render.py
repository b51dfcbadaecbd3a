"""Rounds, from the engine's compact answers to the JSON of the API: what the hot path renders."""

from engine.answers import RollbackAnswer, RoundAnswer
from gateway.documents.base import BalanceJson, FundsJson, RollbackJson, SpinAnswer, StandingJson, WageringJson
from gateway.documents.values import balance


def spin(answer: RoundAnswer, player_id: str, replayed: bool = False) -> SpinAnswer:
    """A round."""
    money = answer.balance
    wagering = answer.wagering
    return SpinAnswer(
        answer.session_id,
        answer.round_id,
        player_id,
        answer.game_id,
        answer.mode,
        answer.state,
        answer.bet_amount,
        answer.win_amount,
        answer.win_reported,
        answer.remaining_spins,
        answer.currency,
        FundsJson(answer.funds_real, answer.funds_bonus),
        BalanceJson(money.real, money.bonus, money.bonus_usable, money.withdrawable),
        WageringJson(wagering.grant_id, wagering.remaining, wagering.counted, wagering.max_bet),
        StandingJson(answer.level or None, answer.points),
        replayed,
        answer.flagged,
    )


def rollback(answer: RollbackAnswer, player_id: str, replayed: bool) -> RollbackJson:
    """What a rollback did."""
    money = balance(answer.balance) if answer.balance is not None else None
    return RollbackJson(answer.status, answer.kept_grants, player_id, answer.session_id, money, replayed)
