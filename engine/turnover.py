"""Turnover: stakes in micro-EUR, converted once, when the bet is placed (rules §2.7, §8)."""

from engine.state import PlayerState


def settled_turnover(state: PlayerState) -> int:
    """Lifetime turnover in micro-EUR without the stakes of rounds that are still open: these may be cancelled yet."""
    if not state.rounds:
        return state.turnover_micro
    still_open = sum(bet.turnover_micro for round_ in state.rounds.values() for bet in round_.bets)
    return state.turnover_micro - still_open
