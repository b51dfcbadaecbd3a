"""What calls raise. What can't be sent at all raises ValueError or OverflowError, as everywhere in Python.

CroupierError
├── Refused              Croupier said no; the call changed nothing
│   └── Unauthenticated  401: the proof of who calls was not accepted
├── Unanswered           no answer that could be read
│   └── OutcomeUnknown   … to a call that changes something: repeat it with the same `key`
└── NotSent              the stream took the call no more; nothing happened
    ├── StreamClosed     it is closed, or ended for good
    └── StreamFull       too many calls wait to be sent
"""

from collections.abc import Mapping
from typing import Any, Final, Self

_CLOCKS_DIFFER_S: Final = 30
"""Beyond this the message of a 401 speaks of the clocks; Croupier itself allows ten times as much."""


class CroupierError(Exception):
    """Base of all that calls raise."""


class Refused(CroupierError):
    """A problem document of Croupier's.

    `code` is stable, `detail` is for people, `status` the one of HTTP. `retryable`: the same call may succeed later,
    unchanged. `action` is what the program does next: `fix_request`, `retry_same_key`, `deposit`, `refresh` or `stop`.
    `fields` holds what else the document says, such as `balance` or `errors`. `key` is the call's, "" for reads.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int,
        retryable: bool = False,
        action: str = "fix_request",
        fields: Mapping[str, Any] | None = None,
        key: str = "",
        retry_after_s: float = 0.0,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = status
        self.retryable = retryable
        self.action = action
        self.fields = fields or {}
        self.key = key
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"

    def for_call(self, key: str) -> Self:
        """The same refusal, of another call."""
        return type(self)(
            self.code,
            self.detail,
            status=self.status,
            retryable=self.retryable,
            action=self.action,
            fields=self.fields,
            key=key,
            retry_after_s=self.retry_after_s,
        )


class Unauthenticated(Refused):
    """401. `clock_skew_s`: how far the server's clock is ahead of this machine's, if the answer told."""

    clock_skew_s: float | None = None

    def for_call(self, key: str) -> Self:
        """The same refusal, of another call."""
        refused = super().for_call(key)
        refused.clock_skew_s = self.clock_skew_s
        return refused

    def __str__(self) -> str:
        skew_s = self.clock_skew_s
        if skew_s is None or abs(skew_s) < _CLOCKS_DIFFER_S:
            return super().__str__()
        side = "ahead of" if skew_s > 0 else "behind"
        return f"{super().__str__()} The server's clock is {abs(skew_s):.0f} s {side} this machine's."


class Unanswered(CroupierError):
    """There was no answer by the deadline, or one that can't be read; the message says which, and what came last.

    `attempts`: how often the call was sent; 0 means that Croupier never saw it. `last` is the last refusal
    that a repeat was meant to get past, if there was one.
    """

    def __init__(self, detail: str, *, key: str = "", attempts: int = 0, last: Refused | None = None) -> None:
        super().__init__(detail)
        self.key = key
        self.attempts = attempts
        self.last = last


class OutcomeUnknown(Unanswered):
    """The call may have taken effect or not. The same call with `key` does it once, whichever is true."""


class NotSent(CroupierError):
    """The call was not taken, so nothing happened."""


class StreamClosed(NotSent):
    """The stream is closed, or was never opened: `async with` opens it."""


class StreamFull(NotSent):
    """As many calls wait to be sent as may: Croupier is slower than its callers, or can't be reached."""
