"""The stream against a server that keeps to the protocol, and against one that does not."""

import asyncio
import time
from typing import Any

import msgspec
import pytest
from fake_server import Asked, Connected, FakeServer, answer_all, ok, problem_document, refused, until

from croupier_client import (
    AsyncCroupier,
    OutcomeUnknown,
    Refused,
    RetryPolicy,
    SpinStream,
    StreamClosed,
    StreamFull,
    Unanswered,
    Unauthenticated,
)

pytestmark = pytest.mark.timeout(20)
QUICK = RetryPolicy(deadline_s=5, attempt_timeout_s=2, pause_first_s=0.005, pause_max_s=0.02)
HASTY = RetryPolicy(deadline_s=0.3, attempt_timeout_s=0.1, pause_first_s=0.005, pause_max_s=0.02)
PATIENT = RetryPolicy(deadline_s=0.6, attempt_timeout_s=5, pause_first_s=0.005, pause_max_s=0.02)
"""No attempt ends for want of time, however slow the machine is."""


def stream_to(server: FakeServer, retry: RetryPolicy = QUICK, **options: Any) -> SpinStream:
    return AsyncCroupier(server.url, key_id="game-1", secret="s" * 16, retry=retry).stream(**options)


def spin(stream: SpinStream, player: str = "ada", **more: Any) -> "asyncio.Future[Any]":
    return stream.spin(player, "book-of-dunes", bet=100, **more)


async def ignore(_: Connected, __: list[Asked]) -> None:
    """Never answers."""


async def test_calls_carry_their_fields_and_answers_their_key() -> None:
    async with FakeServer() as server, stream_to(server) as stream:
        answer = await stream.spin("ada", "book-of-dunes", bet=100, win=0, round_id="r", key="k-1")
        await stream.bet("ada-1", "ada", 5, key="k-2")
        await stream.result("ada-1", "ada", 7, key="k-3")
        await stream.result("ada-1", "ada", 7, final=False, settles="k-2", key="k-4")
        await stream.cancel("ada-1", "ada", key="k-5")
        await stream.round("ada-1", "ada")
    step = {"session_id": "ada-1", "player_id": "ada"}
    spun = {"player_id": "ada", "game_id": "book-of-dunes", "mode": "real", "bet": 100, "win": 0, "round_id": "r"}
    assert server.asked == [
        {"op": "spin", "id": 1, "key": "k-1", **spun},
        {"op": "bet", "id": 2, "key": "k-2", **step, "amount": 5},
        {"op": "result", "id": 3, "key": "k-3", **step, "win": 7},
        {"op": "result", "id": 4, "key": "k-4", **step, "win": 7, "final": False, "settles": "k-2"},
        {"op": "cancel", "id": 5, "key": "k-5", **step},
        {"op": "round", "id": 6, **step},
    ]
    assert (answer.key, answer.session_id, answer.balance.real) == ("k-1", "ada-1", 900)


async def test_a_rollback_has_an_answer_of_its_own() -> None:
    body = {"status": "tombstoned", "kept_grants": [], "player_id": "ada", "session_id": None, "balance": None}

    async def rolled_back(connected: Connected, asked: list[Asked]) -> None:
        await connected.answer({"id": asked[0]["id"], "status": 200, "body": {**body, "replayed": False}})

    async with FakeServer(rolled_back) as server, stream_to(server) as stream:
        answer = await stream.rollback("ada", "bet-1")
    assert (answer.status, answer.kept_grants, answer.session_id) == ("tombstoned", (), None)
    assert answer.key == server.asked[0]["key"]
    assert server.asked[0]["transaction_id"] == "bet-1"


async def test_the_upgrade_is_signed_and_offers_the_subprotocol() -> None:
    async with FakeServer() as server, stream_to(server):
        upgrade = server.upgrades[0]
    assert upgrade["sec-websocket-protocol"] == "croupier.spin.v1"
    assert upgrade["x-api-key"] == "game-1"
    assert abs(int(upgrade["x-request-timestamp"]) - time.time()) < 10
    assert "sec-websocket-extensions" not in upgrade
    assert "idempotency-key" not in upgrade


async def test_calls_of_one_turn_leave_in_one_message() -> None:
    async with FakeServer() as server, stream_to(server) as stream:
        await asyncio.gather(*(spin(stream, f"p{number}") for number in range(50)))
    assert [len(message) for message in server.messages] == [50]
    assert len({asked["key"] for asked in server.asked}) == 50


async def test_answers_find_their_calls_in_any_order() -> None:
    async def backwards(connected: Connected, asked: list[Asked]) -> None:
        for one in reversed(asked):
            await connected.answer(ok(one))

    players = [f"p{number}" for number in range(20)]
    async with FakeServer(backwards) as server, stream_to(server) as stream:
        answers = await asyncio.gather(*(spin(stream, player) for player in players))
    assert [answer.player_id for answer in answers] == players


async def test_no_more_calls_are_under_way_than_the_server_allows() -> None:
    held: list[Asked] = []

    async def hold(_: Connected, asked: list[Asked]) -> None:
        held.extend(asked)

    async with FakeServer(hold, in_flight_max=3) as server, stream_to(server) as stream:
        calls = [spin(stream, f"p{number}") for number in range(7)]
        await until(lambda: len(held) == 3)
        server.handle = answer_all
        await asyncio.sleep(0.05)
        assert len(server.asked) == 3
        await server.connected[0].answer(*map(ok, held))
        await asyncio.gather(*calls)
    assert [len(message) for message in server.messages] == [3, 3, 1]


async def test_messages_keep_to_the_size_that_the_server_allows() -> None:
    async with FakeServer(bytes_max=400) as server, stream_to(server) as stream:
        await asyncio.gather(*(spin(stream, f"p{number}") for number in range(10)))
        with pytest.raises(Refused) as caught:
            await spin(stream, "x" * 400)
    assert len(server.asked) == 10
    assert max(server.sizes) <= 400
    assert caught.value.code == "body_too_large"


async def test_a_refusal_is_raised_with_all_that_the_document_says() -> None:
    async def poor(connected: Connected, asked: list[Asked]) -> None:
        balance = {"real": 5, "bonus": 0}
        await connected.answer(refused(asked[0], 402, "insufficient_funds", action="deposit", balance=balance))

    async with FakeServer(poor) as server, stream_to(server) as stream:
        with pytest.raises(Refused) as caught:
            await spin(stream, key="k-1")
    error = caught.value
    assert (error.code, error.status, error.action, error.retryable) == ("insufficient_funds", 402, "deposit", False)
    assert (error.key, error.fields) == ("k-1", {"balance": {"real": 5, "bonus": 0}})
    assert str(error) == "insufficient_funds: It is insufficient_funds."
    assert len(server.asked) == 1


@pytest.mark.parametrize(("status", "code"), [(429, "overloaded"), (503, "shard_unavailable"), (500, "internal_error")])
async def test_what_may_pass_is_repeated_with_the_same_key(status: int, code: str) -> None:
    async def busy_at_first(connected: Connected, asked: list[Asked]) -> None:
        busy = len(server.messages) < 3
        await connected.answer(
            *(refused(one, status, code) | {"retry_after_s": 0} if busy else ok(one) for one in asked)
        )

    async with FakeServer(busy_at_first) as server, stream_to(server) as stream:
        answer = await spin(stream)
    assert [asked["key"] for asked in server.asked] == [answer.key] * 3


async def test_a_repeat_waits_as_long_as_the_server_says() -> None:
    async def busy_at_first(connected: Connected, asked: list[Asked]) -> None:
        busy = len(server.messages) == 1
        await connected.answer(
            refused(asked[0], 503, "shard_unavailable") | {"retry_after_s": 1} if busy else ok(asked[0])
        )

    async with FakeServer(busy_at_first) as server, stream_to(server) as stream:
        began = time.monotonic()
        await spin(stream)
    assert 1.0 <= time.monotonic() - began < 3


async def test_what_stays_busy_ends_at_the_deadline_with_the_last_refusal() -> None:
    async def busy(connected: Connected, asked: list[Asked]) -> None:
        await connected.answer(*(refused(one, 503, "outcome_unknown") for one in asked))

    async with FakeServer(busy) as server, stream_to(server) as stream:
        with pytest.raises(OutcomeUnknown) as caught:
            await spin(stream, key="k-1", deadline_s=0.3)
    assert caught.value.key == "k-1"
    assert caught.value.attempts == len(server.asked) > 1
    assert caught.value.last is not None
    assert caught.value.last.code == "outcome_unknown"


async def test_after_a_broken_connection_all_is_repeated_in_order_with_the_same_keys() -> None:
    async def cut_first(connected: Connected, asked: list[Asked]) -> None:
        if connected.number == 1:
            await connected.answer(ok(asked[0]))
            connected.cut()
        else:
            await answer_all(connected, asked)

    async with FakeServer(cut_first) as server, stream_to(server) as stream:
        answers = await asyncio.gather(*(spin(stream, key=f"k-{number}") for number in range(5)))
    assert [answer.key for answer in answers] == [f"k-{number}" for number in range(5)]
    first, second = server.messages
    assert [asked["key"] for asked in first] == ["k-0", "k-1", "k-2", "k-3", "k-4"]
    assert second == [asked for asked in first if asked["key"] != "k-0"]
    assert len(server.upgrades) == 2


async def test_each_connection_is_signed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async def cut_first(connected: Connected, asked: list[Asked]) -> None:
        if connected.number == 1:
            now[0] += 100
            connected.cut()
        else:
            await answer_all(connected, asked)

    now = [1_700_000_000.0]
    async with FakeServer(cut_first) as server:
        stream = stream_to(server)
        monkeypatch.setattr(stream._origin.signer, "_clock", lambda: now[0])
        async with stream:
            await spin(stream)
    assert [upgrade["x-request-timestamp"] for upgrade in server.upgrades] == ["1700000000", "1700000100"]
    assert len({upgrade["x-request-sign"] for upgrade in server.upgrades}) == 2


async def test_a_server_that_goes_away_in_order_is_followed_to_the_next() -> None:
    async def leave(connected: Connected, asked: list[Asked]) -> None:
        await answer_all(connected, asked)
        if connected.number == 1:
            await connected.close(1001)

    async with FakeServer(leave) as server, stream_to(server) as stream:
        await spin(stream)
        await spin(stream)
    assert len(server.upgrades) == 2
    assert len(server.asked) == 2


async def test_calls_wait_while_the_server_refuses_to_let_the_stream_in_again() -> None:
    async def cut_first(connected: Connected, asked: list[Asked]) -> None:
        if connected.number == 1:
            server.refusals = [
                (429, {"retry-after": "0"}, msgspec.json.encode(problem_document(429, "overloaded"))),
                (502, {}, b"<html>bad gateway</html>"),
            ]
            connected.cut()
        else:
            await answer_all(connected, asked)

    async with FakeServer(cut_first) as server, stream_to(server) as stream:
        assert (await spin(stream, key="k-1")).key == "k-1"
    assert len(server.upgrades) == 4


async def test_a_removed_key_ends_the_stream() -> None:
    async def remove(connected: Connected, asked: list[Asked]) -> None:
        await connected.answer(ok(asked[0]))
        await connected.close(4401)

    async with FakeServer(remove, in_flight_max=1) as server, stream_to(server) as stream:
        answered, never_sent = spin(stream), spin(stream, key="k-2")
        await answered
        with pytest.raises((Unauthenticated, OutcomeUnknown)) as caught:
            await never_sent
        assert caught.value.key == "k-2"
        with pytest.raises(Unauthenticated) as later:
            spin(stream, key="k-3")
    assert (later.value.key, later.value.status, later.value.code) == ("k-3", 401, "unauthenticated")
    assert len(server.upgrades) == 1


async def test_calls_that_were_never_sent_are_refused_when_the_key_is_removed() -> None:
    async def remove(connected: Connected, _: list[Asked]) -> None:
        await connected.close(4401)

    async with FakeServer(remove, in_flight_max=1) as server, stream_to(server) as stream:
        sent, never_sent = await asyncio.gather(
            spin(stream, key="k-1"), spin(stream, key="k-2"), return_exceptions=True
        )
    assert isinstance(sent, OutcomeUnknown)
    assert isinstance(sent.last, Unauthenticated)
    assert isinstance(never_sent, Unauthenticated)
    assert (sent.key, never_sent.key) == ("k-1", "k-2")
    assert len(server.asked) == 1


async def test_an_upgrade_refused_for_good_is_raised_at_once_with_a_word_on_the_clocks() -> None:
    body = msgspec.json.encode(problem_document(401, "unauthenticated"))
    async with FakeServer() as server:
        server.refusals = [(401, {"date": "Tue, 14 Nov 2023 22:13:20 GMT"}, body)]
        with pytest.raises(Unauthenticated, match=r"clock is \d+ s behind this machine's"):
            await stream_to(server).open()
    assert len(server.upgrades) == 1


async def test_a_server_without_a_stream_is_told_at_once() -> None:
    async with FakeServer() as server:
        server.refusals = [(404, {}, b"<html>not here</html>")]
        with pytest.raises(StreamClosed, match="status 404 without a problem document"):
            await stream_to(server).open()


async def test_a_server_that_nobody_reaches_is_told_at_the_deadline() -> None:
    async with FakeServer() as server:
        pass
    with pytest.raises(Unanswered, match=r"no stream within 0\.3 s; last: "):
        await stream_to(server, HASTY).open()


@pytest.mark.parametrize(
    "hello",
    [
        b"\xc1",
        b"",
        msgspec.msgpack.encode([]),
        msgspec.msgpack.encode({"in_flight_max": 0, "message_bytes_max": 1}),
        "{}",
    ],
)
async def test_a_greeting_that_cannot_be_read_is_no_greeting(hello: Any) -> None:
    async with FakeServer() as server:
        server.hello = hello
        with pytest.raises(Unanswered, match="ProtocolBroken"):
            await stream_to(server, PATIENT).open()
    assert len(server.upgrades) > 1


@pytest.mark.parametrize(
    "message",
    [
        b"\xc1",
        b"",
        msgspec.msgpack.encode({"id": 1}),
        msgspec.msgpack.encode([{"id": 1}]),
        msgspec.msgpack.encode([{"id": None, "status": 400, "body": {}}]),
        msgspec.msgpack.encode([{"id": 99, "status": 200, "body": {}}]),
        "[]",
    ],
)
async def test_a_message_that_cannot_be_read_ends_the_connection_and_the_call_is_repeated(message: Any) -> None:
    async def odd_at_first(connected: Connected, asked: list[Asked]) -> None:
        if connected.number == 1:
            await connected.socket.send(message)
        else:
            await answer_all(connected, asked)

    async with FakeServer(odd_at_first) as server, stream_to(server) as stream:
        answer = await spin(stream)
    assert [asked["key"] for asked in server.asked] == [answer.key] * 2


@pytest.mark.parametrize(
    ("status", "body"), [(200, {"session_id": 1}), (200, None), (200, []), (409, {"code": "x"}), (503, "busy")]
)
async def test_a_document_that_cannot_be_read_ends_its_call_and_no_other(status: int, body: Any) -> None:
    async def odd(connected: Connected, asked: list[Asked]) -> None:
        await connected.answer({"id": asked[0]["id"], "status": status, "body": body}, *map(ok, asked[1:]))

    async with FakeServer(odd) as server, stream_to(server) as stream:
        odd_one, other = await asyncio.gather(spin(stream, key="k-1"), spin(stream), return_exceptions=True)
    assert isinstance(odd_one, OutcomeUnknown)
    assert (odd_one.key, odd_one.attempts) == ("k-1", 1)
    assert str(odd_one).startswith(f"status {status} with")
    assert other.player_id == "ada"
    assert len(server.upgrades) == 1


async def test_each_call_has_its_own_deadline_and_a_read_leaves_no_outcome_open() -> None:
    async with FakeServer(ignore) as server, stream_to(server) as stream:
        long = spin(stream)
        with pytest.raises(OutcomeUnknown, match="no answer by the deadline"):
            await spin(stream, deadline_s=0.1)
        with pytest.raises(Unanswered) as caught:
            await stream.round("ada-1", "ada", deadline_s=0.1)
        assert not isinstance(caught.value, OutcomeUnknown)
        assert not long.done()
        await stream.close(drain=False)
        with pytest.raises(OutcomeUnknown, match="the stream was closed"):
            await long


async def test_a_call_that_timed_out_keeps_its_place_until_its_answer_comes() -> None:
    async with FakeServer(ignore, in_flight_max=1) as server, stream_to(server) as stream:
        late = spin(stream, key="k-1", deadline_s=0.1)
        waiting = spin(stream, key="k-2")
        with pytest.raises(OutcomeUnknown):
            await late
        assert [asked["key"] for asked in server.asked] == ["k-1"]
        server.handle = answer_all
        await server.connected[0].answer(ok(server.asked[0]))
        assert (await waiting).key == "k-2"


async def test_a_cancelled_call_that_still_waits_is_not_sent() -> None:
    async with FakeServer(ignore, in_flight_max=1) as server, stream_to(server) as stream:
        first, second, third = (spin(stream, key=f"k-{number}") for number in range(3))
        await until(lambda: bool(server.asked))
        second.cancel()
        server.handle = answer_all
        await server.connected[0].answer(ok(server.asked[0]))
        await asyncio.gather(first, third)
    assert [asked["key"] for asked in server.asked] == ["k-0", "k-2"]


async def test_too_many_calls_that_wait_are_not_taken() -> None:
    async with FakeServer(ignore, in_flight_max=1) as server, stream_to(server, waiting_max=2) as stream:
        first = spin(stream)
        await until(lambda: bool(server.asked))
        rest = [spin(stream) for _ in range(2)]
        with pytest.raises(StreamFull):
            spin(stream)
        rest[0].cancel()
        await asyncio.sleep(0.2)
        rest.append(spin(stream))
        for call in (first, *rest):
            call.cancel()


async def test_closing_waits_for_what_is_under_way_and_takes_no_more() -> None:
    release = asyncio.Event()

    async def later(connected: Connected, asked: list[Asked]) -> None:
        await release.wait()
        await answer_all(connected, asked)

    async with FakeServer(later) as server:
        stream = stream_to(server)
        await stream.open()
        call = spin(stream)
        closing = asyncio.create_task(stream.close())
        await until(lambda: bool(server.asked))
        with pytest.raises(StreamClosed):
            spin(stream)
        assert not closing.done()
        release.set()
        await closing
        assert (await call).player_id == "ada"


async def test_leaving_by_an_exception_waits_for_nobody() -> None:
    async with FakeServer(ignore) as server:
        calls: list[asyncio.Future[Any]] = []

        async def fail_within() -> None:
            async with stream_to(server) as stream:
                calls.append(spin(stream))
                await until(lambda: bool(server.asked))
                raise KeyError

        with pytest.raises(KeyError):
            await fail_within()
        with pytest.raises(OutcomeUnknown):
            await calls[0]


async def test_a_stream_that_is_not_open_takes_nothing_and_none_is_opened_twice() -> None:
    async with FakeServer() as server:
        stream = stream_to(server)
        with pytest.raises(StreamClosed):
            spin(stream)
        async with stream:
            with pytest.raises(RuntimeError):
                await stream.open()
            await spin(stream)
        with pytest.raises(StreamClosed):
            spin(stream)
        async with stream:
            await spin(stream)
    assert len(server.upgrades) == 2
