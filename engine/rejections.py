"""Refusals of the rules, as values. The order in which they are checked is the order of `decide`.

Every code here has a row in the gateway's error table; a test fails if one is missing.
"""

from typing import Any, Final, Literal, final

import msgspec


@final  # so that `type(it) is Rejection`, which the path of every spin asks, tells mypy as much as isinstance
class Rejection(msgspec.Struct, frozen=True, array_like=True):
    """A refused command: nothing moved, nothing is remembered.

    `code` is stable and machine-readable, `detail` is one sentence with the values and the way out, `fields` are extra
    members of the problem document (for example `balance`). `for_operator`: the refusal is kept with the player until
    an operator has dealt with it (rules §3).
    """

    code: str
    detail: str
    fields: dict[str, Any] = {}
    for_operator: bool = False


IDEMPOTENCY_CONFLICT: Final = "idempotency_conflict"
ALREADY_PROCESSED: Final = "already_processed"
ROLLED_BACK: Final = "rolled_back"
PLAYER_NOT_FOUND: Final = "player_not_found"
PLAYER_EXISTS: Final = "player_exists"
PLAYER_BLOCKED: Final = "player_blocked"
GAMING_DISABLED: Final = "gaming_disabled"
GAME_BLOCKED: Final = "game_blocked"
CAMPAIGN_BLOCKED: Final = "campaign_blocked"
UNSUPPORTED_CURRENCY: Final = "unsupported_currency"
UNKNOWN_GAME: Final = "unknown_game"
SESSION_NOT_FOUND: Final = "session_not_found"
CAMPAIGN_NOT_FOUND: Final = "campaign_not_found"
NOT_ELIGIBLE: Final = "not_eligible"
ROUND_OPEN: Final = "round_open"
ROUND_CLOSED: Final = "round_closed"
ROUND_HAS_RESULT: Final = "round_has_result"
WIN_ALREADY_SPENT: Final = "win_already_spent"
NO_FREE_SPINS: Final = "no_free_spins"
FREE_SPIN_GAME_MISMATCH: Final = "free_spin_game_mismatch"
FREE_SPIN_BET_MISMATCH: Final = "free_spin_bet_mismatch"
BET_BELOW_MIN: Final = "bet_below_min"
BET_ABOVE_MAX: Final = "bet_above_max"
BONUS_MAX_BET: Final = "bonus_max_bet"
INSUFFICIENT_FUNDS: Final = "insufficient_funds"
INVALID_REQUEST: Final = "invalid_request"
OVERLOADED: Final = "overloaded"
GEO_BLOCKED: Final = "geo_blocked"
CODE_NOT_FOUND: Final = "code_not_found"
GRANT_NOT_FOUND: Final = "grant_not_found"
WITHDRAWAL_NOT_FOUND: Final = "withdrawal_not_found"
ROUND_REFUNDED: Final = "round_refunded"
NOT_A_BET: Final = "not_a_bet"
FLAG_NOT_FOUND: Final = "flag_not_found"
BONUS_WOULD_BE_LOST: Final = "bonus_would_be_lost"
INVALID_STATE: Final = "invalid_state"
GRANT_DECLINED: Final = "grant_declined"
INSUFFICIENT_POINTS: Final = "insufficient_points"
INVALID_REDEMPTION: Final = "invalid_redemption"
REDEMPTION_NOT_FOUND: Final = "redemption_not_found"
LEVEL_NOT_FOUND: Final = "level_not_found"
PLAYER_ERASED: Final = "player_erased"
ACCOUNT_NOT_EMPTY: Final = "account_not_empty"

CODES: Final = frozenset(value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str))


def full(detail: str, action: Literal["refresh", "fix_request"] = "refresh") -> Rejection:
    """`overloaded` because a bound of this player is full, which no repetition of the command changes.

    `action` is what helps: `refresh` looks at what the player has and ends some of it, `fix_request` sends another
    command.
    """
    return Rejection(OVERLOADED, detail, {"action": action})
