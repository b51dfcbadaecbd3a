"""Every refusal as an RFC 9457 problem document, from one table: code → status, title, action, retryable.

No route chooses a status of its own. A test fails if a refusal of the rules has no row, or if a row can't be produced.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from actors.outcome import Unavailable
from engine.rejections import Rejection
from gateway.http.wire import Answer, Headers, Reply

Action = Literal["fix_request", "retry_same_key", "deposit", "refresh", "stop"]


class Row(NamedTuple):
    """`action`: what the caller's program does next, unless the refusal brings one of its own.

    `retryable`: the same request may succeed later, unchanged.
    """

    status: int
    title: str
    action: Action
    retryable: bool = False


TABLE: Final[dict[str, Row]] = {
    "invalid_request": Row(400, "The request is malformed", "fix_request"),
    "idempotency_key_required": Row(400, "A valid Idempotency-Key is required", "fix_request"),
    "unauthenticated": Row(401, "The caller could not be identified", "fix_request"),
    "insufficient_funds": Row(402, "Not enough money", "deposit"),
    "insufficient_points": Row(402, "Not enough points", "refresh"),
    "forbidden": Row(403, "The caller's role may not do this", "stop"),
    "own_proposal": Row(403, "Another person must approve this", "stop"),
    "player_blocked": Row(403, "The player is blocked", "stop"),
    "player_erased": Row(403, "The player was erased", "stop"),
    "geo_blocked": Row(403, "Not from this country", "stop"),
    "not_found": Row(404, "No such route", "fix_request"),
    "player_not_found": Row(404, "No such player", "fix_request"),
    "session_not_found": Row(404, "No such round", "refresh"),
    "unknown_game": Row(404, "No such game", "fix_request"),
    "campaign_not_found": Row(404, "No such campaign", "fix_request"),
    "code_not_found": Row(404, "No such bonus code", "fix_request"),
    "grant_not_found": Row(404, "No such bonus", "refresh"),
    "withdrawal_not_found": Row(404, "No such withdrawal", "fix_request"),
    "redemption_not_found": Row(404, "No such redemption", "fix_request"),
    "flag_not_found": Row(404, "Nothing is flagged under this id", "refresh"),
    "approval_not_found": Row(404, "No operation waits under this id", "refresh"),
    "reader_not_found": Row(404, "No such reader of the journal", "fix_request"),
    "shard_not_found": Row(404, "No such shard or node", "fix_request"),
    "webhook_not_found": Row(404, "No such webhook endpoint", "fix_request"),
    "replay_impossible": Row(409, "The events can't be sent again", "fix_request"),
    "report_not_found": Row(404, "No such report", "fix_request"),
    "level_not_found": Row(404, "No such level", "fix_request"),
    "method_not_allowed": Row(405, "The route does not know this method", "fix_request"),
    "body_too_large": Row(413, "The body is too large", "fix_request"),
    "unsupported_media_type": Row(415, "The body is not application/json", "fix_request"),
    "idempotency_conflict": Row(409, "The key was used for another command", "fix_request"),
    "already_processed": Row(409, "The command was processed long ago", "refresh"),
    "player_exists": Row(409, "The player exists in another currency", "stop"),
    "unsupported_currency": Row(409, "The currency is not offered", "fix_request"),
    "not_eligible": Row(409, "The campaign is not for this player", "stop"),
    "round_open": Row(409, "A round is open", "refresh"),
    "round_closed": Row(409, "The round is closed", "refresh"),
    "round_has_result": Row(409, "The round has a result", "refresh"),
    "rolled_back": Row(409, "The bet was rolled back", "stop"),
    "not_a_bet": Row(409, "The id is not that of a bet", "fix_request"),
    "win_already_spent": Row(409, "The win is no longer there", "stop"),
    "no_free_spins": Row(409, "No free spins", "refresh"),
    "free_spin_game_mismatch": Row(409, "The free spins are for other games", "fix_request"),
    "free_spin_bet_mismatch": Row(409, "The free spins have another stake", "fix_request"),
    "bet_below_min": Row(409, "The stake is too small", "fix_request"),
    "bet_above_max": Row(409, "The stake is too large", "fix_request"),
    "bonus_max_bet": Row(409, "The stake is too large while a bonus is wagered", "fix_request"),
    "round_refunded": Row(409, "The round was refunded after its time-out", "stop"),
    "bonus_would_be_lost": Row(409, "The withdrawal would take bonuses away", "fix_request"),
    "invalid_state": Row(409, "It is not in a state for this", "refresh"),
    "invalid_redemption": Row(409, "Points are not redeemed in this number", "fix_request"),
    "account_not_empty": Row(409, "The account is not empty", "fix_request"),
    "grant_declined": Row(409, "The bonus was declined", "stop"),
    "receipt_pending": Row(409, "No checkpoint covers it yet", "retry_same_key", retryable=True),
    "catalog_invalid": Row(409, "The catalog has problems", "fix_request"),
    "overloaded": Row(429, "Too much at once", "retry_same_key", retryable=True),
    "shard_unavailable": Row(503, "The player is not served at the moment", "retry_same_key", retryable=True),
    "journal_unavailable": Row(503, "Nothing can be made durable at the moment", "retry_same_key", retryable=True),
    "outcome_unknown": Row(503, "The outcome is not known yet", "retry_same_key", retryable=True),
    "report_unavailable": Row(503, "The report can't be made at the moment", "retry_same_key", retryable=True),
    "internal_error": Row(500, "The gateway failed", "retry_same_key", retryable=True),
}

RETRY_AFTER_S: Final = 1
"""Said with every 429 and 503 that does not name a time of its own."""


ERRORS_MAX: Final = 16
"""Members of `errors[]`: a body with ten thousand unknown fields must not be answered at that length."""


class FieldError(NamedTuple):
    """One member of `errors[]`."""

    field: str
    reason: str


class Refused(Exception):
    """A request the gateway itself refuses; `code` has a row in `TABLE`."""

    def __init__(self, code: str, detail: str, fields: Mapping[str, Any] | None = None, headers: Headers = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.fields = fields or {}
        self.headers = headers

    def answer(self) -> Answer:
        """The problem document."""
        return problem(self.code, self.detail, self.fields, headers=self.headers)

    def reply(self) -> Reply:
        """The problem document as JSON."""
        return self.answer().reply()


class RefusedByPlayer(Exception):
    """A player's refusal, on its way out of a FastAPI route."""

    def __init__(self, outcome: Rejection | Unavailable) -> None:
        super().__init__(outcome.detail)
        self.code = outcome.code
        self.outcome = outcome

    def reply(self) -> Reply:
        """The problem document as JSON."""
        return refusal(self.outcome).reply()


def invalid(errors: Sequence[FieldError]) -> Refused:
    """`invalid_request` with `errors[]`, the first few of them."""
    errors = errors[:ERRORS_MAX]
    listed = [{"field": error.field, "reason": error.reason} for error in errors]
    detail = "; ".join(f"{error.field}: {error.reason}" for error in errors)
    return Refused("invalid_request", detail, {"errors": listed})


def invalid_field(field: str, reason: str) -> Refused:
    """`invalid_request` for one field."""
    return invalid([FieldError(field, reason)])


def method_not_allowed(methods: Iterable[str]) -> Refused:
    """`method_not_allowed`, with those that the path knows: HEAD works where GET does."""
    known = set(methods)
    listed = ", ".join(sorted(known | {"HEAD"} if "GET" in known else known))
    return Refused("method_not_allowed", f"Known here: {listed}.", headers=[(b"allow", listed.encode())])


def key_taken() -> Refused:
    """`idempotency_conflict` for a call that is no player's."""
    return Refused("idempotency_conflict", "The key was used for another call: use a new key.")


def refusal(outcome: Rejection | Unavailable) -> Answer:
    """The problem document of a player's refusal. A code without a row raises KeyError: a bug, answered as 500."""
    if isinstance(outcome, Unavailable):
        return problem(outcome.code, outcome.detail, retry_after_s=outcome.retry_after_s)
    return problem(outcome.code, outcome.detail, outcome.fields)


def internal_error() -> Answer:
    """What a caller sees of a failure inside: nothing but that repeating with the same key is safe."""
    return problem("internal_error", "The failure has been logged. Repeating with the same key is safe.")


def problem(
    code: str,
    detail: str,
    fields: Mapping[str, Any] | None = None,
    *,
    headers: Headers = (),
    retry_after_s: int = RETRY_AFTER_S,
) -> Answer:
    """Looks `code` up and builds the document; 401 names the schemes, 429 and 503 carry `Retry-After` in seconds.

    A refusal may bring an `action` of its own in `fields`: then repeating the request unchanged makes no sense.
    """
    row = TABLE[code]
    fields = fields or {}
    action = fields.get("action", row.action)
    document: dict[str, Any] = {
        "type": f"urn:croupier:problem:{code}",
        "title": row.title,
        "status": row.status,
        "code": code,
        "detail": detail,
        "retryable": row.retryable and action == row.action,
        "action": action,
    }
    extra = list(headers)
    if row.status == 401:
        extra.append((b"www-authenticate", b"Bearer"))
    if row.status in (429, 503):
        extra.append((b"retry-after", b"%d" % retry_after_s))
    return Answer(row.status, document | dict(fields), extra)
