"""The spin stream: what a game server sees, message by message, driven as ASGI without sockets."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from actors.outcome import Answered, OnOutcome, Unavailable
from engine.commands import AddBet, CancelRound, CommandBody, Result, Rollback, Spin
from engine.queries import GetRound, QueryBody
from gateway.access.auth import Authenticator, ProofAuth
from gateway.access.keys import ApiKey, ApiKeys
from gateway.documents.stream import SpinOp
from gateway.settings import GatewaySettings
from gateway.spin import stream
from gateway.spin.stream import SUBPROTOCOL
from tests.support.gateway_doubles import ROUND, Asked, ScriptedPlayers, app_with, calling
from tests.unit.gateway.access.test_auth import NOW_S, SECRET, sign

SPIN = {"id": 1, "op": "spin", "key": "k1", "player_id": "p1", "game_id": "g", "mode": "real", "bet": 100}
KEYS = ApiKeys(api_keys=(ApiKey("studio-7", SECRET, "game_server"), ApiKey("pms", SECRET[::-1], "platform")))


DEFAULT = GatewaySettings()


class HeldPlayers(ScriptedPlayers):
    """Answers nobody before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[OnOutcome] = []

    def submit(self, player_id: str, command_id: str, body: CommandBody | QueryBody, on_outcome: OnOutcome) -> None:
        self.asked.append(Asked(player_id, command_id, body))
        self.waiting.append(on_outcome)

    def answer(self, number: int = 0) -> None:
        self.waiting.pop(number)(Answered(ROUND))


class Client:
    """One WebSocket, as the application sees it."""

    def __init__(self, app: Any, headers: Mapping[str, str], offers: list[str], path: str) -> None:
        self._incoming: asyncio.Queue[Any] = asyncio.Queue()
        self._outgoing: asyncio.Queue[Any] = asyncio.Queue()
        self.messages_read = 0
        self.reads = asyncio.Event()
        """Cleared for a client that takes nothing."""
        self.reads.set()
        scope = {
            "type": "websocket",
            "path": path.partition("?")[0],
            "raw_path": path.partition("?")[0].encode(),
            "query_string": path.partition("?")[2].encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "subprotocols": offers,
            "extensions": {"websocket.http.response": {}},
        }
        self._incoming.put_nowait({"type": "websocket.connect"})
        self.serving = asyncio.ensure_future(app(scope, self._receive, self._deliver))

    async def _deliver(self, message: Any) -> None:
        await self.reads.wait()
        self._outgoing.put_nowait(message)

    async def _receive(self) -> Any:
        message = await self._incoming.get()
        self.messages_read += 1
        return message

    def send(self, *requests: Any) -> None:
        self.send_bytes(msgspec.msgpack.encode(list(requests)))

    def send_bytes(self, data: bytes) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", "bytes": data})

    def send_text(self, text: str) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", "text": text})

    def hang_up(self) -> None:
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def event(self) -> Any:
        return await asyncio.wait_for(self._outgoing.get(), 5)

    async def message(self) -> Any:
        event = await self.event()
        assert event["type"] == "websocket.send", event
        return msgspec.msgpack.decode(event["bytes"])

    async def answer(self) -> Any:
        (answer,) = await self.message()
        return answer

    async def settled(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    def silent(self) -> bool:
        return self._outgoing.empty()


def proof(key: str = "studio-7", secret: str = SECRET) -> dict[str, str]:
    signature = sign(f"{NOW_S}\nGET\n/spin/stream\n\n".encode(), secret).decode()
    return {"x-api-key": key, "x-request-timestamp": str(NOW_S), "x-request-sign": signature}


def proving() -> ProofAuth:
    return ProofAuth(KEYS, clock=lambda: NOW_S)


@asynccontextmanager
async def connected(
    players: ScriptedPlayers | None = None,
    auth: Authenticator | None = None,
    headers: Mapping[str, str] | None = None,
    settings: GatewaySettings = DEFAULT,
) -> AsyncIterator[Client]:
    app = app_with(players, auth, settings)
    client = Client(app, headers or {"x-api-key": "gs"}, [SUBPROTOCOL], "/spin/stream")
    assert await client.event() == {"type": "websocket.accept", "subprotocol": SUBPROTOCOL}
    hello = await client.message()
    assert hello == {"in_flight_max": settings.stream_in_flight_max, "message_bytes_max": 65_536}
    try:
        yield client
    finally:
        client.hang_up()
        await asyncio.wait_for(client.serving, 5)
        assert app.state.metrics.streams == 0


@pytest.mark.parametrize(
    ("fields", "command", "body"),
    [
        ({"op": "spin", "game_id": "g", "mode": "real", "bet": 9, "win": 0}, "gs:k1", Spin("g", "real", 9, 0)),
        (
            {"op": "spin", "game_id": "g", "mode": "freespin", "round_id": "r"},
            "gs:k1",
            Spin("g", "freespin", None, None, "r"),
        ),
        ({"op": "bet", "session_id": "s1", "amount": 5}, "gs:k1", AddBet("s1", 5)),
        ({"op": "result", "session_id": "s1", "win": 5}, "gs:k1", Result("s1", 5)),
        (
            {"op": "result", "session_id": "s1", "win": 5, "final": False, "settles": "b"},
            "gs:k1",
            Result("s1", 5, False, "gs:b"),
        ),
        ({"op": "cancel", "session_id": "s1"}, "gs:k1", CancelRound("s1")),
        ({"op": "rollback", "transaction_id": "b"}, "gs:k1", Rollback("gs:b")),
        ({"op": "round", "session_id": "s1"}, "", GetRound("s1")),
    ],
)
async def test_every_operation_asks_the_player_as_over_http(fields: Any, command: str, body: Any) -> None:
    players = ScriptedPlayers()
    async with connected(players) as client:
        keyed = {} if fields["op"] == "round" else {"key": "k1"}
        client.send({"id": 7, "player_id": "p1"} | keyed | fields)
        answer = await client.answer()
    assert (answer["id"], answer["status"], answer["body"]["player_id"]) == (7, 200, "p1")
    assert players.asked == [Asked("p1", command, body)]


async def test_the_answer_is_the_document_of_http() -> None:
    app = app_with()
    async with calling(app) as http:
        over_http = (
            await http.post("/spin?player_id=p1&game_id=g&mode=real&bet=100", headers={"idempotency-key": "k1"})
        ).json()
    async with connected() as client:
        client.send(SPIN)
        assert await client.answer() == {"id": 1, "status": 200, "body": over_http}


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"bet": None}, 400, "invalid_request", "bet"),
        ({"bet": 0}, 400, "invalid_request", "bet"),
        ({"bet": "100"}, 400, "invalid_request", "bet"),
        ({"mode": "fun"}, 400, "invalid_request", "mode"),
        ({"player_id": "a b"}, 400, "invalid_request", "player_id"),
        ({"more": 1}, 400, "invalid_request", "more"),
        ({"op": "spend"}, 400, "invalid_request", "op"),
        ({"key": ""}, 400, "idempotency_key_required", None),
        ({"key": "a b"}, 400, "idempotency_key_required", None),
    ],
)
async def test_what_is_wrong_with_one_request_is_said_and_the_others_are_served(
    change: Any, status: int, code: str, field: str | None
) -> None:
    players = ScriptedPlayers()
    async with connected(players) as client:
        client.send(SPIN | {"id": 1}, SPIN | {"id": 2} | change, SPIN | {"id": 3})
        first, wrong, last = await client.message()
    assert [first["status"], last["status"], len(players.asked)] == [200, 200, 2]
    assert (wrong["id"], wrong["status"], wrong["body"]["code"]) == (2, status, code)
    if field is not None:
        assert wrong["body"]["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "request_", [{"op": "spin"}, {"id": -1, "op": "spin"}, {"id": 2**53, "op": "spin"}, 5, None, []]
)
async def test_a_request_without_a_number_is_answered_without_one(request_: Any) -> None:
    async with connected() as client:
        client.send(request_, SPIN)
        wrong, right = await client.message()
    assert (wrong["id"], wrong["status"], right["status"]) == (None, 400, 200)


BAD_TEXT = msgspec.msgpack.encode([SPIN])[1:].replace(b"p1", b"\xff\xfe")
DEEP = b"\x91" * 20_000


@pytest.mark.parametrize("before", [SPIN, 5])
async def test_text_that_is_no_utf8_spoils_its_request_and_no_other(before: Any) -> None:
    async with connected() as client:
        client.send_bytes(
            b"\x93" + msgspec.msgpack.encode(before) + BAD_TEXT + msgspec.msgpack.encode(SPIN | {"id": 3})
        )
        answers = await client.message()
    assert [answer["status"] for answer in answers] == [200 if before is SPIN else 400, 400, 200]
    assert answers[1]["body"]["code"] == "invalid_request"


async def test_nesting_without_end_ends_the_stream() -> None:
    async with connected() as client:
        client.send_bytes(DEEP)
        assert (await client.event())["code"] == 1007


async def test_a_client_that_does_not_read_is_not_read_from() -> None:
    players = ScriptedPlayers()
    async with connected(players, settings=GatewaySettings(stream_in_flight_max=10)) as client:
        client.reads.clear()
        for _ in range(20):
            client.send(*(SPIN | {"id": number} for number in range(100)))
        await client.settled()
        assert (len(players.asked), client.messages_read) == (10, 2)
        client.reads.set()
        answered = 0
        while answered < 2_000:
            answered += len(await client.message())
        assert len(players.asked) == 2_000


async def test_refusals_without_end_come_in_messages_of_a_bounded_number() -> None:
    async with connected(settings=GatewaySettings(stream_in_flight_max=10)) as client:
        client.send(*[None] * 5_000)
        found = [len(await client.message()) for _ in range(500)]
    assert found == [10] * 500


async def test_who_takes_no_answers_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.spin.stream.WRITE_TIMEOUT_PINGS", 0)
    app = app_with()
    client = Client(app, {}, [SUBPROTOCOL], "/spin/stream")
    await client.event()
    await client.message()
    client.reads.clear()
    client.send(SPIN)
    await asyncio.wait_for(client.serving, 5)
    assert app.state.metrics.streams == 0 and client.silent()


async def test_a_failure_inside_is_answered_and_leaves_no_request_under_way(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(stream._BUILD, SpinOp, lambda request, session_id: 1 // 0)
    async with connected(settings=GatewaySettings(stream_in_flight_max=1)) as client:
        for _ in range(3):
            client.send(SPIN)
            answer = await client.answer()
            assert (answer["status"], answer["body"]["code"]) == (500, "internal_error")
    assert "ZeroDivisionError" in caplog.text


async def test_the_syntax_is_checked_before_the_key_as_over_http() -> None:
    async with connected() as client:
        client.send({name: value for name, value in SPIN.items() if name not in ("key", "bet")})
        assert (await client.answer())["body"]["code"] == "invalid_request"


async def test_unavailable_says_when_to_ask_again() -> None:
    async with connected(ScriptedPlayers(Unavailable("overloaded", "Too much.", 3))) as client:
        client.send(SPIN)
        answer = await client.answer()
    assert (answer["status"], answer["body"]["code"], answer["retry_after_s"]) == (429, "overloaded", 3)


@pytest.mark.parametrize(
    ("data", "code"), [(b"\xc1", 1007), (b"", 1007), (msgspec.msgpack.encode({"id": 1}), 1007), ("text", 1003)]
)
async def test_what_is_no_message_ends_the_stream(data: bytes | str, code: int) -> None:
    async with connected() as client:
        if isinstance(data, str):
            client.send_text(data)
        else:
            client.send_bytes(data)
        closed = await client.event()
    assert (closed["type"], closed["code"]) == ("websocket.close", code)


async def test_answers_come_as_they_are_there_and_those_of_one_turn_in_one_message() -> None:
    players = HeldPlayers()
    async with connected(players) as client:
        client.send(*(SPIN | {"id": number} for number in range(4)))
        await client.settled()
        players.answer(2)
        assert (await client.answer())["id"] == 2
        for _ in range(3):
            players.answer()
        assert [answer["id"] for answer in await client.message()] == [0, 1, 3]


async def test_no_more_are_under_way_than_allowed_and_no_message_is_read_meanwhile() -> None:
    players = HeldPlayers()
    async with connected(players, settings=GatewaySettings(stream_in_flight_max=2)) as client:
        client.send(*(SPIN | {"id": number} for number in range(3)))
        client.send(SPIN | {"id": 3})
        await client.settled()
        assert (len(players.asked), client.messages_read) == (2, 2)  # the opening, and the first message
        players.answer()
        assert (await client.answer())["id"] == 0
        await client.settled()
        assert (len(players.asked), client.messages_read) == (3, 3)
        for _ in range(2):
            players.answer()
        await client.message()
        await client.settled()
        assert len(players.asked) == 4
        players.answer()
        assert (await client.answer())["id"] == 3


async def test_who_hangs_up_misses_answers_and_nothing_breaks() -> None:
    players = HeldPlayers()
    async with connected(players) as client:
        client.send(SPIN)
        await client.settled()
    players.answer()
    assert client.silent()


async def test_the_server_ends_after_answering_what_is_under_way() -> None:
    players = HeldPlayers()
    app = app_with(players)
    client = Client(app, {}, [SUBPROTOCOL], "/spin/stream")
    await client.event()
    await client.message()
    client.send(SPIN)
    await client.settled()
    ending = asyncio.ensure_future(app.streams.end())
    await client.settled()
    client.send(SPIN | {"id": 2})
    await client.settled()
    assert client.silent() and len(players.asked) == 1
    players.answer()
    assert (await client.answer())["id"] == 1
    assert (await client.event())["code"] == 1001
    await ending
    late = Client(app, {}, [SUBPROTOCOL], "/spin/stream")
    assert (await late.event())["status"] == 429


async def refused_with(app: Any, headers: Mapping[str, str], offers: list[str], path: str) -> tuple[int, Any]:
    client = Client(app, headers, offers, path)
    start, body = await client.event(), await client.event()
    return start["status"], msgspec.json.decode(body["body"])["code"]


@pytest.mark.parametrize(
    ("headers", "offers", "path", "status", "code"),
    [
        ({}, [SUBPROTOCOL], "/spin/stream", 401, "unauthenticated"),
        (proof(secret="another secret"), [SUBPROTOCOL], "/spin/stream", 401, "unauthenticated"),
        (proof("pms", SECRET[::-1]), [SUBPROTOCOL], "/spin/stream", 403, "forbidden"),
        (proof(), ["croupier.spin.v2"], "/spin/stream", 400, "invalid_request"),
        (proof(), [], "/spin/stream", 400, "invalid_request"),
        (proof(), [SUBPROTOCOL], "/spin/stream?player_id=p1", 400, "invalid_request"),
        (proof(), [SUBPROTOCOL], "/stream", 404, "not_found"),
    ],
)
async def test_who_may_not_connect_gets_a_problem_document(
    headers: Mapping[str, str], offers: list[str], path: str, status: int, code: str
) -> None:
    assert await refused_with(app_with(auth=proving()), headers, offers, path) == (status, code)


async def test_no_more_streams_than_allowed() -> None:
    app = app_with(settings=GatewaySettings(streams_max=0))
    assert await refused_with(app, {}, [SUBPROTOCOL], "/spin/stream") == (429, "overloaded")


async def test_a_plain_request_is_told_that_it_is_a_websocket() -> None:
    async with calling(app_with()) as http:
        answer = await http.get("/spin/stream")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "upgrade")


@pytest.mark.parametrize(
    ("keys", "lives"),
    [
        (KEYS, True),
        (ApiKeys(api_keys=(*KEYS.api_keys, ApiKey("new", "n" * 32, "game_server"))), True),
        (ApiKeys(api_keys=KEYS.api_keys[1:]), False),
        (ApiKeys(api_keys=(ApiKey("studio-7", "another secret of 32 characters", "game_server"),)), False),
        (ApiKeys(api_keys=(ApiKey("studio-7", SECRET, "platform"),)), False),
    ],
)
async def test_a_stream_ends_with_its_key_after_answering_what_is_under_way(keys: ApiKeys, lives: bool) -> None:
    auth, players = proving(), HeldPlayers()
    async with connected(players, auth, proof()) as client:
        client.send(SPIN)
        await client.settled()
        auth.replace(keys)
        players.answer()
        assert (await client.answer())["status"] == 200
        if lives:
            client.send(SPIN | {"id": 2})
            await client.settled()
            assert len(players.asked) == 2
            players.answer()
            assert (await client.answer())["id"] == 2
        else:
            assert (await client.event())["code"] == 4401


async def test_requests_of_a_stream_are_counted_with_those_of_http() -> None:
    app = app_with()
    client = Client(app, {}, [SUBPROTOCOL], "/spin/stream")
    await client.event()
    await client.message()
    client.send(SPIN, SPIN | {"id": 2, "key": ""}, 5)
    await client.message()
    text = app.state.metrics.exposition().decode()
    client.hang_up()
    await client.serving
    assert 'gateway_requests_total{code="ok",route="POST /spin"} 1.0' in text
    assert 'gateway_requests_total{code="idempotency_key_required",route="POST /spin"} 1.0' in text
    assert 'gateway_requests_total{code="invalid_request",route="unmatched"} 1.0' in text
    assert "gateway_streams 1.0" in text


def test_the_document_shows_these_bytes() -> None:
    """docs/stream.md: a request byte by byte."""
    shown = (
        "87a2696401a26f70a47370696ea36b6579a26b31a9706c617965725f6964a27031"
        "a767616d655f6964a167a46d6f6465a47265616ca362657464"
    )
    assert msgspec.msgpack.decode(bytes.fromhex(shown), type=SpinOp) == SpinOp(
        id=1, key="k1", player_id="p1", game_id="g", mode="real", bet=100
    )
