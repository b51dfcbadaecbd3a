"""What an answer other than 200 means: refused for good, worth another attempt, or not Croupier's at all."""

from collections.abc import Mapping

import msgspec

from croupier_client.calls import AnswerT, Call
from croupier_client.errors import OutcomeUnknown, Refused, Unanswered, Unauthenticated
from croupier_client.reading import Unreadable, refusal
from croupier_client.signing import Signer


class Again(Exception):
    """An attempt that may be repeated: why, when not before, and the refusal if there was one."""

    def __init__(self, why: str, at_least_s: float = 0.0, refused: Refused | None = None) -> None:
        super().__init__(why)
        self.at_least_s = at_least_s
        self.refused = refused


def worth_repeating(refused: Refused) -> bool:
    """Whether the same call, with the same key, may get a better answer without anybody's doing."""
    return refused.retryable and _passes(refused.status)


def judge(
    signer: Signer, status: int, headers: Mapping[str, str], body: bytes, key: str
) -> Refused | Unreadable | Again:
    """The exception for an HTTP answer, with what its headers tell: the server's clock, and when to come back."""
    at_least_s = _retry_after_s(headers.get("retry-after"))
    try:
        refused = refusal(status, body, msgspec.json.decode, key, at_least_s)
    except Unreadable as unreadable:
        return Again(str(unreadable), at_least_s) if _passes(status) else unreadable
    if isinstance(refused, Unauthenticated):
        refused.clock_skew_s = signer.clock_skew_s(headers.get("date"))
    return Again(str(refused), at_least_s, refused) if worth_repeating(refused) else refused


def unanswered(call: Call[AnswerT], why: str, attempts: int, last: Refused | None = None) -> Unanswered:
    """The right exception for a call that changes something, and for one that reads."""
    kind = OutcomeUnknown if call.key else Unanswered
    return kind(why, key=call.key, attempts=attempts, last=last)


def _passes(status: int) -> bool:
    return status == 429 or status >= 500


def _retry_after_s(said: str | None) -> float:
    """A date, which Croupier never sends, counts as nothing said."""
    return float(said) if said is not None and said.isascii() and said.isdigit() and len(said) < 10 else 0.0
