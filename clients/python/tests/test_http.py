"""Calls over HTTP with a transport and a clock of the tests' own: what is sent, what is repeated, what is raised.

Each test plays for both clients: `outcome` makes a call on either and tells what came of it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest
from fake_server import problem_document, spin_document

from croupier_client import (
    AsyncCroupier,
    Croupier,
    CroupierError,
    OutcomeUnknown,
    Refused,
    RetryPolicy,
    Unanswered,
    Unauthenticated,
)
from croupier_client.exchange import drive, drive_async, exchange
from croupier_client.signing import Signer

URL = "http://croupier.example"
POLICY = RetryPolicy(deadline_s=10, attempt_timeout_s=3, pause_first_s=1, pause_max_s=4)
DONE = httpx.Response(200, json=spin_document({"player_id": "ada", "bet": 100}))
Make = Callable[[Any], Any]
"""Makes a call on either client."""


def problem(status: int, code: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    return httpx.Response(status, json=problem_document(status, code, **more), headers=headers)


class World:
    """Answers in turn, the last one for ever; a clock that only pauses and slow answers move."""

    def __init__(self, *answers: httpx.Response | Exception, takes_s: float = 0) -> None:
        self.answers = list(answers)
        self.takes_s = takes_s
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self.now_s = 1000.0

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.now_s += self.takes_s
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now_s += seconds

    async def pause_async(self, seconds: float) -> None:
        self.pause(seconds)


class SyncClient(Croupier):
    """The clients sleep and read the time where a test can't wait; here that is the world's."""

    def __init__(self, world: World, chance: float) -> None:
        super().__init__(URL, retry=POLICY, key_id="g", secret="s", transport=httpx.MockTransport(world.answer))
        self._origin = in_world(self._origin, world, chance)
        self._world = world

    def perform(self, call: Any, deadline_s: float | None = None) -> Any:
        return drive(exchange(self._origin, call, deadline_s), self._send, self._world.pause)


class AsyncClient(AsyncCroupier):
    """The same."""

    def __init__(self, world: World, chance: float) -> None:
        super().__init__(URL, retry=POLICY, key_id="g", secret="s", transport=httpx.MockTransport(world.answer))
        self._origin = in_world(self._origin, world, chance)
        self._world = world

    def perform(self, call: Any, deadline_s: float | None = None) -> Any:
        steps = exchange(self._origin, call, deadline_s)
        return asyncio.ensure_future(drive_async(steps, self._send, self._world.pause_async))


def in_world(origin: Any, world: World, chance: float) -> Any:
    signer = Signer("g", "s", clock=lambda: 1_700_000_000 + world.now_s)
    return replace(origin, signer=signer, clock=lambda: world.now_s, chance=lambda: chance)


def outcome_sync(world: World, make: Make, chance: float) -> Any:
    with SyncClient(world, chance) as client:
        try:
            return make(client)
        except (CroupierError, ValueError) as error:
            return error


def outcome_async(world: World, make: Make, chance: float) -> Any:
    async def play() -> Any:
        async with AsyncClient(world, chance) as client:
            try:
                return await make(client)
            except (CroupierError, ValueError) as error:
                return error

    return asyncio.run(play())


@pytest.fixture(params=[outcome_sync, outcome_async], ids=["sync", "async"])
def outcome(request: pytest.FixtureRequest) -> Callable[..., Any]:
    def play(world: World, make: Make, chance: float = 0) -> Any:
        return request.param(world, make, chance)

    return play


def spin(client: Any, **more: Any) -> Any:
    return client.spin("ada", "book-of-dunes", bet=100, **more)


def body(request: httpx.Request) -> Any:
    return msgspec.json.decode(request.content)


@pytest.mark.parametrize(
    ("make", "method", "target", "sent"),
    [
        (
            lambda c: c.spin("a@b", "book-of-dunes", bet=100, win=0, round_id="r&d/1", key="k"),
            "POST",
            "/spin?player_id=a%40b&game_id=book-of-dunes&mode=real&bet=100&win=0&round_id=r%26d%2F1",
            None,
        ),
        (
            lambda c: c.spin("ada", "book-of-dunes", mode="freespin", key="k"),
            "POST",
            "/spin?player_id=ada&game_id=book-of-dunes&mode=freespin",
            None,
        ),
        (lambda c: c.bet("ada-3", "ada", 5, key="k"), "POST", "/spin/ada-3/bet", {"player_id": "ada", "amount": 5}),
        (
            lambda c: c.result("ada-3", "ada", 7, key="k"),
            "POST",
            "/spin/ada-3/result",
            {"player_id": "ada", "win": 7, "final": True},
        ),
        (
            lambda c: c.result("ada-3", "ada", 7, final=False, settles="b", key="k"),
            "POST",
            "/spin/ada-3/result",
            {"player_id": "ada", "win": 7, "final": False, "settles": "b"},
        ),
        (lambda c: c.cancel("a/../b", "ada", key="k"), "POST", "/spin/a%2F..%2Fb/cancel", {"player_id": "ada"}),
        (
            lambda c: c.rollback("ada", "b", key="k"),
            "POST",
            "/spin/rollback",
            {"player_id": "ada", "transaction_id": "b"},
        ),
        (lambda c: c.round("ada-3", "ada"), "GET", "/spin/ada-3?player_id=ada", None),
    ],
)
def test_each_call_is_a_signed_request(
    outcome: Callable[..., Any], make: Make, method: str, target: str, sent: Any
) -> None:
    world = World(DONE)
    outcome(world, make)
    (request,) = world.requests
    key = "k" if method == "POST" else ""
    assert (request.method, request.url.raw_path.decode()) == (method, target)
    assert (body(request) if request.content else None) == sent
    assert request.headers.get("content-type") == ("application/json" if sent else None)
    assert request.headers.get("idempotency-key", "") == key
    signer = Signer("g", "s", clock=lambda: 1_700_001_000)
    proof = signer.headers(method, target.encode(), key, request.content)
    assert {name: request.headers[name] for name in proof} == proof


def test_an_answer_is_typed_and_has_the_key_of_its_call(outcome: Callable[..., Any]) -> None:
    world = World(DONE)
    answer = outcome(world, spin)
    assert (answer.session_id, answer.funds.real, answer.loyalty.level) == ("ada-1", 100, "bronze")
    assert answer.key == world.requests[0].headers["idempotency-key"] != ""
    with pytest.raises(AttributeError):
        answer.state = "closed"


def test_every_call_has_a_new_key(outcome: Callable[..., Any]) -> None:
    assert outcome(World(DONE), spin).key != outcome(World(DONE), spin).key


@pytest.mark.parametrize(
    "passing",
    [
        httpx.ReadTimeout("too slow"),
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("disconnected"),
        problem(429, "overloaded"),
        problem(500, "internal_error"),
        problem(503, "journal_unavailable"),
        httpx.Response(502, text="<html>bad gateway</html>"),
    ],
    ids=str,
)
def test_what_passes_is_repeated_with_the_same_key_and_signed_anew(
    outcome: Callable[..., Any], passing: httpx.Response | Exception
) -> None:
    world = World(passing, passing, DONE)
    answer = outcome(world, spin)
    assert [request.headers["idempotency-key"] for request in world.requests] == [answer.key] * 3
    assert [request.headers["x-request-timestamp"] for request in world.requests] == [
        "1700001000", "1700001001", "1700001003",
    ]  # fmt: skip
    assert len({request.headers["x-request-sign"] for request in world.requests}) == 3


def test_reads_are_repeated_too(outcome: Callable[..., Any]) -> None:
    world = World(problem(503, "shard_unavailable"), DONE)
    assert outcome(world, lambda client: client.round("ada-1", "ada")).session_id == "ada-1"
    assert len(world.requests) == 2


def test_pauses_double_up_to_their_maximum_and_end_before_the_deadline(outcome: Callable[..., Any]) -> None:
    world = World(problem(503, "outcome_unknown"))
    error = outcome(world, lambda client: spin(client, key="k-1", deadline_s=14))
    assert world.pauses == [1, 2, 4, 4]
    assert isinstance(error, OutcomeUnknown)
    assert (error.key, error.attempts, error.last.code) == ("k-1", 5, "outcome_unknown")
    assert str(error) == "no answer by the deadline; last: outcome_unknown: It is outcome_unknown."


def test_chance_makes_pauses_longer_by_up_to_a_half(outcome: Callable[..., Any]) -> None:
    world = World(problem(503, "outcome_unknown"), problem(503, "outcome_unknown"), DONE)
    outcome(world, spin, 0.5)
    assert world.pauses == [1.25, 2.5]


@pytest.mark.parametrize(("said", "pause_s"), [("3", 3), ("0", 1), ("soon", 1), ("-5", 1), ("\u0663", 1)])
def test_retry_after_is_the_least_pause(outcome: Callable[..., Any], said: str, pause_s: float) -> None:
    world = World(problem(429, "overloaded", {"retry-after": said.encode()}), DONE)  # type: ignore[dict-item]
    outcome(world, spin)
    assert world.pauses == [pause_s]


def test_a_retry_after_beyond_the_deadline_is_not_waited_for(outcome: Callable[..., Any]) -> None:
    world = World(problem(503, "shard_unavailable", {"retry-after": "60"}))
    error = outcome(world, spin)
    assert (len(world.requests), world.pauses) == (1, [])
    assert error.last.retry_after_s == 60


def test_an_attempt_has_its_time_out_and_never_more_than_is_left(outcome: Callable[..., Any]) -> None:
    world = World(httpx.ReadTimeout("too slow"), takes_s=3)
    error = outcome(world, spin)
    assert [request.extensions["timeout"]["read"] for request in world.requests] == [3, 3, 1]
    assert error.attempts == 3
    assert error.last is None
    assert "ReadTimeout too slow" in str(error)


def test_a_read_without_answer_leaves_no_outcome_open(outcome: Callable[..., Any]) -> None:
    error = outcome(World(httpx.ConnectError("refused")), lambda client: client.round("ada-1", "ada"))
    assert type(error) is Unanswered
    assert error.key == ""


@pytest.mark.parametrize(
    ("status", "code", "more"),
    [
        (402, "insufficient_funds", {"action": "deposit"}),
        (409, "round_open", {"session_id": "ada-2"}),
        (503, "journal_unavailable", {"retryable": False}),
    ],
)
def test_other_refusals_are_raised_at_once(
    outcome: Callable[..., Any], status: int, code: str, more: dict[str, Any]
) -> None:
    world = World(problem(status, code, **more))
    error = outcome(world, lambda client: spin(client, key="k-1"))
    assert type(error) is Refused
    assert (error.code, error.status, error.key, error.retryable) == (code, status, "k-1", False)
    assert error.fields == {name: value for name, value in more.items() if name == "session_id"}
    assert len(world.requests) == 1


@pytest.mark.parametrize(
    ("date", "told"),
    [
        ("Tue, 14 Nov 2023 22:40:00 GMT", " The server's clock is 600 s ahead of this machine's."),
        ("Tue, 14 Nov 2023 22:20:00 GMT", " The server's clock is 600 s behind this machine's."),
        ("Tue, 14 Nov 2023 22:30:05 GMT", ""),
    ],
)
def test_a_401_says_if_the_clocks_differ(outcome: Callable[..., Any], date: str, told: str) -> None:
    error = outcome(World(problem(401, "unauthenticated", {"date": date})), spin)
    assert type(error) is Unauthenticated
    assert str(error) == f"unauthenticated: It is unauthenticated.{told}"


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, text="<html>hello</html>"),
        httpx.Response(200, json={"session_id": 5}),
        httpx.Response(200, content=b"\xff\xfe"),
        httpx.Response(404, text="<html>not here</html>"),
        httpx.Response(302, headers={"location": "http://elsewhere.example"}),
    ],
    ids=str,
)
def test_what_is_no_answer_of_croupiers_is_not_repeated(outcome: Callable[..., Any], response: httpx.Response) -> None:
    world = World(response)
    error = outcome(world, lambda client: spin(client, key="k-1"))
    assert type(error) is OutcomeUnknown
    assert error.key == "k-1"
    assert str(error).startswith(f"status {response.status_code} with")
    assert len(world.requests) == 1


@pytest.mark.parametrize("key", ["", "k 1", "k\n", "k" * 129, "\u043a"])
def test_a_key_that_is_none_is_not_sent(outcome: Callable[..., Any], key: str) -> None:
    world = World(DONE)
    assert isinstance(outcome(world, lambda client: spin(client, key=key)), ValueError)
    assert world.requests == []


@pytest.mark.parametrize("session_id", ["", ".", ".."])
def test_a_session_id_that_would_be_another_path_is_not_sent(outcome: Callable[..., Any], session_id: str) -> None:
    world = World(DONE)
    assert isinstance(outcome(world, lambda client: client.result(session_id, "ada", 1)), ValueError)
    assert world.requests == []


@pytest.mark.parametrize("url", ["croupier.example", "ftp://croupier.example", "http://", "http://a?b=c", "http://a:b"])
def test_a_base_url_must_be_one(url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        Croupier(url)


def test_a_folder_before_the_paths_is_sent_and_not_signed_because_a_proxy_takes_it_away() -> None:
    world = World(DONE)
    with SyncClient(world, 0) as client:
        client._origin = replace(client._origin, base_url=f"{URL}/games")
        client.round("ada-1", "ada")
    (request,) = world.requests
    proof = Signer("g", "s", clock=lambda: 1_700_001_000).headers("GET", b"/spin/ada-1?player_id=ada", "", b"")
    assert str(request.url) == f"{URL}/games/spin/ada-1?player_id=ada"
    assert request.headers["x-request-sign"] == proof["x-request-sign"]


def test_a_final_slash_of_the_base_url_is_fine() -> None:
    world = World(DONE)
    with Croupier(f"{URL}/", transport=httpx.MockTransport(world.answer)) as client:
        client.round("ada-1", "ada")
    assert str(world.requests[0].url) == f"{URL}/spin/ada-1?player_id=ada"


@pytest.mark.parametrize(
    "wrong",
    [{"deadline_s": 0}, {"attempt_timeout_s": -1}, {"pause_first_s": 0}, {"pause_first_s": 3, "pause_max_s": 2}],
)
def test_a_policy_must_make_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        RetryPolicy(**wrong)


def test_pauses_stay_bounded_for_ever() -> None:
    assert POLICY.pause_s(10_000, chance=lambda: 0) == 4
