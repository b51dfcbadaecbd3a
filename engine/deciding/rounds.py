"""Rounds: spin, bet, result, cancel (rules §2, §3)."""

from engine.awarding.earning import earned
from engine.catalog import Catalog, Game, RoundTimeout
from engine.commands import AddBet, CancelRound, Command, Result, Spin
from engine.deciding import free_spins, funds, syntax
from engine.deciding.declaring import decides
from engine.deciding.reversal import reverse_open_round
from engine.deciding.turnover import converted
from engine.events import BetPlaced, WinCredited
from engine.rejections import (
    BET_ABOVE_MAX,
    BET_BELOW_MIN,
    NOT_A_BET,
    ROLLED_BACK,
    ROUND_CLOSED,
    ROUND_HAS_RESULT,
    ROUND_OPEN,
    ROUND_REFUNDED,
    SESSION_NOT_FOUND,
    UNKNOWN_GAME,
    Rejection,
    full,
)
from engine.remembered import newest_answer
from engine.state import (
    BETS_PER_ROUND_MAX,
    OPEN_ROUNDS_MAX,
    RESULTS_PER_ROUND_MAX,
    OpenRound,
    Player,
    PlayerState,
)
from engine.state.window import id_digest
from engine.transition import Decision


@decides(Spin, while_blocked=False, converts=True, moves_turnover=True)
def spin(player: Player, catalog: Catalog, command: Command, body: Spin) -> Decision:
    """Opens a round; with `win` bet and win are one step and the round is closed (rules §3)."""
    state = player.state
    game = catalog.games.get(body.game_id)
    if game is None:
        return _unknown_game(body.game_id)
    if state.rounds:
        refusal = _no_room(state, body.game_id)
        if refusal is not None:
            return refusal
    timeout = (game.round_timeout or catalog.round_timeout) if body.win is None else None
    if body.mode == "freespin":
        return free_spins.spin(state, command, body, timeout)
    return _real_spin(state, catalog, command, body, game, timeout)


def _unknown_game(game_id: str) -> Rejection:
    return Rejection(UNKNOWN_GAME, f"There is no game {game_id!r} in the catalog.")


def _no_room(state: PlayerState, game_id: str) -> Rejection | None:
    for round_ in state.rounds.values():
        if round_.game_id == game_id:
            return Rejection(
                ROUND_OPEN,
                f"Round {round_.session_id} on {game_id} is still open: settle or cancel it first.",
                {"session_id": round_.session_id},
            )
    if len(state.rounds) >= OPEN_ROUNDS_MAX:
        return full(f"The player has {OPEN_ROUNDS_MAX} open rounds: settle some first.")
    return None


def _real_spin(
    state: PlayerState, catalog: Catalog, command: Command, body: Spin, game: Game, timeout: RoundTimeout | None
) -> Decision:
    bet = body.bet
    if bet is None:
        return syntax.invalid("bet", "is required in mode real")
    outside = _outside_limits(state, game, bet, bet)
    if outside is not None:
        return outside
    turnover = converted(state, catalog, "bet", bet)
    if type(turnover) is Rejection:
        return turnover
    stake = funds.stake(state, catalog, game, bet, command.time_ms)
    if type(stake) is Rejection:
        return stake
    session_id = f"{state.player_id}-{state.version + 1}"
    placed = BetPlaced(
        session_id,
        game.game_id,
        "real",
        bet,
        stake.real,
        stake.bonus,
        stake.grant_id,
        stake.counted,
        True,
        body.round_id,
        None,
        stake.voids_grant,
        turnover,
        None if timeout is None else timeout.after_ms,
        "hold" if timeout is None else timeout.action,
        earned(state, catalog, game.type, turnover, command),
    )
    if body.win is None:
        return [placed]
    won_bonus = funds.bonus_share(body.win, stake.bonus, bet)
    credited = WinCredited(
        session_id, body.win, body.win - won_bonus, won_bonus, stake.grant_id if won_bonus else None, 0, True
    )
    return [placed, credited]


def _outside_limits(state: PlayerState, game: Game, bet: int, together: int) -> Rejection | None:
    """The game's limits on `together`: the bet with the other stakes of its round, or the bet alone (rules §4)."""
    lowest, highest = game.min_bet[state.currency], game.max_bet[state.currency]
    if lowest <= together <= highest:
        return None
    told = f"this one is {bet}" if together == bet else f"with this one of {bet} the round's stakes are {together}"
    if together < lowest:
        return Rejection(BET_BELOW_MIN, f"A bet on {game.game_id} is at least {lowest}; {told}.")
    return Rejection(BET_ABOVE_MAX, f"A bet on {game.game_id} is at most {highest}; {told}.")


@decides(AddBet, while_blocked=False, converts=True, moves_turnover=True)
def add_bet(player: Player, catalog: Catalog, command: Command, body: AddBet) -> Decision:
    """Adds a stake under the same rules as a spin, the game's bet limits included (rules §3)."""
    round_ = player.state.rounds.get(body.session_id)
    if round_ is None:
        return not_open(player, body.session_id)
    game = catalog.games.get(round_.game_id)
    if game is None:
        return _unknown_game(round_.game_id)
    if round_.mode == "freespin":
        return syntax.invalid("session_id", "is a free spin's: it takes no further stakes")
    if len(round_.bets) + len(round_.undone_digests) >= BETS_PER_ROUND_MAX:
        detail = (
            f"Round {body.session_id} has {BETS_PER_ROUND_MAX} bets and takes no more: place the bet in another round."
        )
        return full(detail, "fix_request")
    together = funds.looked_at(game.max_bet_counts, body.amount, round_)
    outside = _outside_limits(player.state, game, body.amount, together)
    if outside is not None:
        return outside
    turnover = converted(player.state, catalog, "amount", body.amount)
    if isinstance(turnover, Rejection):
        return turnover
    stake = funds.stake(player.state, catalog, game, body.amount, command.time_ms, round_)
    if isinstance(stake, Rejection):
        return stake
    return [
        BetPlaced(
            body.session_id,
            round_.game_id,
            "real",
            body.amount,
            stake.real,
            stake.bonus,
            stake.grant_id,
            stake.counted,
            False,
            round_.round_id,
            None,
            stake.voids_grant,
            turnover,
            points_micro=earned(player.state, catalog, game.type, turnover, command),
        )
    ]


@decides(Result, moves_turnover=True)
def result(player: Player, catalog: Catalog, command: Command, body: Result) -> Decision:
    """Credits a win, split like the round's stakes (rules §2.4); it works for blocked players, and for games that are
    no longer in the catalog.

    `not_a_bet` or `rolled_back` if `settles` names no bet that stands in the round. `round_refunded` if the round's
    time-out has refunded it: the refusal carries the win, for an operator (rules §3).
    """
    round_ = player.state.rounds.get(body.session_id)
    if round_ is None:
        return _refunded(player, body) or not_open(player, body.session_id)
    if not body.final and len(round_.result_digests) >= RESULTS_PER_ROUND_MAX:
        detail = f"Round {body.session_id} has {RESULTS_PER_ROUND_MAX} results: send a final one."
        return full(detail, "fix_request")
    if body.settles is not None and round_.find_bet(body.settles) is None:
        return _settles_nothing(round_, body.settles)
    if round_.package_id is not None:
        return free_spins.win(player.state, command, round_.session_id, round_.package_id, body)
    grant_id, won_bonus = _bonus_share(round_, body.win)
    won_real = body.win - won_bonus
    return [WinCredited(body.session_id, body.win, won_real, won_bonus, grant_id, 0, body.final, body.settles)]


def _settles_nothing(round_: OpenRound, bet_id: str) -> Rejection:
    key = bet_id.partition(":")[2]
    if id_digest(bet_id) in round_.undone_digests:
        return Rejection(ROLLED_BACK, f"The bet {key} was rolled back: no result can settle it.")
    return Rejection(NOT_A_BET, f"{key} is no bet of round {round_.session_id}: `settles` names one of its bets.")


def _refunded(player: Player, body: Result) -> Rejection | None:
    if player.state.timed_out.get(body.session_id) != "refund":
        return None
    return Rejection(
        ROUND_REFUNDED,
        f"Round {body.session_id} was refunded at its time-out; its win of {body.win} waits for an operator.",
        {"session_id": body.session_id, "amount": body.win},
        for_operator=True,
    )


def _bonus_share(round_: OpenRound, win: int) -> tuple[str | None, int]:
    """The grant that staked in the round, and its part of the win. Many results split as one would (rules §2.4).

    The grant gets its part of all that was won in the round, less what it got before. That is at least 0 and at most
    this win: stakes may have been added or rolled back since the last result.
    """
    total = bonus = 0
    grant_id: str | None = None
    for bet in round_.bets:
        total += bet.amount
        if bet.bonus:
            bonus += bet.bonus
            grant_id = bet.grant_id
    due = funds.bonus_share(round_.won_real + round_.won_bonus + win, bonus, total) - round_.won_bonus
    share = min(win, max(0, due))
    return (grant_id, share) if share else (None, 0)


@decides(CancelRound, moves_turnover=True)
def cancel(player: Player, catalog: Catalog, command: Command, body: CancelRound) -> Decision:
    """Reverses all bets of a round to which nothing was credited (rules §2.5, §3)."""
    round_ = player.state.rounds.get(body.session_id)
    if round_ is None:
        return not_open(player, body.session_id)
    if round_.results:
        return has_result(body.session_id)
    return [reverse_open_round(player.state, round_)]


def has_result(session_id: str) -> Rejection:
    """`round_has_result`: it is too late to undo the bet or the round."""
    return Rejection(ROUND_HAS_RESULT, f"A result has been credited to round {session_id}: it can't be undone.")


def not_open(player: Player, session_id: str) -> Rejection:
    """`round_closed` if the session is remembered, else `session_not_found`."""
    if session_id in player.state.timed_out or newest_answer(player.window, session_id) is not None:
        return closed(session_id)
    return Rejection(SESSION_NOT_FOUND, f"Player {player.state.player_id} has no round {session_id}.")


def closed(session_id: str) -> Rejection:
    """`round_closed`: nothing in the round can be added or undone any more."""
    return Rejection(ROUND_CLOSED, f"Round {session_id} is closed.", {"session_id": session_id})
