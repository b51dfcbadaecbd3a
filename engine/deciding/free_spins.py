"""Free spins: choosing the package, and where their wins go (rules §5)."""

from engine.amounts import times_ceil
from engine.catalog import RoundTimeout
from engine.commands import Command, Result, Spin
from engine.events import AnyEvent, BetPlaced, GrantCreated, WinCredited
from engine.expiry import grant_ends_ms, is_running
from engine.holdings import find_grant, find_package
from engine.rejections import (
    FREE_SPIN_BET_MISMATCH,
    FREE_SPIN_GAME_MISMATCH,
    NO_FREE_SPINS,
    Rejection,
    full,
)
from engine.state import LIVE_GRANTS_MAX, FreeSpinPackage, Grant, PlayerState
from engine.state.invariants import InvariantViolation
from engine.transition import Decision


def spin(state: PlayerState, command: Command, body: Spin, timeout: RoundTimeout | None) -> Decision:
    """Uses one spin of the package that expires first. It takes no money and counts for nothing, not even turnover.

    `timeout` is the round's, if it stays open.
    """
    package = _choose(state, body.game_id, body.bet, command.time_ms)
    if isinstance(package, Rejection):
        return package
    opens = package.wager_multiplier_micro and _winnings_grant(state, package) is None
    if opens and len(state.grants) >= LIVE_GRANTS_MAX:
        return full(
            f"The player has {LIVE_GRANTS_MAX} live grants, which leaves no room for winnings: "
            "wait until one ends, or give one up."
        )
    session_id = f"{state.player_id}-{state.version + 1}"
    events: list[AnyEvent] = [
        BetPlaced(
            session_id=session_id,
            game_id=body.game_id,
            mode="freespin",
            amount=package.bet,
            real=0,
            bonus=0,
            grant_id=None,
            counted=0,
            opens=True,
            round_id=body.round_id,
            package_id=package.package_id,
            timeout_ms=None if timeout is None else timeout.after_ms,
            timeout_action="hold" if timeout is None else timeout.action,
        )
    ]
    if body.win is not None:
        events += win(state, command, session_id, package.package_id, Result(session_id, body.win))
    return events


def _choose(state: PlayerState, game_id: str, bet: int | None, time_ms: int) -> FreeSpinPackage | Rejection:
    usable = [p for p in state.packages if p.remaining and not p.frozen and is_running(p, time_ms)]
    if not usable:
        return Rejection(NO_FREE_SPINS, "The player has no free spins to use now.")
    for_game = [p for p in usable if game_id in p.games]
    if not for_game:
        games = ", ".join(sorted({game for p in usable for game in p.games}))
        return Rejection(FREE_SPIN_GAME_MISMATCH, f"There are no free spins for {game_id}; there are some for {games}.")
    with_bet = [p for p in for_game if bet is None or p.bet == bet]
    if not with_bet:
        bets = ", ".join(str(stake) for stake in sorted({p.bet for p in for_game}))
        return Rejection(
            FREE_SPIN_BET_MISMATCH, f"There are no free spins at a stake of {bet}; there are some at {bets}."
        )
    return min(with_bet, key=lambda package: package.valid_to_ms)


def win(state: PlayerState, command: Command, session_id: str, package_id: str, body: Result) -> list[AnyEvent]:
    """Credits a free spin's win, capped by the package's `max_win`, to its winnings grant.

    A wager multiplier of 0 pays the real wallet. Without a live winnings grant a new one is opened.
    """
    package = find_package(state, package_id)
    if package is None:
        raise InvariantViolation("package_outlives_its_rounds", f"{session_id} has lost {package_id}")
    reported, closes, settles = body.win, body.final, body.settles
    credited = reported if package.max_win is None else min(reported, package.max_win - package.won)
    if not credited or not package.wager_multiplier_micro:
        return [
            WinCredited(
                session_id=session_id,
                reported=reported,
                real=credited,
                bonus=0,
                grant_id=None,
                wager_added=0,
                closes=closes,
                settles=settles,
            )
        ]
    events: list[AnyEvent] = []
    grant = _winnings_grant(state, package)
    if grant is None:
        grant = _new_winnings_grant(state, package, command.time_ms)
        events.append(GrantCreated(grant, award=False))
    wager_added = times_ceil(credited, package.wager_multiplier_micro)
    events.append(
        WinCredited(
            session_id=session_id,
            reported=reported,
            real=0,
            bonus=credited,
            grant_id=grant.grant_id,
            wager_added=wager_added,
            closes=closes,
            settles=settles,
        )
    )
    return events


def _winnings_grant(state: PlayerState, package: FreeSpinPackage) -> Grant | None:
    return find_grant(state, package.winnings_grant_id) if package.winnings_grant_id is not None else None


def _new_winnings_grant(state: PlayerState, package: FreeSpinPackage, time_ms: int) -> Grant:
    return Grant(
        grant_id=f"g{state.version + 1}-1",
        campaign_id=package.campaign_id,
        state="granted",
        amount=0,
        balance=0,
        remaining_wager=0,
        wager_total=0,
        terms=package.winnings_terms,
        granted_ms=time_ms,
        valid_to_ms=grant_ends_ms(time_ms, package.winnings_valid_ms, package.campaign_valid_to_ms),
        source="free_spins",
        package_id=package.package_id,
        beside_bonus=package.beside_bonus,
    )
