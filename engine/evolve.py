"""Applies events to a player: adds deltas, moves things. Never refuses, never reads the catalog; is the replay too."""

from bisect import insort
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from engine import events as e
from engine.holdings import find_ended_grant, find_grant, find_package, in_play, queue_place
from engine.state import (
    ENDED_GRANTS_MAX,
    ENDED_PACKAGES_MAX,
    LIVE_GRANT_STATES,
    Bet,
    Grant,
    GrantState,
    OpenRound,
    Player,
    PlayerState,
)
from engine.window import id_digest


def evolve(player: Player, event: e.AnyEvent, command_id: str, time_ms: int) -> None:
    """Applies one event of the command `command_id`, accepted at `time_ms` (Unix ms)."""
    _APPLY[type(event)](player, event, command_id, time_ms)


def _registered(player: Player, event: e.PlayerRegistered, command_id: str, time_ms: int) -> None:
    state = player.state
    state.currency = event.currency
    state.country, state.language, state.segments = event.country, event.language, event.segments


def _updated(player: Player, event: e.PlayerUpdated, command_id: str, time_ms: int) -> None:
    state = player.state
    state.country, state.language, state.segments = event.country, event.language, event.segments


def _blocked(player: Player, event: e.PlayerBlocked, command_id: str, time_ms: int) -> None:
    player.state.blocked = event.reason


def _unblocked(player: Player, event: e.PlayerUnblocked, command_id: str, time_ms: int) -> None:
    player.state.blocked = None


def _deposit_made(player: Player, event: e.DepositMade, command_id: str, time_ms: int) -> None:
    player.state.real += event.amount
    player.state.deposits = event.nth


def _bet_placed(player: Player, event: e.BetPlaced, command_id: str, time_ms: int) -> None:
    state = player.state
    state.real -= event.real
    grant_id = event.grant_id
    if grant_id is not None and (grant := find_grant(state, grant_id)) is not None:
        grant.balance -= event.bonus
        grant.remaining_wager -= event.counted
        if event.voids_grant:
            _void(grant, 1)
    if event.package_id is not None and (package := find_package(state, event.package_id)) is not None:
        package.remaining -= 1
    bet = Bet(command_id, event.amount, event.real, event.bonus, grant_id, event.counted, event.voids_grant)
    if event.opens:
        state.rounds[event.session_id] = OpenRound(
            event.session_id, event.round_id, event.game_id, event.mode, time_ms, [bet], event.package_id
        )
    else:
        state.rounds[event.session_id].bets.append(bet)


def _void(grant: Grant, bets: int) -> None:
    grant.void_bets += bets
    grant.void_after_round = grant.void_bets > 0


def _win_credited(player: Player, event: e.WinCredited, command_id: str, time_ms: int) -> None:
    state = player.state
    round_ = state.rounds[event.session_id]
    state.real += event.real
    if event.grant_id is not None and (grant := find_grant(state, event.grant_id)) is not None:
        grant.balance += event.bonus
        if round_.package_id is not None:
            grant.amount += event.bonus
            grant.remaining_wager += event.wager_added
            grant.wager_total += event.wager_added
    round_.results += 1
    round_.won_real += event.real
    round_.won_bonus += event.bonus
    round_.reported += event.reported
    if event.closes:
        del state.rounds[event.session_id]
    else:
        round_.result_digests.append(id_digest(command_id))
    if round_.package_id is not None:
        if (package := find_package(state, round_.package_id)) is not None:
            package.won += event.real + event.bonus
        _forget_used_packages(state)


def _forget_used_packages(state: PlayerState) -> None:
    """Used up packages stay for a rollback to give a spin back, but not for ever."""
    used = [package for package in state.packages if not package.remaining and not in_play(state, package.package_id)]
    for package in used[: max(0, len(used) - ENDED_PACKAGES_MAX)]:
        state.packages.remove(package)


def _round_reversed(player: Player, event: e.RoundReversed, command_id: str, time_ms: int) -> None:
    state = player.state
    state.rounds.pop(event.session_id, None)
    state.real += event.real
    for delta in event.grants:
        if (grant := find_grant(state, delta.grant_id)) is not None:
            grant.balance += delta.balance
            grant.remaining_wager += delta.remaining_wager
            grant.amount += delta.amount
            grant.wager_total += delta.wager_total
            _void(grant, delta.void_bets)
    if event.package_id is not None and (package := find_package(state, event.package_id)) is not None:
        package.remaining += event.spins
        package.won -= event.package_won
    for tombstone in event.tombstones:
        player.window.tombstone(tombstone, time_ms)


def _bet_tombstoned(player: Player, event: e.BetTombstoned, command_id: str, time_ms: int) -> None:
    player.window.tombstone(event.command_id, time_ms)


def _count_award(state: PlayerState, campaign_id: str) -> None:
    state.awarded[campaign_id] = state.awarded.get(campaign_id, 0) + 1


def _grant_created(player: Player, event: e.GrantCreated, command_id: str, time_ms: int) -> None:
    state = player.state
    # The event is kept by others: the live grant must be a copy of it.
    grant = replace(event.grant)
    if grant.state in LIVE_GRANT_STATES:
        state.grants.append(grant)
    else:
        _bury(state, grant)
    if grant.package_id is not None and (package := find_package(state, grant.package_id)) is not None:
        package.winnings_grant_id = grant.grant_id
    if event.award:
        _count_award(state, grant.campaign_id)


def _grant_activated(player: Player, event: e.GrantActivated, command_id: str, time_ms: int) -> None:
    if (grant := find_grant(player.state, event.grant_id)) is not None:
        grant.state = "in_wager"


def _end(state: PlayerState, grant_id: str, ended: GrantState, time_ms: int, released: int, removed: int) -> None:
    if (grant := find_grant(state, grant_id)) is None:
        return
    state.grants.remove(grant)
    grant.state, grant.ended_ms = ended, time_ms
    grant.balance, grant.released, grant.removed = 0, released, removed
    grant.exhausted = ended == "completed" and released == removed == 0
    _bury(state, grant)


def _bury(state: PlayerState, grant: Grant) -> None:
    state.ended_grants.append(grant)
    if len(state.ended_grants) > ENDED_GRANTS_MAX:
        del state.ended_grants[0]


def _redeemed(player: Player, event: e.BonusRedeemed, command_id: str, time_ms: int) -> None:
    player.state.real += event.released
    _end(player.state, event.grant_id, "completed", time_ms, event.released, event.removed)


def _exhausted(player: Player, event: e.GrantExhausted, command_id: str, time_ms: int) -> None:
    _end(player.state, event.grant_id, "completed", time_ms, 0, 0)


def _expired(player: Player, event: e.GrantExpired, command_id: str, time_ms: int) -> None:
    _end(player.state, event.grant_id, "expired", time_ms, 0, event.removed)


def _cancelled(player: Player, event: e.GrantCancelled, command_id: str, time_ms: int) -> None:
    _end(player.state, event.grant_id, "cancelled", time_ms, 0, event.removed)


def _reopened(player: Player, event: e.GrantReopened, command_id: str, time_ms: int) -> None:
    state = player.state
    if (grant := find_ended_grant(state, event.grant_id)) is None:
        return
    state.real -= event.real
    state.ended_grants.remove(grant)
    if event.state == "in_wager":
        for other in state.grants:
            if other.state == "in_wager":
                other.state = "granted"
    grant.state, grant.balance = event.state, event.balance
    grant.released = grant.removed = 0
    grant.exhausted, grant.ended_ms = False, None
    insort(state.grants, grant, key=queue_place)


def _free_spins_granted(player: Player, event: e.FreeSpinsGranted, command_id: str, time_ms: int) -> None:
    player.state.packages.append(replace(event.package))
    if event.award:
        _count_award(player.state, event.package.campaign_id)


def _free_spins_expired(player: Player, event: e.FreeSpinsExpired, command_id: str, time_ms: int) -> None:
    state = player.state
    state.packages = [package for package in state.packages if package.package_id != event.package_id]


_APPLY: dict[type[e.Event], Callable[[Player, Any, str, int], None]] = {
    e.PlayerRegistered: _registered,
    e.PlayerUpdated: _updated,
    e.PlayerBlocked: _blocked,
    e.PlayerUnblocked: _unblocked,
    e.DepositMade: _deposit_made,
    e.BetPlaced: _bet_placed,
    e.WinCredited: _win_credited,
    e.RoundReversed: _round_reversed,
    e.BetTombstoned: _bet_tombstoned,
    e.GrantCreated: _grant_created,
    e.GrantActivated: _grant_activated,
    e.BonusRedeemed: _redeemed,
    e.GrantExhausted: _exhausted,
    e.GrantExpired: _expired,
    e.GrantCancelled: _cancelled,
    e.GrantReopened: _reopened,
    e.FreeSpinsGranted: _free_spins_granted,
    e.FreeSpinsExpired: _free_spins_expired,
}
