"""The messages of `WS /spin/stream`: requests by operation, answers, and the server's first word (docs/stream.md)."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from engine.commands import Mode
from gateway.documents.requests import HotIdentifier, HotReference, HotSession, HotStake, HotWin

NUMBER_MAX: Final = 2**53 - 1
"""Of an `id`: what every language can count to."""
Number = Annotated[int, Meta(ge=0, le=NUMBER_MAX)]


class StreamRequest(msgspec.Struct, tag_field="op", forbid_unknown_fields=True, gc=False, kw_only=True):
    """Base of all requests: `id` is the client's number for it, `key` its Idempotency-Key, the rest as over HTTP."""

    id: Number
    player_id: HotIdentifier


class SpinOp(StreamRequest, tag="spin", kw_only=True):
    """`POST /spin`."""

    key: str = ""
    game_id: HotIdentifier
    mode: Mode
    bet: HotStake | None = None
    win: HotWin | None = None
    round_id: HotReference | None = None


class BetOp(StreamRequest, tag="bet", kw_only=True):
    """`POST /spin/{session_id}/bet`."""

    key: str = ""
    session_id: HotSession
    amount: HotStake


class ResultOp(StreamRequest, tag="result", kw_only=True):
    """`POST /spin/{session_id}/result`."""

    key: str = ""
    session_id: HotSession
    win: HotWin
    final: bool = True
    settles: HotReference | None = None


class CancelOp(StreamRequest, tag="cancel", kw_only=True):
    """`POST /spin/{session_id}/cancel`."""

    key: str = ""
    session_id: HotSession


class RollbackOp(StreamRequest, tag="rollback", kw_only=True):
    """`POST /spin/rollback`."""

    key: str = ""
    transaction_id: HotReference


class RoundOp(StreamRequest, tag="round", kw_only=True):
    """`GET /spin/{session_id}`."""

    session_id: HotSession


AnyOp = SpinOp | BetOp | ResultOp | CancelOp | RollbackOp | RoundOp


class Numbered(msgspec.Struct):
    """As much of a request as an answer needs."""

    id: Number


class StreamAnswer(msgspec.Struct, gc=False, omit_defaults=True):
    """`status` and `body` as over HTTP; `retry_after_s` with 429 and 503. `id` is null if the request had none."""

    id: int | None
    status: int
    body: msgspec.Struct | Mapping[str, Any]
    retry_after_s: int | None = None


class Hello(msgspec.Struct):
    """The server's first message."""

    in_flight_max: int
    message_bytes_max: int
