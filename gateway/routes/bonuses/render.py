"""Bonuses, free spins and awards, from the engine's words to the JSON of the API."""

from typing import Literal

from engine.answers import AwardsAnswer, GrantAnswer, Granted, GrantStateAnswer
from engine.state import Grant, GrantTerms
from engine.views import AnyReply, CancelPreview, FreeSpinsView
from gateway.documents.values import balance, decimal, rfc3339
from gateway.routes.bonuses.schemas import (
    BonusJson,
    CancelPreviewJson,
    FreeSpinsJson,
    GrantedJson,
    GrantJson,
    GrantStateJson,
    KeptJson,
    ManualGrantJson,
    RemovedJson,
    TermsJson,
)
from gateway.texts import Texts, campaign_key


def granted(award: Granted) -> GrantedJson:
    """One award."""
    return GrantedJson(
        award.campaign_id,
        award.grant_id,
        award.amount,
        award.package_id,
        award.free_spins,
        award.state,
        award.reasons,
    )


def awards(of: tuple[Granted, ...]) -> list[GrantedJson]:
    """What a command triggered."""
    return [granted(award) for award in of]


def declined_awards(answer: AnyReply) -> tuple[Granted, ...]:
    """The awards that the gate declined of a manual grant or code, if it declined all of them; else none."""
    if isinstance(answer, GrantAnswer):
        return (answer.granted,) if answer.granted.state == "declined" else ()
    return answer.declined if isinstance(answer, AwardsAnswer) and not answer.granted else ()


def manual_grant(answer: GrantAnswer, player_id: str, replayed: bool) -> ManualGrantJson:
    """An operator's grant."""
    return ManualGrantJson(player_id, granted(answer.granted), balance(answer.balance), replayed)


def grant_state(answer: GrantStateAnswer, player_id: str, replayed: bool) -> GrantStateJson:
    """A grant after somebody decided about it."""
    return GrantStateJson(
        player_id,
        answer.grant_id,
        answer.campaign_id,
        answer.state,
        answer.reasons,
        balance(answer.balance),
        replayed,
    )


def cancel_preview(view: CancelPreview) -> CancelPreviewJson:
    """What giving up a grant or package would do."""
    return CancelPreviewJson(RemovedJson(view.removed_bonus, view.removed_free_spins), KeptJson(view.kept_real))


def wagered_percent(of: Grant) -> int:
    """How much of the required wagering is done, 0 to 100, rounded down; 100 if none is required."""
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
        of.cancel_on_withdrawal,
        of.min_average_bet,
        of.max_bet_counts,
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
        _awaits(of),
        of.held,
        of.frozen > 0,
        of.pending.count if of.pending is not None else 0,
    )


def _awaits(of: Grant) -> tuple[Literal["claim", "approval"], ...]:
    """What an initiated grant waits for. Other grants wait for nothing, although the fields may still be set."""
    if of.state != "initiated":
        return ()
    claim: tuple[Literal["claim"], ...] = ("claim",) if of.awaits_claim else ()
    approval: tuple[Literal["approval"], ...] = ("approval",) if of.awaits_approval else ()
    return (*claim, *approval)


def bonus(of: Grant, texts: Texts, language: str) -> BonusJson:
    """A grant with its campaign's texts."""
    shown = grant(of)
    return BonusJson(
        **{name: getattr(shown, name) for name in shown.__struct_fields__},
        name=texts.lookup(language, campaign_key(of.campaign_id, "name")),
        description=texts.lookup(language, campaign_key(of.campaign_id, "description")),
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
        of.frozen,
    )
