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
        campaign_id=award.campaign_id,
        grant_id=award.grant_id,
        amount=award.amount,
        package_id=award.package_id,
        free_spins=award.free_spins,
        state=award.state,
        reasons=award.reasons,
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
        player_id=player_id,
        grant_id=answer.grant_id,
        campaign_id=answer.campaign_id,
        state=answer.state,
        reasons=answer.reasons,
        balance=balance(answer.balance),
        replayed=replayed,
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
        multiplier=decimal(of.multiplier_micro),
        min_bet=of.min_bet,
        max_bet=of.max_bet,
        over_max_bet=of.over_max_bet,
        excluded_games=of.excluded_games,
        excluded_policy=of.excluded_policy,
        contribution={"games": of.contribution_games, "types": of.contribution_types},
        max_cashout=of.max_cashout,
        funds_order=of.funds_order,
        cancel_on_withdrawal=of.cancel_on_withdrawal,
        min_average_bet=of.min_average_bet,
        max_bet_counts=of.max_bet_counts,
    )


def grant(of: Grant) -> GrantJson:
    """One bonus bucket."""
    return GrantJson(
        grant_id=of.grant_id,
        campaign_id=of.campaign_id,
        state=of.state,
        amount=of.amount,
        balance=of.balance,
        remaining_wager=of.remaining_wager,
        wagered_percent=wagered_percent(of),
        granted_at=rfc3339(of.granted_ms),
        valid_to=rfc3339(of.valid_to_ms),
        terms=terms(of.terms),
        reasons=of.reasons,
        exhausted=of.exhausted,
        awaits=_awaits(of),
        held=of.held,
        frozen=of.frozen > 0,
        free_spins=of.pending.count if of.pending is not None else 0,
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
        package_id=of.package_id,
        campaign_id=of.campaign_id,
        games=of.games,
        free_spins_remaining=of.free_spins_remaining,
        free_spin_bet_amount=of.free_spin_bet_amount,
        valid_from=rfc3339(of.valid_from_ms),
        valid_to=rfc3339(of.valid_to_ms),
        frozen=of.frozen,
    )
