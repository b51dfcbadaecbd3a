"""Queries: pictures of a player, made from state and window. Nothing is changed here."""

from collections.abc import Callable
from typing import Any

from engine import queries as q
from engine.answering import picture
from engine.answers import OPEN, RoundAnswer
from engine.catalog import Catalog
from engine.expiry import is_over
from engine.holdings import balance, find_grant, find_package, queue_place
from engine.loyalty.ladder import level_of
from engine.loyalty.privileges import min_rtp_micro
from engine.loyalty.view import loyalty_view
from engine.rejections import GRANT_NOT_FOUND, PLAYER_NOT_FOUND, SESSION_NOT_FOUND, UNKNOWN_GAME, Rejection
from engine.remembered import newest_answer, round_answers
from engine.state import Grant, Player, PlayerState
from engine.views import (
    AnyReply,
    CancelPreview,
    FreeSpinsView,
    GrantsView,
    LoyaltyView,
    PlayerView,
    RoundsView,
    RtpView,
)


def show(player: Player, catalog: Catalog, body: q.QueryBody, time_ms: int) -> AnyReply | Rejection:
    """The view asked for, as of `time_ms`; `player_not_found` before registration."""
    state = player.state
    if not state.currency:
        return Rejection(PLAYER_NOT_FOUND, f"Player {state.player_id} is not registered: register the player first.")
    kind = type(body)
    if kind in _BY_CATALOG:
        return _BY_CATALOG[kind](player, catalog, body, time_ms)
    return _SHOWS[kind](player, body, time_ms)


def _player(player: Player, catalog: Catalog, body: q.GetPlayer, time_ms: int) -> PlayerView:
    state = player.state
    return PlayerView(
        player_id=state.player_id,
        version=state.version,
        currency=state.currency,
        country=state.country,
        language=state.language,
        segments=state.segments,
        blocked=state.blocked is not None,
        balance=balance(state, time_ms),
        grants=tuple(state.grants),
        free_spins=_free_spins(state, time_ms),
        open_rounds=tuple(_open_rounds(state).values()),
        withdrawals=tuple(w for w in state.withdrawals.values() if w.state == "reserved"),
        loyalty=loyalty_view(state, catalog, time_ms),
        flagged=tuple(state.flagged),
        erased_ms=state.erased_ms,
    )


def _free_spins(state: PlayerState, time_ms: int) -> tuple[FreeSpinsView, ...]:
    return tuple(
        FreeSpinsView(
            package_id=package.package_id,
            campaign_id=package.campaign_id,
            games=package.games,
            free_spins_remaining=package.remaining,
            free_spin_bet_amount=package.bet,
            valid_from_ms=package.valid_from_ms,
            valid_to_ms=package.valid_to_ms,
            frozen=package.frozen > 0,
        )
        for package in state.packages
        if package.remaining and not is_over(package, time_ms)
    )


def _open_rounds(state: PlayerState) -> dict[str, RoundAnswer]:
    return {sid: picture(state, round_, OPEN, round_.opened_ms) for sid, round_ in state.rounds.items()}


def _round(player: Player, body: q.GetRound, time_ms: int) -> RoundAnswer | Rejection:
    state = player.state
    round_ = state.rounds.get(body.session_id)
    if round_ is not None:
        return picture(state, round_, OPEN, round_.opened_ms)
    found = newest_answer(player.window, body.session_id)
    if found is None:
        return Rejection(SESSION_NOT_FOUND, f"Player {state.player_id} has no round {body.session_id}.")
    return found


def _rounds(player: Player, body: q.GetRounds, time_ms: int) -> RoundsView:
    """One entry per round, by when it was opened."""
    found = _open_rounds(player.state)
    for answer in round_answers(player.window):
        found.setdefault(answer.session_id, answer)
    newest = sorted(found.values(), key=_opened_at, reverse=True)
    return RoundsView(tuple(newest[: max(0, body.limit)]))


def _opened_at(answer: RoundAnswer) -> int:
    """Session ids are `<player>-<version>`: the version orders them."""
    return int(answer.session_id.rpartition("-")[2])


def _bonuses(player: Player, body: q.GetBonuses, time_ms: int) -> GrantsView:
    state = player.state
    grants: list[Grant] = [*state.grants, *state.ended_grants]
    return GrantsView(tuple(sorted(grants, key=queue_place, reverse=True)), state.language)


def _cancel_preview(player: Player, body: q.GetCancelPreview, time_ms: int) -> CancelPreview | Rejection:
    """A grant that still waits holds no money yet. Free spins are removed with their own package only."""
    state = player.state
    package = find_package(state, body.grant_id)
    if package is not None and package.remaining:
        return CancelPreview(0, package.remaining, state.real)
    grant = find_grant(state, body.grant_id)
    if grant is None:
        return Rejection(GRANT_NOT_FOUND, f"Player {state.player_id} has no bonus {body.grant_id} to give up.")
    return CancelPreview(grant.balance, 0, state.real)


def _loyalty(player: Player, catalog: Catalog, body: q.GetLoyalty, time_ms: int) -> LoyaltyView:
    return loyalty_view(player.state, catalog, time_ms)


def _rtp(player: Player, catalog: Catalog, body: q.GetRtp, time_ms: int) -> RtpView | Rejection:
    """The return to player selects a variant of the game at launch; it never changes a running game (rules §8)."""
    if body.game_id not in catalog.games:
        return Rejection(UNKNOWN_GAME, f"There is no game {body.game_id!r} in the catalog.")
    state = player.state
    return RtpView(min_rtp_micro(catalog, state), level_of(catalog, state), catalog.flags.get("rtp_by_level", False))


_BY_CATALOG: dict[type, Callable[[Player, Catalog, Any, int], AnyReply | Rejection]] = {
    q.GetPlayer: _player,
    q.GetLoyalty: _loyalty,
    q.GetRtp: _rtp,
}
_SHOWS: dict[type, Callable[[Player, Any, int], AnyReply | Rejection]] = {
    q.GetRound: _round,
    q.GetRounds: _rounds,
    q.GetBonuses: _bonuses,
    q.GetCancelPreview: _cancel_preview,
}
