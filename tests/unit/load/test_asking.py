"""How the load test asks: signed, and repeated as a game server repeats."""

import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest

from croupier_client.retrying import RetryPolicy
from croupier_client.signing import Signer
from gateway.http.errors import TABLE
from tests.load.asking import Caller, Judge, Outcome, Proof, Reply, Request, Unexpected, is_error
from tests.load.tally import Tally

SPIN = Request("spin", "game_server", "POST", "/spin?player_id=ada&bet=10", "key-1")


class Wire:
    """Answers with what was prepared, one after the other, and keeps what it was sent."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.sent: list[Mapping[str, str]] = []
        self.errors: list[bool] = []

    def __call__(self, request: Request, headers: Mapping[str, str], judged: Judge) -> Outcome:
        self.sent.append(headers)
        outcome = judged(self.replies.pop(0))
        self.errors.append(is_error(outcome))
        return outcome


def answer(**fields: Any) -> Reply:
    return Reply(200, {}, json.dumps(fields).encode())


def problem(code: str, headers: Mapping[str, str] | None = None, **fields: Any) -> Reply:
    row = TABLE[code]
    document = {"code": code, "detail": "…", "retryable": row.retryable, "action": row.action, **fields}
    return Reply(row.status, headers or {}, json.dumps(document).encode())


NOTHING = Reply(0, {}, b"")


class Asking:
    def __init__(self, *replies: Reply, deadline_s: float = 30.0) -> None:
        self.wire, self.tally, self.pauses = Wire(*replies), Tally(), list[float]()
        proof = Proof(Signer("game", "g" * 16, clock=lambda: 1_700_000_000.0), Signer("cashier", "c" * 16), "t0ken")
        policy = RetryPolicy(deadline_s=deadline_s)
        self.caller = Caller(self.wire, proof, self.tally, self.pauses.append, policy)


def test_a_request_is_signed_over_all_that_the_gateway_reads() -> None:
    asking = Asking(answer())
    asking.caller.ask(SPIN)
    message = b"1700000000\nPOST\n/spin?player_id=ada&bet=10\nkey-1\n"
    assert asking.wire.sent == [
        {
            "idempotency-key": "key-1",
            "x-api-key": "game",
            "x-request-timestamp": "1700000000",
            "x-request-sign": hmac.digest(b"g" * 16, message, "sha256").hex(),
        }
    ]


def test_an_operator_brings_a_token_and_the_cashier_a_key_of_its_own() -> None:
    asking = Asking(answer(), answer())
    asking.caller.ask(SPIN._replace(role="staff", body=b"{}"))
    asking.caller.ask(SPIN._replace(role="platform"))
    staff, cashier = asking.wire.sent
    assert (staff["authorization"], staff["content-type"]) == ("Bearer t0ken", "application/json")
    assert "x-api-key" not in staff
    assert cashier["x-api-key"] == "cashier"


PASSING = [code for code, row in TABLE.items() if row.retryable and row.status in (429, 503)]
"""What may pass within moments; a receipt waits for its checkpoint, a minute."""


@pytest.mark.parametrize("code", PASSING)
def test_what_may_pass_is_repeated_with_the_same_key_and_is_no_error(code: str) -> None:
    asking = Asking(problem(code, {"retry-after": "2"}), answer(real=5))
    assert asking.caller.ask(SPIN) == {"real": 5}
    assert [sent["idempotency-key"] for sent in asking.wire.sent] == ["key-1", "key-1"]
    assert asking.wire.errors == [False, False]
    assert 2.0 <= asking.pauses[0] <= 3.0, "the server's Retry-After holds"
    assert (asking.tally.counts["asked_again"], asking.tally.counts["failed"]) == (1, 0)


def test_no_answer_is_an_error_although_it_is_repeated() -> None:
    asking = Asking(NOTHING, answer(real=5))
    assert asking.caller.ask(SPIN) == {"real": 5}
    assert asking.wire.errors == [True, False]
    assert asking.tally.counts["failed"] == 1


def test_an_expected_refusal_is_answered_with_what_it_says() -> None:
    asking = Asking(problem("insufficient_funds", balance={"real": 3}))
    refused = asking.caller.ask(SPIN, ("insufficient_funds",))
    assert refused == {"code": "insufficient_funds", "action": "deposit", "balance": {"real": 3}}
    assert asking.wire.errors == [False]
    assert asking.tally.counts["expected_refusals"] == 1


@pytest.mark.parametrize(
    "reply",
    [problem("insufficient_funds"), problem("unauthenticated"), Reply(404, {}, b"<html>"), Reply(200, {}, b"<html>")],
)
def test_everything_else_is_unexpected_and_not_repeated(reply: Reply) -> None:
    asking = Asking(reply)
    with pytest.raises(Unexpected, match="POST /spin"):
        asking.caller.ask(SPIN, ("round_open",))
    assert asking.wire.errors == [True]
    assert asking.tally.counts["failed"] == 1


def test_it_gives_up_at_the_deadline() -> None:
    asking = Asking(problem("overloaded"), deadline_s=1e-9)
    with pytest.raises(Unexpected, match="no answer after 1 attempts"):
        asking.caller.ask(SPIN)
