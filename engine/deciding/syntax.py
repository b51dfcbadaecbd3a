"""Amounts a command may carry at all, whoever the player is. The gateway checks the same before it sends."""

from typing import Any, Final, get_args

from engine.amounts import AMOUNT_MAX
from engine.catalog import GameType
from engine.commands import (
    AddBet,
    AdjustPoints,
    Deposit,
    PostEvent,
    ReportBet,
    RequestRedemption,
    Result,
    Spin,
    Withdraw,
)
from engine.rejections import INVALID_REQUEST, Rejection

GAME_TYPES: Final = get_args(GameType)
POINTS_AT_ONCE_MAX = 10**9
"""Whole points of one adjustment or redemption."""
EVENT_NAME_MAX = 64
"""Characters of a custom event's name."""
EVENT_PAYLOAD_BYTES_MAX: Final = 4_096
"""Of a custom event's payload as JSON."""


def invalid(field: str, reason: str) -> Rejection:
    """`invalid_request` naming the field, as `errors` of the problem document."""
    return Rejection(INVALID_REQUEST, f"{field} {reason}.", {"errors": [{"field": field, "reason": reason}]})


def problem(body: Any) -> Rejection | None:
    """`invalid_request` if an amount is missing, too small or above AMOUNT_MAX minor units."""
    kind = type(body)
    if kind is Spin:
        return _spin(body)
    if kind is AddBet or kind is Deposit or kind is Withdraw:
        return _amount("amount", body.amount, 1)
    if kind is Result:
        return _amount("win", body.win, 0)
    if kind is ReportBet:
        return _amount("amount", body.amount, 1) or _game_type(body.game_type)
    if kind is AdjustPoints or kind is RequestRedemption:
        return _points(body.points, negative=kind is AdjustPoints)
    return _event(body) if kind is PostEvent else None


def _points(points: int, negative: bool) -> Rejection | None:
    if not points or (points < 0 and not negative):
        return invalid("points", "must not be 0" if negative else "must be at least 1, in whole points")
    if abs(points) > POINTS_AT_ONCE_MAX:
        return invalid("points", f"must be at most {POINTS_AT_ONCE_MAX}, in whole points")
    return None


def _game_type(game_type: str) -> Rejection | None:
    return None if game_type in GAME_TYPES else invalid("game_type", f"must be one of {', '.join(GAME_TYPES)}")


def _event(body: PostEvent) -> Rejection | None:
    if not 1 <= len(body.name) <= EVENT_NAME_MAX:
        return invalid("name", f"must have 1 to {EVENT_NAME_MAX} characters")
    if len(body.payload.encode()) > EVENT_PAYLOAD_BYTES_MAX:
        return invalid("payload", f"must have at most {EVENT_PAYLOAD_BYTES_MAX} bytes as JSON")
    return None


def _spin(body: Spin) -> Rejection | None:
    if body.bet is not None:
        if not 1 <= body.bet <= AMOUNT_MAX:
            return _amount("bet", body.bet, 1)
    elif body.mode == "real":
        return invalid("bet", "is required in mode real")
    return None if body.win is None else _amount("win", body.win, 0)


def _amount(field: str, value: int, minimum: int) -> Rejection | None:
    if value < minimum:
        return invalid(field, f"must be at least {minimum}, in minor units")
    if value > AMOUNT_MAX:
        return invalid(field, f"must be at most {AMOUNT_MAX}, in minor units")
    return None
