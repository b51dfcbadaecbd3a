"""Whose money a stake is: order of funds, the bonus rules on bets, and what a stake counts (rules §2, §4)."""

import msgspec

from engine.catalog import Catalog, Game, MaxBetCounts, WagerTerms
from engine.holdings import balance, stakeable_grant, withdrawable
from engine.rejections import BONUS_MAX_BET, INSUFFICIENT_FUNDS, Rejection
from engine.state import Grant, GrantTerms, OpenRound, PlayerState


class Stake(msgspec.Struct, frozen=True, gc=False):
    """`real` + `bonus` is the stake; `grant_id` paid the bonus part and its wagering falls by `counted`."""

    real: int
    bonus: int
    grant_id: str | None
    counted: int
    voids_grant: bool


def stake(
    state: PlayerState, catalog: Catalog, game: Game, amount: int, time_ms: int, round_: OpenRound | None = None
) -> Stake | Rejection:
    """Splits a stake of `amount` minor units. `round_` is the open round it is added to, if any.

    Refuses with `bonus_max_bet`, then `insufficient_funds`.
    """
    grant = stakeable_grant(state, time_ms)
    if grant is None:
        if withdrawable(state) < amount:
            return _insufficient(state, amount, 0, time_ms)
        return Stake(amount, 0, None, 0, False)
    terms = grant.terms
    over = terms.max_bet is not None and looked_at(terms.max_bet_counts, amount, round_) > terms.max_bet
    if over and terms.over_max_bet == "reject":
        return _over_max_bet(grant, amount, round_)
    excluded = game.game_id in terms.excluded_games
    usable = _usable(grant, excluded, round_)
    real = withdrawable(state)
    if real + usable < amount:
        return _insufficient(state, amount, usable, time_ms)
    if (terms.funds_order or catalog.funds_order) == "real_first":
        bonus = amount - real if amount > real else 0
    else:
        bonus = min(usable, amount)
    counted = 0 if excluded or (over and terms.over_max_bet == "not_counted") else _counted(grant, game, amount)
    voids = over and terms.over_max_bet == "cancel"
    paid_by = grant.grant_id if bonus or counted or voids else None
    return Stake(amount - bonus, bonus, paid_by, counted, voids)


def looked_at(counts: MaxBetCounts, amount: int, round_: OpenRound | None) -> int:
    """What a limit on bets looks at: the stake with all others of its open round, or the stake alone (rules §4)."""
    if round_ is None or counts == "stake":
        return amount
    return amount + sum(bet.amount for bet in round_.bets)


def bonus_share(won: int, bonus: int, total: int) -> int:
    """The part of `won` for the grant that staked `bonus` of the round's `total`, rounded down (rules §2.4)."""
    return won * bonus // total


def _over_max_bet(grant: Grant, amount: int, round_: OpenRound | None) -> Rejection:
    terms = grant.terms
    whole = looked_at(terms.max_bet_counts, amount, round_)
    told = f"{amount}" if whole == amount else f"{amount}, and {whole} with the other stakes of its round"
    return Rejection(
        BONUS_MAX_BET,
        f"While bonus {grant.grant_id} is in wager a bet may be at most {terms.max_bet}; this one is {told}.",
        {"max_bet": terms.max_bet, "grant_id": grant.grant_id},
    )


def _usable(grant: Grant, excluded: bool, round_: OpenRound | None) -> int:
    """The grant's money for this stake. A round never mixes the money of two grants: its win has one way back."""
    if excluded and grant.terms.excluded_policy == "real_only":
        return 0
    if round_ is not None and any(bet.bonus and bet.grant_id != grant.grant_id for bet in round_.bets):
        return 0
    return grant.balance


def _counted(grant: Grant, game: Game, amount: int) -> int:
    terms = grant.terms
    if terms.min_bet is not None and amount < terms.min_bet:
        return 0
    return min(grant.remaining_wager, amount * contribution(terms, game) // 100)


def contribution(terms: GrantTerms | WagerTerms, game: Game) -> int:
    """Percent of a stake that counts: campaign by game, campaign by type, then games.yaml (rules §4)."""
    percent = terms.contribution_games.get(game.game_id)
    if percent is None:
        percent = terms.contribution_types.get(game.type)
    return game.contribution if percent is None else percent


def _insufficient(state: PlayerState, amount: int, usable: int, time_ms: int) -> Rejection:
    wallets = msgspec.structs.asdict(balance(state, time_ms)) | {"bonus_usable": usable}
    return Rejection(
        INSUFFICIENT_FUNDS,
        f"A bet of {amount} is more than the {withdrawable(state)} real and {usable} bonus money usable for it.",
        {"balance": wallets},
    )
