"""Requests as they are sent, and the two sides that must answer them alike: the quick path and uvicorn with ASGI."""

import hmac
from collections.abc import Sequence
from typing import NamedTuple

from prometheus_client.samples import Sample

from actors.outcome import OnOutcome, Outcome
from engine.commands import CommandBody
from engine.queries import QueryBody
from gateway.access.auth import Authenticator, ProofAuth
from gateway.access.keys import ApiKey, ApiKeys
from gateway.app import GatewayApp
from gateway.http.errors import invalid_field
from gateway.settings import GatewaySettings
from gateway.spin.protocol import read_simple
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
    counted: list[Sample]


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
        requests = next(self.app.state.metrics.collect())
        return Outside(written, closed, [*self.players.asked], list(requests.samples))


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


def is_quick(data: bytes) -> bool:
    return read_simple(data) is not None
