"""Asking as a game server does: signed, repeated with the same key until there is an answer.

How a request travels is the caller's business (`Send`): over locust's client, or over any other. Signing, the reading
of problem documents and the pauses between repeats are those of `croupier_client`.
"""

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from croupier_client.errors import Refused
from croupier_client.judging import Again, judge
from croupier_client.reading import Unreadable
from croupier_client.retrying import RetryPolicy
from croupier_client.signing import Signer
from tests.load.tally import Tally

Role = Literal["game_server", "platform", "staff"]
Document = dict[str, Any]


class Unexpected(Exception):
    """An answer that the rules don't allow, or none at all."""


class Unreached(Again):
    """The request got no answer: an error of the run, although it is repeated."""


class Request(NamedTuple):
    """One request. `name` is its row in the report; when it is repeated, only the time of its signature differs."""

    name: str
    role: Role
    method: str
    target: str
    key: str = ""
    body: bytes = b""


class Reply(NamedTuple):
    """What came back; `status` 0: nothing. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Outcome = Document | Refused | Unreadable | Again
"""An answer or an expected refusal as its document; else what is wrong, or why to repeat."""
Judge = Callable[[Reply], Outcome]


class Send(Protocol):
    """Sends a request once, has the reply judged while it can still be marked as failed, and answers the outcome."""

    def __call__(self, request: Request, headers: Mapping[str, str], judged: Judge) -> Outcome: ...


@dataclass(frozen=True)
class Proof:
    """Who the callers are: two API keys, and the bearer token of a marketing manager; "" if there is none."""

    game_server: Signer
    platform: Signer
    staff_token: str = ""

    def headers(self, request: Request) -> dict[str, str]:
        """All headers of one request, signed as of now."""
        kept = {"idempotency-key": request.key} if request.key else {}
        if request.body:
            kept["content-type"] = "application/json"
        if request.role == "staff":
            return kept | {"authorization": f"Bearer {self.staff_token}"}
        signer = self.game_server if request.role == "game_server" else self.platform
        return kept | signer.headers(request.method, request.target.encode(), request.key, request.body)


def is_error(outcome: Outcome) -> bool:
    """Whether the request counts as failed: neither answered, nor an expected refusal, nor one that asks to repeat."""
    return isinstance(outcome, Refused | Unreadable | Unreached)


class Caller:
    """Asks until there is an answer. `sleep` pauses for seconds; tests bring one that does not."""

    def __init__(
        self,
        send: Send,
        proof: Proof,
        tally: Tally,
        sleep: Callable[[float], object] = time.sleep,
        policy: RetryPolicy | None = None,
    ) -> None:
        self._send, self._tally, self.proof = send, tally, proof
        self._sleep, self._policy = sleep, policy or RetryPolicy()

    def ask(self, request: Request, expects: Container[str] = ()) -> Document:
        """The answer, or the problem document if its `code` is one of those expected. Raises Unexpected."""
        deadline = time.monotonic() + self._policy.deadline_s
        attempts = 1
        while isinstance(outcome := self._attempt(request, expects), Again):
            if time.monotonic() >= deadline:
                raise Unexpected(f"{request.method} {request.target}: no answer after {attempts} attempts: {outcome}")
            self._tally.count("asked_again")
            self._sleep(self._policy.pause_s(attempts, outcome.at_least_s))
            attempts += 1
        if not isinstance(outcome, dict):
            raise Unexpected(f"{request.method} {request.target}: {outcome}")
        return outcome

    def _attempt(self, request: Request, expects: Container[str]) -> Outcome:
        outcome = self._send(request, self.proof.headers(request), lambda reply: self._judged(reply, request, expects))
        self._tally.count("failed", is_error(outcome))
        return outcome

    def _judged(self, reply: Reply, request: Request, expects: Container[str]) -> Outcome:
        if reply.status in (200, 201):
            try:
                document: Document = msgspec.json.decode(reply.body, type=dict)
                return Again("the answer is of a snapshot, not of now") if document.get("stale") else document
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                return Unreadable(f"status {reply.status} with a document that can't be read ({error})")
        if reply.status == 0:
            return Unreached("no answer")
        found = judge(self.proof.game_server, reply.status, reply.headers, reply.body, request.key)
        if isinstance(found, Refused) and found.code in expects:
            self._tally.count("expected_refusals")
            return {**found.fields, "code": found.code, "action": found.action}
        return found
