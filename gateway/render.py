"""From the engine's compact answers to the JSON of the API: times in RFC 3339 UTC, multipliers as decimal strings."""

from datetime import UTC, datetime

from engine.amounts import MICRO
from engine.answers import (
    Balance,
    BlockAnswer,
    DepositAnswer,
    GrantAnswer,
    Granted,
    RegisteredAnswer,
    RollbackAnswer,
    RoundAnswer,
)
from engine.state import Grant, GrantTerms
from engine.views import FreeSpinsView, PlayerView
from gateway.schemas import (
    BalanceJson,
    BlockJson,
    DepositJson,
    FreeSpinsJson,
    FundsJson,
    GrantedJson,
    GrantJson,
    ManualGrantJson,
    PlayerJson,
    PlayerRegisteredJson,
    RollbackJson,
    SpinAnswer,
    TermsJson,
    WageringJson,
)


def rfc3339(time_ms: int) -> str:
    """Unix ms → `2026-01-01T00:00:00.000Z`."""
    seconds, millis = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def decimal(micro: int) -> str:
    """Millionths → the shortest decimal string: 35_000_000 → `35`, 500_000 → `0.5`."""
    whole, fraction = divmod(micro, MICRO)
    return f"{whole}.{fraction:06d}".rstrip("0").rstrip(".")


def balance(of: Balance) -> BalanceJson:
    """The four figures of a player's money."""
    return BalanceJson(of.real, of.bonus, of.bonus_usable, of.withdrawable)


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
        replayed,
    )


def rollback(answer: RollbackAnswer, player_id: str, replayed: bool) -> RollbackJson:
    """What a rollback did."""
    money = balance(answer.balance) if answer.balance is not None else None
    return RollbackJson(answer.status, answer.kept_grants, player_id, answer.session_id, money, replayed)


def registered(answer: RegisteredAnswer, player_id: str, replayed: bool) -> PlayerRegisteredJson:
    """The profile."""
    return PlayerRegisteredJson(player_id, answer.currency, answer.country, answer.language, answer.segments, replayed)


def granted(award: Granted) -> GrantedJson:
    """One award."""
    return GrantedJson(award.campaign_id, award.grant_id, award.amount, award.package_id, award.free_spins)


def deposit(answer: DepositAnswer, player_id: str, replayed: bool) -> DepositJson:
    """A deposit and what it triggered."""
    return DepositJson(
        answer.deposit_id,
        player_id,
        answer.amount,
        answer.currency,
        balance(answer.balance),
        [granted(award) for award in answer.granted],
        [granted(award) for award in answer.declined],
        replayed,
    )


def manual_grant(answer: GrantAnswer, player_id: str, replayed: bool) -> ManualGrantJson:
    """An operator's grant."""
    return ManualGrantJson(player_id, granted(answer.granted), balance(answer.balance), replayed)


def block(answer: BlockAnswer, player_id: str, replayed: bool) -> BlockJson:
    """The player's standing."""
    return BlockJson(player_id, answer.blocked, answer.reason, replayed)


def wagered_percent(of: Grant) -> int:
    """How much of the required wagering is done, 0 to 100, rounded down; nothing required counts as done."""
    if of.wager_total <= 0:
        return 100
    return max(0, (of.wager_total - of.remaining_wager) * 100 // of.wager_total)


def terms(of: GrantTerms) -> TermsJson:
    """A grant's frozen terms."""
    return TermsJson(
        decimal(of.multiplier_micro),
        of.min_bet,
        of.max_bet,
        of.over_max_bet,
        of.excluded_games,
        of.excluded_policy,
        {"games": of.contribution_games, "types": of.contribution_types},
        of.max_cashout,
        of.funds_order,
    )


def grant(of: Grant) -> GrantJson:
    """One bonus bucket."""
    return GrantJson(
        of.grant_id,
        of.campaign_id,
        of.state,
        of.amount,
        of.balance,
        of.remaining_wager,
        wagered_percent(of),
        rfc3339(of.granted_ms),
        rfc3339(of.valid_to_ms),
        terms(of.terms),
        of.reasons,
        of.exhausted,
    )


def free_spins(of: FreeSpinsView) -> FreeSpinsJson:
    """One free spin package."""
    return FreeSpinsJson(
        of.package_id,
        of.campaign_id,
        of.games,
        of.free_spins_remaining,
        of.free_spin_bet_amount,
        rfc3339(of.valid_from_ms),
        rfc3339(of.valid_to_ms),
    )


def player(view: PlayerView, stale: bool = False) -> PlayerJson:
    """Everything about a player."""
    return PlayerJson(
        view.player_id,
        view.currency,
        view.country,
        view.language,
        view.segments,
        view.blocked,
        stale,
        balance(view.balance),
        [grant(of) for of in view.grants],
        [free_spins(of) for of in view.free_spins],
        [spin(answer, view.player_id) for answer in view.open_rounds],
    )
