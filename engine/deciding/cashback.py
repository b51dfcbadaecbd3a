"""Weekly cashback on lost real money (rules §8)."""

from engine.amounts import percent_floor
from engine.catalog import Catalog
from engine.commands import Command, PayCashback
from engine.deciding.declaring import decides
from engine.events import CashbackSettled
from engine.loyalty.ladder import level_of
from engine.loyalty.privileges import privileges_of
from engine.loyalty.turnover import week_ends_ms
from engine.rejections import INVALID_STATE, Rejection
from engine.state import Player, PlayerState
from engine.transition import Decision


@decides(PayCashback, converts=True)
def pay(player: Player, catalog: Catalog, command: Command, body: PayCashback) -> Decision:
    """Due work at the end of a week: pays `cashback_percent` of its loss, by the level held now, once (rules §8).

    Losses of earlier weeks that were reversed since are taken off first. Under `min_amount`, or for a blocked player,
    the week is reckoned with 0. The award passes the gate.
    """
    state, rules = player.state, catalog.loyalty
    loyalty = state.loyalty
    loss = loyalty.week_staked - loyalty.week_won
    if rules is None or rules.cashback is None or loyalty.week != body.week or loss <= 0:
        return Rejection(INVALID_STATE, f"Player {state.player_id} has no loss of week {body.week} to reckon.")
    if command.time_ms < week_ends_ms(body.week):
        return Rejection(INVALID_STATE, f"Week {body.week} is not over.")
    percent = privileges_of(catalog, state).cashback_percent_micro
    least = rules.cashback.min_amount.get(state.currency, 1)
    amount, taken_off, reason = _reckoned(state, loss, percent, least)
    return [
        CashbackSettled(
            week=body.week,
            level=level_of(catalog, state),
            staked=loyalty.week_staked,
            won=loyalty.week_won,
            percent_micro=percent,
            amount=amount,
            reason=reason,
            taken_off=taken_off,
        )
    ]


def _reckoned(state: PlayerState, loss: int, percent_micro: int, least: int) -> tuple[int, int, str]:
    """(what is paid, how much of the loss makes up for reversals since, why nothing is paid); all in minor units.

    If the loss would be paid nothing anyway, none of it makes up for reversals: they are taken off a later week.
    """
    if percent_floor(loss, percent_micro) < least:
        return 0, 0, "under_minimum"
    if state.blocked is not None:
        return 0, 0, "player_blocked"
    taken_off = min(loss, state.loyalty.to_take_off)
    amount = percent_floor(loss - taken_off, percent_micro)
    return (amount, taken_off, "") if amount >= least else (0, taken_off, "under_minimum")
