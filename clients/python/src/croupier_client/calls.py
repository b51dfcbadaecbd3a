"""The six calls, each defined once: what it carries, how HTTP says it, and what it answers.

A call is the very map that the stream sends: `op` is its tag, and what is left at its default is left out.
"""

import re
import secrets
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Generic, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from croupier_client.answers import Mode, RollbackAnswer, SpinAnswer

AnswerT = TypeVar("AnswerT")

_KEY: Final = re.compile(r"[!-~]{1,128}")
_NO_SESSION: Final = frozenset({"", ".", ".."})
"""A URL would read these as another path."""
_json: Final = msgspec.json.Encoder().encode


class HttpRequest(NamedTuple):
    """What HTTP sends: `target` is `path?query`, percent-encoded."""

    method: str
    target: str
    body: bytes


def key_for(given: str | None) -> str:
    """The caller's key, or a new one of 128 random bits. Raises ValueError if it is no Idempotency-Key."""
    if given is None:
        return secrets.token_hex(16)
    if _KEY.fullmatch(given) is None:
        raise ValueError("a key is 1 to 128 visible ASCII characters")
    return given


class Call(msgspec.Struct, Generic[AnswerT], tag_field="op", omit_defaults=True, kw_only=True):
    """Base of all calls. The stream sets `id`, from 1 on; `key` is "" for reads only."""

    answers: ClassVar[Any] = SpinAnswer
    """The type of the answer."""

    id: int = 0
    key: str = ""

    @abstractmethod
    def over_http(self) -> HttpRequest:
        """The same as one HTTP request; the key goes into a header."""


class Spin(Call[SpinAnswer], tag="spin"):
    """Opens a round; with `win`, bet and win are one step. Amounts in minor units."""

    player_id: str
    game_id: str
    mode: Mode
    bet: int | None = None
    win: int | None = None
    round_id: str | None = None

    def over_http(self) -> HttpRequest:
        """All of it goes into the query."""
        optional = {"bet": self.bet, "win": self.win, "round_id": self.round_id}
        given = {name: value for name, value in optional.items() if value is not None}
        parameters = {"player_id": self.player_id, "game_id": self.game_id, "mode": self.mode, **given}
        return HttpRequest("POST", f"/spin?{_query(parameters)}", b"")


class Bet(Call[SpinAnswer], tag="bet"):
    """Adds a stake to an open round."""

    session_id: str
    player_id: str
    amount: int

    def over_http(self) -> HttpRequest:
        """The stake is in the body."""
        return _step(self.session_id, "bet", {"player_id": self.player_id, "amount": self.amount})


class Result(Call[SpinAnswer], tag="result"):
    """Credits a win and, when `final`, closes the round. `settles`: the key of the bet that it belongs to."""

    session_id: str
    player_id: str
    win: int
    final: bool = True
    settles: str | None = None

    def over_http(self) -> HttpRequest:
        """The win is in the body."""
        body = {"player_id": self.player_id, "win": self.win, "final": self.final}
        return _step(self.session_id, "result", body if self.settles is None else body | {"settles": self.settles})


class Cancel(Call[SpinAnswer], tag="cancel"):
    """Reverses an open round without a result."""

    session_id: str
    player_id: str

    def over_http(self) -> HttpRequest:
        """The player is in the body."""
        return _step(self.session_id, "cancel", {"player_id": self.player_id})


class Rollback(Call[RollbackAnswer], tag="rollback"):
    """Reverses the bet made with the key `transaction_id`, or sees to it that there will be none."""

    answers: ClassVar[Any] = RollbackAnswer

    player_id: str
    transaction_id: str

    def over_http(self) -> HttpRequest:
        """Both ids are in the body."""
        body = {"player_id": self.player_id, "transaction_id": self.transaction_id}
        return HttpRequest("POST", "/spin/rollback", _json(body))


class Round(Call[SpinAnswer], tag="round"):
    """Reads a round."""

    session_id: str
    player_id: str

    def over_http(self) -> HttpRequest:
        """A GET without a key."""
        return HttpRequest("GET", f"/spin/{_segment(self.session_id)}?{_query({'player_id': self.player_id})}", b"")


def _query(parameters: Mapping[str, str | int]) -> str:
    return urlencode(parameters, quote_via=quote, safe="")


def _segment(session_id: str) -> str:
    if session_id in _NO_SESSION:
        raise ValueError(f"{session_id!r} is no session id")
    return quote(session_id, safe="")


def _step(session_id: str, step: str, body: Mapping[str, Any]) -> HttpRequest:
    return HttpRequest("POST", f"/spin/{_segment(session_id)}/{step}", _json(body))
