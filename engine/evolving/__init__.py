"""Applies events to a player. It never refuses and never reads the catalog; replay uses it as well.

Only `engine.player` calls it. `account`, `grants` and `loyalty` hold its functions by topic.
"""

from collections.abc import Callable
from typing import Any

from engine import events as e
from engine.evolving.account import ACCOUNT, forget_used_packages, remember_signals
from engine.evolving.grants import GRANTS
from engine.evolving.loyalty import LOYALTY, accrue, count_in_week, count_result, take_back, take_from_week
from engine.facts import Signals
from engine.holdings import counts_already, find_ended_grant, find_grant, find_package
from engine.state import Bet, Grant, OpenRound, Player
from engine.state.window import id_digest


def evolve(player: Player, event: e.AnyEvent, command_id: str, time_ms: int) -> None:
    """Applies one event of the command `command_id`, accepted at `time_ms` (Unix ms)."""
    _APPLY[type(event)](player, event, command_id, time_ms)


def _registered(player: Player, event: e.PlayerRegistered, command_id: str, time_ms: int) -> None:
    state = player.state
    state.currency = event.currency
    state.country, state.language, state.segments = event.country, event.language, event.segments
    state.active_ms = time_ms
    state.loyalty.level = event.level
    state.loyalty.level_since_ms = state.loyalty.idle_since_ms = time_ms


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
    player.state.deposited_micro += event.micro_eur
    player.state.active_ms = time_ms
    signals = Signals(event.ip, event.device, event.payment_instrument)
    remember_signals(player.state, signals, event.ip_country)


def _bet_placed(player: Player, event: e.BetPlaced, command_id: str, time_ms: int) -> None:
    state = player.state
    state.real -= event.real
    state.active_ms = time_ms
    if event.package_id is None:
        state.turnover_micro += event.turnover_micro
        accrue(state.loyalty, event.turnover_micro, event.points_micro, time_ms)
    grant_id = event.grant_id
    if grant_id is not None and (grant := find_grant(state, grant_id)) is not None:
        grant.balance -= event.bonus
        grant.remaining_wager -= event.counted
        if event.counted:
            grant.counted_stakes += event.amount
            if event.opens or not counts_already(state.rounds[event.session_id], grant):
                grant.counted_bets += 1
        if event.voids_grant:
            _void(grant, 1)
    if event.package_id is not None and (package := find_package(state, event.package_id)) is not None:
        package.remaining -= 1
    bet = Bet(
        command_id,
        event.amount,
        event.real,
        event.bonus,
        grant_id,
        event.counted,
        event.voids_grant,
        event.turnover_micro,
        event.points_micro,
        state.version + 1,
        time_ms,
    )
    if event.opens:
        state.rounds[event.session_id] = OpenRound(
            event.session_id,
            event.round_id,
            event.game_id,
            event.mode,
            time_ms,
            [bet],
            event.package_id,
            counts_when_over=True,
        )
        if event.timeout_ms is not None:
            opened = state.rounds[event.session_id]
            opened.timeout_ms, opened.timeout_action = event.timeout_ms, event.timeout_action
    else:
        round_ = state.rounds[event.session_id]
        round_.bets.append(bet)
        if not round_.counts_when_over:
            count_in_week(state.loyalty, event.real, 0, time_ms)


def _void(grant: Grant, bets: int) -> None:
    grant.void_bets += bets
    grant.void_after_round = grant.void_bets > 0


def _win_credited(player: Player, event: e.WinCredited, command_id: str, time_ms: int) -> None:
    state = player.state
    round_ = state.rounds[event.session_id]
    if event.real:
        state.real += event.real
    if event.grant_id is not None and (grant := find_grant(state, event.grant_id)) is not None:
        grant.balance += event.bonus
        if round_.package_id is not None:
            grant.amount += event.bonus
            grant.wager_total += event.wager_added
            done = min(event.wager_added, grant.wagered_beyond)
            grant.remaining_wager += event.wager_added - done
            grant.wagered_beyond -= done
    round_.results += 1
    round_.won_real += event.real
    round_.won_bonus += event.bonus
    round_.reported += event.reported
    count_result(state.loyalty, round_, event.real, event.closes, time_ms)
    if event.settles is not None:
        round_.named_results += 1
        if event.settles not in round_.settled_bets:
            round_.settled_bets += (event.settles,)
    if event.closes:
        del state.rounds[event.session_id]
    else:
        round_.result_digests.append(id_digest(command_id))
    if round_.package_id is not None:
        if (package := find_package(state, round_.package_id)) is not None:
            package.won += event.real + event.bonus
        forget_used_packages(state)


def _round_reversed(player: Player, event: e.RoundReversed, command_id: str, time_ms: int) -> None:
    state = player.state
    round_ = state.rounds.get(event.session_id)
    take_from_week(state.loyalty, round_, event.days, time_ms)
    if event.stays_open and round_ is not None:
        round_.bets = [bet for bet in round_.bets if bet.command_id not in event.tombstones]
        round_.undone_digests += tuple(id_digest(undone) for undone in event.tombstones)
    else:
        state.rounds.pop(event.session_id, None)
    state.real += event.real
    state.turnover_micro += event.turnover_micro
    take_back(state.loyalty, event.points_micro, event.qualifying_micro, event.days)
    for delta in event.grants:
        grant = find_grant(state, delta.grant_id) or find_ended_grant(state, delta.grant_id)
        if grant is not None:
            _add(grant, delta)
    if event.package_id is not None and (package := find_package(state, event.package_id)) is not None:
        package.remaining += event.spins
        package.won -= event.package_won
    for tombstone in event.tombstones:
        player.window.tombstone(tombstone, player.window.real_ms)


def _add(grant: Grant, delta: e.GrantDelta) -> None:
    grant.balance += delta.balance
    grant.remaining_wager += delta.remaining_wager
    grant.amount += delta.amount
    grant.wager_total += delta.wager_total
    grant.counted_stakes += delta.counted_stakes
    grant.counted_bets += delta.counted_bets
    grant.released += delta.released
    grant.removed += delta.removed
    grant.wagered_beyond += delta.wagered_beyond
    _void(grant, delta.void_bets)


def _bet_tombstoned(player: Player, event: e.BetTombstoned, command_id: str, time_ms: int) -> None:
    player.window.tombstone(event.command_id, player.window.real_ms)


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
    **GRANTS,
    **ACCOUNT,
    **LOYALTY,
}
