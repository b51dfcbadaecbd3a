"""From the bytes of an answer to a typed answer or a refusal: the documents are the same over HTTP and the stream."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from croupier_client.calls import AnswerT, Call
from croupier_client.errors import Refused, Unauthenticated

Decode = Callable[..., Any]
"""`msgspec.json.decode` or `msgspec.msgpack.decode`."""

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding may raise."""
_STANDARD: Final = frozenset({"type", "title", "status", "code", "detail", "retryable", "action"})


class Unreadable(Exception):
    """The answer is no document of Croupier's: a proxy's page, perhaps. The message says what it is instead."""


class _Problem(msgspec.Struct):
    code: str
    detail: str
    retryable: bool
    action: str


def read(call: Call[AnswerT], status: int, body: bytes | msgspec.Raw, decode: Decode) -> AnswerT:
    """The answer, with the call's key in it. Raises Refused, or Unreadable."""
    if status != 200:
        raise refusal(status, body, decode, call.key)
    try:
        answer: AnswerT = decode(body, type=call.answers)
    except UNREADABLE as error:
        raise Unreadable(f"status 200 with a document that can't be read ({error})") from error
    if call.key:
        msgspec.structs.force_setattr(answer, "key", call.key)  # type: ignore[arg-type]
    return answer


def refusal(
    status: int, body: bytes | msgspec.Raw, decode: Decode, key: str = "", retry_after_s: float = 0.0
) -> Refused:
    """A problem document as an exception. Raises Unreadable if it is none."""
    try:
        problem = decode(body, type=_Problem)
        document = decode(body)
    except UNREADABLE as error:
        raise Unreadable(f"status {status} without a problem document") from error
    return (Unauthenticated if status == 401 else Refused)(
        problem.code,
        problem.detail,
        status=status,
        retryable=problem.retryable,
        action=problem.action,
        fields={name: value for name, value in document.items() if name not in _STANDARD},
        key=key,
        retry_after_s=retry_after_s,
    )
