"""Bets of other verticals: turnover only, no money moves here (rules §8)."""

from engine.amounts import to_micro_eur
from engine.catalog import Catalog
from engine.commands import Command, ReportBet
from engine.deciding.decision import Decision
from engine.deciding.rounds import uncountable
from engine.events import BetReported
from engine.loyalty import earned
from engine.state import TURNOVER_MAX, Player


def report_bet(player: Player, catalog: Catalog, command: Command, body: ReportBet) -> Decision:
    """Counts like a spin's stake for turnover; `rollback` by its id takes it back exactly (rules §2.7, §8)."""
    state = player.state
    turnover = to_micro_eur(body.amount, catalog.currencies[state.currency])
    if state.turnover_micro + turnover > TURNOVER_MAX:
        return uncountable("amount")
    points = earned(state, catalog, body.game_type, turnover, command.time_ms)
    return [BetReported(body.game_type, body.amount, turnover, points)]
