"""Weekly cashback on lost real money (rules §8)."""

from engine.amounts import percent_floor
from engine.catalog import Catalog
from engine.commands import Command, PayCashback
from engine.deciding.decision import Decision
from engine.deciding.declaring import decides
from engine.events import CashbackSettled
from engine.ladder import level_of
from engine.loyalty import privileges_of
from engine.rejections import INVALID_STATE, Rejection
from engine.state import Player
from engine.turnover import week_ends_ms


@decides(PayCashback, converts=True)
def pay(player: Player, catalog: Catalog, command: Command, body: PayCashback) -> Decision:
    """Due work: `cashback_percent` of the level held now, at the week's end, of the loss; settled once.

    Under `min_amount`, or for a blocked player, it is settled with 0. The award passes the gate.
    """
    state, rules = player.state, catalog.loyalty
    loyalty = state.loyalty
    loss = loyalty.week_staked - loyalty.week_won
    if rules is None or rules.cashback is None or loyalty.week != body.week or loss <= 0:
        return Rejection(INVALID_STATE, f"Player {state.player_id} has no loss of week {body.week} to settle.")
    if command.time_ms < week_ends_ms(body.week):
        return Rejection(INVALID_STATE, f"Week {body.week} is not over.")
    percent = privileges_of(catalog, state).cashback_percent_micro
    amount, reason = percent_floor(loss, percent), ""
    if amount < rules.cashback.min_amount.get(state.currency, 1):
        amount, reason = 0, "under_minimum"
    elif state.blocked is not None:
        amount, reason = 0, "player_blocked"
    level = level_of(catalog, state)
    return [CashbackSettled(body.week, level, loyalty.week_staked, loyalty.week_won, percent, amount, reason)]
