"""Bets of other verticals: turnover only, no money moves here (rules §8)."""

from engine.awarding.earning import earned
from engine.catalog import Catalog
from engine.commands import Command, ReportBet
from engine.deciding.declaring import decides
from engine.deciding.turnover import converted
from engine.events import BetReported
from engine.rejections import Rejection
from engine.state import Player
from engine.transition import Decision


@decides(ReportBet, while_blocked=False, converts=True, moves_turnover=True)
def report_bet(player: Player, catalog: Catalog, command: Command, body: ReportBet) -> Decision:
    """The bet counts for turnover like a spin's stake; its rollback takes that back exactly (rules §2.7, §8)."""
    state = player.state
    turnover = converted(state, catalog, "amount", body.amount)
    if isinstance(turnover, Rejection):
        return turnover
    points = earned(state, catalog, body.game_type, turnover, command)
    return [BetReported(body.game_type, body.amount, turnover, points)]
