"""The spin protocol answers what uvicorn and ASGI would, to the byte, and asks the players the same.

Every case goes through both: `both` feeds the same reads to a connection of either kind and compares what was written,
whether the connection ended, what the players were asked, and what was counted. One difference is wanted: where no HTTP
follows a request in the same read, uvicorn answers the former first and drops the answer to the request; here that
answer comes first.
"""

import asyncio
import hmac
import random
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import pytest

from actors.outcome import Answered, OnOutcome, Outcome
from engine.commands import CommandBody
from engine.queries import QueryBody
from engine.rejections import Rejection
from gateway.access.auth import Authenticator, ProofAuth
from gateway.access.keys import ApiKey, ApiKeys
from gateway.app import GatewayApp
from gateway.http.errors import invalid_field
from gateway.settings import GatewaySettings
from gateway.spin import protocol
from gateway.spin.protocol import HELD_BYTES_MAX, read_simple
from tests.support.connections import MemoryConnection, later
from tests.support.gateway_doubles import Asked, ScriptedPlayers, app_with

NOW_S = 1_767_225_600
SECRET = "a secret of at least thirty-two bytes"
KEYS = ApiKeys(api_keys=(ApiKey(id="gs", secret=SECRET, role="game_server"),))
QUERY = "player_id=p1&game_id=book-of-dunes&mode=real&bet=100"
RESULT = '{"player_id":"p1","win":250}'


def signed(method: str, target: str, body: str = "", key: str = "k1", extra: Sequence[str] = ()) -> bytes:
    """A request as a game server sends it."""
    message = f"{NOW_S}\n{method}\n{target}\n{key}\n{body}"
    sign = hmac.digest(SECRET.encode(), message.encode(), "sha256").hex()
    lines = [f"{method} {target} HTTP/1.1", "Host: croupier", "X-Api-Key: gs", f"X-Request-Timestamp: {NOW_S}"]
    lines += [f"X-Request-Sign: {sign}", *([f"Idempotency-Key: {key}"] if key else []), *extra]
    lines += ["Content-Type: application/json"] * bool(body) + [f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", body]).encode()


SPIN = signed("POST", f"/spin?{QUERY}")
VALID = {
    "spin": SPIN,
    "spin with a win": signed("POST", f"/spin?{QUERY}&win=0"),
    "spin with a round id": signed("POST", f"/spin?{QUERY}&round_id=r%2F1"),
    "free spin": signed("POST", "/spin?player_id=p1&game_id=g&mode=freespin"),
    "other order": signed("POST", "/spin?mode=real&bet=1&game_id=g&player_id=p1"),
    "result": signed("POST", "/spin/s-1/result", RESULT),
    "bet": signed("POST", "/spin/s-1/bet", '{"player_id":"p1","amount":5}'),
    "cancel": signed("POST", "/spin/s-1/cancel", '{"player_id":"p1"}'),
    "rollback": signed("POST", "/spin/rollback", '{"player_id":"p1","transaction_id":"b1"}'),
    "round": signed("GET", "/spin/s-1?player_id=p1", key=""),
    "keep-alive said": signed("POST", f"/spin?{QUERY}", extra=["Connection: Keep-Alive"]),
}
REFUSED = {
    "no query": signed("POST", "/spin"),
    "empty query": signed("POST", "/spin?"),
    "no bet": signed("POST", "/spin?player_id=p1&game_id=g&mode=real"),
    "bet of 0": signed("POST", "/spin?player_id=p1&game_id=g&mode=real&bet=0"),
    "bet too large": signed("POST", "/spin?player_id=p1&game_id=g&mode=real&bet=1000000000000001"),
    "unknown parameter": signed("POST", f"/spin?{QUERY}&x=1"),
    "repeated parameter": signed("POST", f"/spin?{QUERY}&bet=100"),
    "broken escape": signed("POST", f"/spin?{QUERY}&round_id=%zz"),
    "no key": signed("POST", f"/spin?{QUERY}", key=""),
    "wrong signature": SPIN.replace(b"X-Request-Sign: ", b"X-Request-Sign: f"),
    "unknown caller": SPIN.replace(b"X-Api-Key: gs", b"X-Api-Key: xx"),
    "unsigned": f"POST /spin?{QUERY} HTTP/1.1\r\nHost: h\r\n\r\n".encode(),
    "body for a spin": signed("POST", f"/spin?{QUERY}", "{}"),
    "broken JSON": signed("POST", "/spin/s-1/result", '{"player_id"'),
    "repeated name": signed("POST", "/spin/s-1/result", '{"player_id":"p1","win":1,"win":2}'),
    "no body": signed("POST", "/spin/s-1/result"),
    "other media type": signed("POST", "/spin/s-1/result", RESULT).replace(b"application/json", b"text/plain"),
    "no such step": signed("POST", "/spin/s-1/nothing", RESULT),
    "no session id": signed("POST", "/spin//result", RESULT),
    "session id too long": signed("GET", f"/spin/{'s' * 129}?player_id=p1"),
    "other method": signed("GET", f"/spin?{QUERY}"),
    "HEAD": signed("HEAD", "/spin/s-1?player_id=p1", key=""),
    "PUT": signed("PUT", f"/spin?{QUERY}"),
    "body too large": signed("POST", "/spin/s-1/result", '{"player_id":"' + "p" * 70_000 + '"}'),
    "other path": signed("GET", "/health/live", key=""),
    "like the path": signed("POST", f"/spinning?{QUERY}"),
}
UNUSUAL = {
    "escape in the path": signed("POST", "/spin/s%2D1/result", RESULT),
    "fragment": signed("POST", f"/spin?{QUERY}#x"),
    "absolute": SPIN.replace(b"POST /spin", b"POST http://croupier/spin"),
    "HTTP/1.0": SPIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "HTTP/2.0": SPIN.replace(b"HTTP/1.1", b"HTTP/2.0"),
    "HTTP/0.9": f"POST /spin?{QUERY}\r\n\r\n".encode(),
    "no host": SPIN.replace(b"Host: croupier\r\n", b""),
    "two hosts": SPIN.replace(b"Host: croupier", b"Host: croupier\r\nHost: other"),
    "two signatures": SPIN.replace(b"\r\nIdem", b"\r\nX-Request-Sign: 00\r\nIdem"),
    "two keys": SPIN.replace(b"\r\nIdem", b"\r\nIdempotency-Key: k2\r\nIdem"),
    "close": signed("POST", f"/spin?{QUERY}", extra=["Connection: close"]),
    "close and keep-alive": signed("POST", f"/spin?{QUERY}", extra=["Connection: close, keep-alive"]),
    "upgrade": signed("POST", f"/spin?{QUERY}", extra=["Connection: Upgrade", "Upgrade: h2c"]),
    "expect": signed("POST", "/spin/s-1/result", RESULT, extra=["Expect: 100-continue"]),
    "trailer": signed("POST", f"/spin?{QUERY}", extra=["Trailer: x"]),
    "leading empty line": b"\r\n" + SPIN,
    "LF only": SPIN.replace(b"\r\n", b"\n"),
    "lone CR": SPIN.replace(b"Host: croupier", b"Host: crou\rpier"),
    "lone LF": SPIN.replace(b"Host: croupier", b"Host: crou\npier"),
    "folded header": SPIN.replace(b"Host: croupier", b"Host: croupier\r\n more"),
    "tab after colon": SPIN.replace(b"Host: ", b"Host:\t"),
    "no space after colon": SPIN.replace(b"Host: ", b"Host:"),
    "two spaces after colon": SPIN.replace(b"Host: ", b"Host:  "),
    "space before colon": SPIN.replace(b"Host: ", b"Host : "),
    "space at the end": SPIN.replace(b"croupier\r\n", b"croupier \r\n"),
    "empty value": SPIN.replace(b"Host: croupier", b"Host: croupier\r\nX-Empty: "),
    "empty value, no space": SPIN.replace(b"Host: croupier", b"Host: croupier\r\nX-Empty:"),
    "empty name": SPIN.replace(b"Host: croupier", b"Host: croupier\r\n: x"),
    "no colon": SPIN.replace(b"Host: croupier", b"Host: croupier\r\nnonsense"),
    "latin-1 value": SPIN.replace(b"Host: croupier", b"Host: croupier\r\nX-Name: J\xe4ger"),
    "NUL": SPIN.replace(b"Host: croupier", b"Host: croup\0ier"),
    "capitals": SPIN.replace(b"X-Api-Key", b"x-API-KEY").replace(b"Content-Length", b"CONTENT-LENGTH"),
    "lower-case method": SPIN.replace(b"POST", b"post"),
    "two spaces in the line": SPIN.replace(b"POST ", b"POST  "),
    "space in the target": SPIN.replace(b"mode=real", b"mode=re al"),
    "quote in the target": SPIN.replace(b"mode=real", b'mode="real"'),
    "many headers": signed("POST", f"/spin?{QUERY}", extra=[f"X-H{number}: {number}" for number in range(100)]),
    "long header": signed("POST", f"/spin?{QUERY}", extra=["X-Long: " + "x" * 20_000]),
}
SMUGGLED = {
    "length and chunks": signed("POST", "/spin/s-1/result", RESULT, extra=["Transfer-Encoding: chunked"]),
    "chunks": signed("POST", "/spin/s-1/result", "").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    + b"1c\r\n"
    + RESULT.encode()
    + b"\r\n0\r\n\r\n",
    "chunks, odd spelling": SPIN.replace(b"Content-Length: 0", b"Transfer-Encoding: xchunked") + SPIN,
    "chunks, space": SPIN.replace(b"Content-Length: 0", b"Transfer-Encoding : chunked") + SPIN,
    "two lengths": SPIN.replace(b"Content-Length: 0", b"Content-Length: 0\r\nContent-Length: 5") + b"GET /",
    "the same length twice": SPIN.replace(b"Content-Length: 0", b"Content-Length: 0\r\nContent-Length: 0") + SPIN,
    "two lengths in one": SPIN.replace(b"Content-Length: 0", b"Content-Length: 0, 0") + SPIN,
    "signed length": SPIN.replace(b"Content-Length: 0", b"Content-Length: +0") + SPIN,
    "negative length": SPIN.replace(b"Content-Length: 0", b"Content-Length: -1") + SPIN,
    "hex length": SPIN.replace(b"Content-Length: 0", b"Content-Length: 0x0") + SPIN,
    "padded length": signed("POST", "/spin/s-1/result", RESULT).replace(b"-Length: 28", b"-Length: 0028") + SPIN,
    "length with a space within": SPIN.replace(b"Content-Length: 0", b"Content-Length: 0 0") + SPIN,
    "huge length": SPIN.replace(b"Content-Length: 0", b"Content-Length: 99999999999999999999") + SPIN,
    "length too short": signed("POST", "/spin/s-1/result", RESULT).replace(b"-Length: 28", b"-Length: 27"),
    "length too long": signed("POST", "/spin/s-1/result", RESULT).replace(b"-Length: 28", b"-Length: 29"),
    "no length with a body": SPIN.replace(b"Content-Length: 0\r\n", b"") + SPIN,
    "a request in a body": signed("POST", "/spin/s-1/result", RESULT)[:-28] + SPIN[:28] + SPIN,
    "a request in a header": SPIN.replace(b"croupier", b"croupier\rPOST /spin HTTP/1.1\r"),
}
CASES = VALID | REFUSED | UNUSUAL | SMUGGLED


class SlowPlayers(ScriptedPlayers):
    """Answers after a few turns of the loop."""

    def __init__(self, turns: int, outcome: Outcome | None = None) -> None:
        super().__init__(outcome)
        self._turns = turns

    def submit(self, player_id: str, command_id: str, body: CommandBody | QueryBody, on_outcome: OnOutcome) -> None:
        later(self._turns, lambda: super(SlowPlayers, self).submit(player_id, command_id, body, on_outcome))


class Outside(NamedTuple):
    """What the world sees of a connection."""

    written: bytes
    closed: bool
    asked: list[Asked]
    counted: list[str]


class Side:
    """One of the two ways, with an application of its own."""

    def __init__(self, spinning: bool, players: ScriptedPlayers, auth: Authenticator) -> None:
        self.players = players
        self.app: GatewayApp = app_with(players, auth, settings=GatewaySettings())
        self._spinning = spinning

    async def outside(self, reads: Sequence[bytes]) -> Outside:
        connection = MemoryConnection(self.app, self._spinning)
        self.players.asked.clear()
        written = await connection.feed(reads)
        closed = connection.transport.closed
        connection.hang_up()
        lines = self.app.state.metrics.exposition().decode().splitlines()
        counted = [line for line in lines if line.startswith("gateway_requests_total")]
        return Outside(written, closed, [*self.players.asked], counted)


NO_HTTP = invalid_field("request", "is not valid HTTP/1.1").reply().body


def is_more_complete(quick: Outside, plain: Outside) -> bool:
    """Whether `plain` lacks only answers that it owed before it refused what is no HTTP."""
    answered, refusal, after = plain.written.rpartition(b"HTTP/1.1 400 Bad Request\r\ncontent-type")
    ends_so = plain.closed and after.endswith(NO_HTTP) and quick.written.endswith(refusal + after)
    goes_on_so = quick.written.startswith(answered) and quick.asked[: len(plain.asked)] == plain.asked
    return ends_so and goes_on_so and quick.closed and quick.written.count(b"HTTP/1.1 200") == len(quick.asked)


class Both:
    """The spin protocol beside uvicorn alone."""

    def __init__(self, turns: int = 0, outcome: Outcome | None = None) -> None:
        auth = ProofAuth(KEYS, clock=lambda: NOW_S)
        self.sides = [Side(spinning, SlowPlayers(turns, outcome), auth) for spinning in (True, False)]

    async def compare(self, *reads: bytes) -> Outside:
        quick, plain = [await side.outside(reads) for side in self.sides]
        assert quick == plain or is_more_complete(quick, plain), reads
        return quick


@pytest.fixture(params=[0, 1, 5], ids=lambda turns: f"answered after {turns} turns")
def both(request: pytest.FixtureRequest) -> Both:
    return Both(request.param)


def is_quick(data: bytes) -> bool:
    return read_simple(data) is not None


@pytest.mark.parametrize("name", VALID)
def test_what_game_servers_send_is_simple(name: str) -> None:
    assert is_quick(VALID[name])


@pytest.mark.parametrize("name", [name for name in UNUSUAL if name not in ("capitals", "long header")])
def test_what_is_unusual_is_left_to_uvicorn(name: str) -> None:
    assert not is_quick(UNUSUAL[name])


@pytest.mark.parametrize("name", CASES)
async def test_the_same_whole(both: Both, name: str) -> None:
    found = await both.compare(CASES[name])
    if name in VALID:
        assert found.written.startswith(b"HTTP/1.1 200 OK\r\n") and len(found.asked) == 1


@pytest.mark.parametrize("name", VALID | REFUSED | UNUSUAL)
async def test_the_same_followed_by_a_spin(both: Both, name: str) -> None:
    await both.compare(CASES[name], SPIN)
    await both.compare(CASES[name] + SPIN)


@pytest.mark.parametrize(
    "name", ["spin", "result", "round", "other media type", "chunks", "leading empty line", "close"]
)
async def test_the_same_split_at_every_byte(name: str) -> None:
    both, data = Both(1), CASES[name]
    for at in range(1, len(data)):
        await both.compare(data[:at], data[at:])


async def test_the_same_byte_by_byte() -> None:
    for data in VALID.values():
        await Both().compare(*(data[at : at + 1] for at in range(len(data))))


@pytest.mark.parametrize("first", VALID | SMUGGLED)
async def test_the_same_pipelined(first: str) -> None:
    both = Both(2)
    for second, third in product(VALID.values(), [SPIN, VALID["result"]]):
        await both.compare(CASES[first] + second + third)


async def test_pipelined_requests_are_answered_in_order_and_one_at_a_time(both: Both) -> None:
    requests = [signed("POST", f"/spin?{QUERY}", key=f"k{number}") for number in range(50)]
    found = await both.compare(b"".join(requests))
    assert [asked.command_id for asked in found.asked] == [f"gs:k{number}" for number in range(50)]
    assert found.written.count(b"HTTP/1.1 200 OK") == 50


async def test_the_same_with_odd_splits_of_a_long_pipeline() -> None:
    generator, both = random.Random(1), Both(1)
    stream = b"".join([*VALID.values(), *list(REFUSED.values())[:8], *VALID.values()])
    for _ in range(150):
        cuts = sorted(generator.sample(range(1, len(stream)), generator.randint(1, 12)))
        await both.compare(*(stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)))


def mutations(seed: int, count: int) -> Iterator[bytes]:
    """Requests with a few bytes changed, dropped, doubled or inserted."""
    generator = random.Random(seed)
    odd = [
        b"\r",
        b"\n",
        b"\r\n",
        b"\0",
        b" ",
        b"\t",
        b":",
        b"%",
        b"?",
        b"\xff",
        b"0",
        b"Transfer-Encoding: chunked\r\n",
    ]
    for _ in range(count):
        data = generator.choice(list(CASES.values()))
        for _ in range(generator.randint(1, 3)):
            at = generator.randrange(len(data))
            kind = generator.randrange(4)
            inserted = generator.choice([*odd, bytes([generator.randrange(256)])])
            data = (
                data[:at]
                + (inserted if kind < 2 else data[at : at + 2] * 2 if kind == 2 else b"")
                + data[at + kind % 2 :]
            )
        yield data


@pytest.mark.parametrize("seed", range(8))
async def test_the_same_mutated(seed: int) -> None:
    both = Both(seed % 3)
    for data in mutations(seed, 250):
        await both.compare(data + SPIN)


async def test_refusals_of_the_player_and_failures_inside_are_the_same() -> None:
    refused = Both(1, Rejection("insufficient_funds", "Not enough.", {"balance": {"real": 1}}))
    assert (await refused.compare(SPIN)).written.startswith(b"HTTP/1.1 402 ")
    broken = Both(1, Answered(object()))  # type: ignore[arg-type]
    assert (await broken.compare(SPIN, SPIN)).written.count(b"HTTP/1.1 500 ") == 2


# --- what only a connection that lives on shows


async def connection_with(turns: int = 3, keep_alive_s: int = 5) -> tuple[MemoryConnection, SlowPlayers]:
    players = SlowPlayers(turns)
    app = app_with(players, ProofAuth(KEYS, clock=lambda: NOW_S))
    return MemoryConnection(app, spinning=True, keep_alive_s=keep_alive_s), players


async def test_reading_pauses_while_too_much_waits_for_a_spin() -> None:
    connection, _ = await connection_with(turns=50)
    connection.protocol.data_received(SPIN)
    connection.protocol.data_received(SPIN * (HELD_BYTES_MAX // len(SPIN)))
    assert not connection.transport.paused
    connection.protocol.data_received(SPIN * 2)
    assert connection.transport.paused
    for _ in range(20_000):
        await asyncio.sleep(0)
        if not connection.transport.paused:
            break
    assert not connection.transport.paused
    connection.hang_up()


async def test_nothing_is_served_while_the_peer_does_not_read() -> None:
    connection, players = await connection_with(turns=0)
    connection.protocol.pause_writing()
    assert await connection.feed([SPIN]) == b"" and players.asked == []
    connection.protocol.resume_writing()
    await connection.until_quiet()
    assert connection.transport.written.startswith(b"HTTP/1.1 200 OK") and len(players.asked) == 1
    connection.hang_up()


async def test_a_spin_under_way_is_answered_before_the_server_ends() -> None:
    connection, _ = await connection_with()
    connection.protocol.data_received(SPIN)
    connection.protocol.shutdown()
    assert not connection.transport.closed
    await connection.until_quiet()
    assert connection.transport.closed and b"connection: close\r\n" in connection.transport.written


@pytest.mark.parametrize("turns", [1, 5])
@pytest.mark.parametrize("followed_by", [b"", SPIN, SPIN * 2, VALID["result"] + CASES["other path"]])
async def test_what_came_before_the_server_ends_is_answered_as_uvicorn_would(turns: int, followed_by: bytes) -> None:
    found = []
    for spinning in (True, False):
        app = app_with(SlowPlayers(turns), ProofAuth(KEYS, clock=lambda: NOW_S))
        connection = MemoryConnection(app, spinning)
        connection.protocol.data_received(SPIN + followed_by)
        connection.protocol.shutdown()
        await connection.until_quiet()
        found.append((connection.transport.written, connection.transport.closed))
        connection.hang_up()
    assert found[0] == found[1]
    assert found[0][0].count(b"connection: close\r\n") == 1 and found[0][1]


async def test_half_a_request_is_not_waited_for_when_the_server_ends() -> None:
    connection, _ = await connection_with()
    connection.protocol.data_received(SPIN + SPIN[:40])
    connection.protocol.shutdown()
    await connection.until_quiet()
    assert connection.transport.closed and connection.transport.written.count(b"HTTP/1.1 200 OK") == 1


async def test_a_request_that_waits_for_the_peer_to_read_keeps_the_connection_alive() -> None:
    connection, _ = await connection_with(turns=0)
    await connection.feed([SPIN])
    connection.protocol.pause_writing()
    connection.protocol.data_received(SPIN)
    connection.protocol._look_whether_idle()  # type: ignore[union-attr]
    assert not connection.transport.closed and connection.protocol._idle_since is None  # type: ignore[union-attr]
    connection.hang_up()


async def test_an_idle_connection_is_closed_at_once_when_the_server_ends() -> None:
    connection, _ = await connection_with(turns=0)
    await connection.feed([SPIN])
    connection.protocol.shutdown()
    assert connection.transport.closed


async def test_who_hangs_up_misses_the_answer_and_nothing_else() -> None:
    connection, players = await connection_with()
    connection.protocol.data_received(SPIN)
    connection.hang_up()
    await connection.until_quiet()
    assert connection.transport.written == connection.transport.written_too_late == b"" and len(players.asked) == 1
    assert connection.protocol._idle_timer is None  # type: ignore[union-attr]


async def test_an_idle_connection_ends_after_the_keep_alive_time_and_not_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection, _ = await connection_with(turns=0, keep_alive_s=100)
    now_s = 1_000.0
    monkeypatch.setattr(connection.protocol.loop, "time", lambda: now_s, raising=False)
    await connection.feed([SPIN])
    assert connection.protocol._idle_timer is not None  # type: ignore[union-attr]
    now_s += 99.0
    await connection.feed([SPIN])
    now_s += 99.0
    look = connection.protocol._look_whether_idle  # type: ignore[union-attr]
    look()
    assert not connection.transport.closed
    now_s += 1.0
    look()
    assert connection.transport.closed


def test_names_of_headers_are_learned_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_KNOWN_NAMES", {})
    for number in range(3_000):
        assert is_quick(SPIN.replace(b"Host:", b"X-%d: 1\r\nHost:" % number))
    assert len(protocol._KNOWN_NAMES) == protocol._NAMES_MAX
