"""Players, deposits, withdrawals and what happens elsewhere, from the engine's words to the JSON of the API."""

from engine.answers import (
    AwardsAnswer,
    BlockAnswer,
    DepositAnswer,
    ErasedAnswer,
    FlagClearedAnswer,
    RegisteredAnswer,
    ReportedBetAnswer,
    SessionAnswer,
    WithdrawalAnswer,
)
from engine.catalog import GameType
from engine.state import Flagged, Withdrawal
from engine.views import PlayerView
from gateway.documents.values import balance, decimal, euros, rfc3339
from gateway.routes.bonuses.render import awards, free_spins, grant
from gateway.routes.loyalty.render import loyalty, rtp_or_none
from gateway.routes.players.schemas import (
    AwardsJson,
    BlockJson,
    DepositJson,
    ErasedJson,
    FlagClearedJson,
    FlaggedJson,
    PlayerJson,
    PlayerRegisteredJson,
    ReportedBetJson,
    ReservedJson,
    SessionJson,
    WithdrawalJson,
)
from gateway.spin.render import spin


def registered(answer: RegisteredAnswer, player_id: str, replayed: bool) -> PlayerRegisteredJson:
    """A player's profile."""
    return PlayerRegisteredJson(player_id, answer.currency, answer.country, answer.language, answer.segments, replayed)


def deposit(answer: DepositAnswer, player_id: str, replayed: bool) -> DepositJson:
    """A deposit and what it triggered."""
    return DepositJson(
        deposit_id=answer.deposit_id,
        player_id=player_id,
        amount=answer.amount,
        currency=answer.currency,
        balance=balance(answer.balance),
        granted=awards(answer.granted),
        declined=awards(answer.declined),
        replayed=replayed,
    )


def withdrawal(answer: WithdrawalAnswer, player_id: str, replayed: bool) -> WithdrawalJson:
    """A withdrawal after a step."""
    return WithdrawalJson(
        withdrawal_id=answer.withdrawal_id,
        amount=answer.amount,
        state=answer.state,
        grants=answer.grants,
        packages=answer.packages,
        player_id=player_id,
        currency=answer.currency,
        balance=balance(answer.balance),
        privilege=answer.privilege,
        replayed=replayed,
    )


def session(answer: SessionAnswer, player_id: str, replayed: bool) -> SessionJson:
    """A session: what is to be resumed, and what it triggered."""
    rounds = [spin(of, player_id) for of in answer.open_rounds]
    return SessionJson(
        player_id,
        rtp_or_none(answer.min_rtp_micro),
        rounds,
        awards(answer.granted),
        awards(answer.declined),
        replayed,
    )


def awarded(answer: AwardsAnswer, player_id: str, replayed: bool) -> AwardsJson:
    """What a custom event or a bonus code triggered."""
    return AwardsJson(player_id, balance(answer.balance), awards(answer.granted), awards(answer.declined), replayed)


def reported_bet(answer: ReportedBetAnswer, player_id: str, replayed: bool) -> ReportedBetJson:
    """A bet of another vertical."""
    game_type: GameType = answer.game_type  # type: ignore[assignment]  # decide refuses others
    return ReportedBetJson(
        bet_id=answer.bet_id,
        player_id=player_id,
        amount=answer.amount,
        game_type=game_type,
        turnover_eur=euros(answer.turnover_micro),
        points_earned=decimal(answer.points_micro),
        level=answer.level or None,
        granted=awards(answer.granted),
        declined=awards(answer.declined),
        replayed=replayed,
    )


def block(answer: BlockAnswer, player_id: str, replayed: bool) -> BlockJson:
    """The player's standing."""
    return BlockJson(player_id, answer.blocked, answer.reason, replayed)


def erased(answer: ErasedAnswer, player_id: str, replayed: bool) -> ErasedJson:
    """The erasure, for good."""
    return ErasedJson(player_id, rfc3339(answer.erased_ms), replayed)


def player(view: PlayerView) -> PlayerJson:
    """Everything about a player."""
    return PlayerJson(
        player_id=view.player_id,
        currency=view.currency,
        country=view.country,
        language=view.language,
        segments=view.segments,
        blocked=view.blocked,
        stale=False,
        balance=balance(view.balance),
        grants=[grant(of) for of in view.grants],
        free_spins=[free_spins(of) for of in view.free_spins],
        open_rounds=[spin(answer, view.player_id) for answer in view.open_rounds],
        withdrawals=[_reserved(of) for of in view.withdrawals],
        loyalty=None if view.loyalty is None else loyalty(view.loyalty),
        flagged=[flagged(of) for of in view.flagged],
        erased_at=None if view.erased_ms is None else rfc3339(view.erased_ms),
    )


def _reserved(of: Withdrawal) -> ReservedJson:
    return ReservedJson(of.withdrawal_id, of.amount, of.state, of.grants, of.packages)


def flagged(of: Flagged) -> FlaggedJson:
    """A flagged refusal that waits for an operator."""
    return FlaggedJson(of.flag_id, of.code, of.session_id, of.transaction_id, of.amount, rfc3339(of.flagged_ms))


def flag_cleared(answer: FlagClearedAnswer, player_id: str, replayed: bool) -> FlagClearedJson:
    """A flagged refusal that an operator has dealt with."""
    return FlagClearedJson(
        player_id=player_id,
        flag_id=answer.flag_id,
        code=answer.code,
        session_id=answer.session_id,
        amount=answer.amount,
        reason=answer.reason,
        replayed=replayed,
    )
