"""A stake's turnover: converted to micro-EUR once, when the bet is placed (rules §2.7)."""

from engine.amounts import to_micro_eur
from engine.catalog import Catalog
from engine.deciding.syntax import invalid
from engine.rejections import Rejection
from engine.state import TURNOVER_MAX, PlayerState


def converted(state: PlayerState, catalog: Catalog, field: str, stake: int) -> int | Rejection:
    """Micro-EUR of a stake in minor units; `invalid_request` for the `field` if TURNOVER_MAX would be passed."""
    turnover = to_micro_eur(stake, catalog.currencies[state.currency])
    if state.turnover_micro + turnover > TURNOVER_MAX:
        return invalid(field, "takes the turnover of the account beyond what can be counted")
    return turnover
