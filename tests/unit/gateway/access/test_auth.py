"""Proof: signatures over the raw request, bearer tokens, and what is refused alike."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from engine.commands import Rollback
from gateway.access.auth import Caller, OpenAuth, ProofAuth
from gateway.access.keys import ApiKey, ApiKeys, TokenIssuer, TokenKey
from gateway.access.roles import ROLES
from gateway.http.errors import Refused
from gateway.http.wire import HttpRequest
from tests.support.gateway_doubles import SPIN, ScriptedPlayers, app_with, calling

NOW_S = 1_767_225_600
SECRET = "a secret of thirty-two characters"
SHARED = "shared with the identity provider: 48 bytes long."
PRIVATE = ec.generate_private_key(ec.SECP256R1())
PUBLIC = PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
KEYS = ApiKeys(
    api_keys=(ApiKey("studio-7", SECRET, "game_server"), ApiKey("pms", SECRET[::-1], "platform")),
    jwt=TokenIssuer(
        issuer="https://id.example",
        audience="croupier",
        keys=(TokenKey("hs", "HS256", SHARED), TokenKey("es", "ES256", PUBLIC.decode())),
    ),
)
Change = Callable[[dict[bytes, bytes]], Any]


def auth(at_s: float = NOW_S) -> ProofAuth:
    return ProofAuth(KEYS, clock=lambda: at_s)


def sent(method: str, target: bytes, headers: Mapping[bytes, bytes], body: bytes) -> HttpRequest:
    return HttpRequest(method, target, target.partition(b"?")[2], headers, body)


def sign(message: bytes, secret: str = SECRET) -> bytes:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest().encode()


def signed(
    method: str = "POST", target: bytes = b"/spin?bet=1", key: bytes = b"k1", body: bytes = b""
) -> dict[bytes, bytes]:
    """The headers of a request signed as the API says."""
    timestamp = b"%d" % NOW_S
    message = timestamp + b"\n" + method.encode() + b"\n" + target + b"\n" + key + b"\n" + body
    headers = {b"x-api-key": b"studio-7", b"x-request-timestamp": timestamp, b"x-request-sign": sign(message)}
    return headers | ({b"idempotency-key": key} if key else {})


def test_a_worked_signature() -> None:
    """The bytes are written out here once, for whoever writes a client."""
    message = b"1767225600\nPOST\n/spin?player_id=p1&bet=100\nk1\n"
    headers = signed(target=b"/spin?player_id=p1&bet=100")
    assert headers[b"x-request-sign"] == sign(message)
    caller = auth().caller(sent("POST", b"/spin?player_id=p1&bet=100", headers, b""))
    assert caller == Caller("studio-7", frozenset({"game_server"}))


@pytest.mark.parametrize("body", [b"", b'{"win":1}', b"\xff\x00\n"])
@pytest.mark.parametrize("key", [b"", b"k1"])
def test_key_and_body_are_part_of_the_signature(key: bytes, body: bytes) -> None:
    assert auth().caller(sent("GET", b"/x", signed("GET", b"/x", key, body), body)).id == "studio-7"


@pytest.mark.parametrize(
    ("method", "target", "body", "change"),
    [
        ("GET", b"/spin?bet=1", b"", {}),
        ("POST", b"/spin?bet=2", b"", {}),
        ("POST", b"/spin?bet=%31", b"", {}),
        ("POST", b"/spin?bet=1", b" ", {}),
        ("POST", b"/spin?bet=1", b"", {b"idempotency-key": b"k2"}),
        ("POST", b"/spin?bet=1", b"", {b"x-request-timestamp": b"%d" % (NOW_S + 1)}),
        ("POST", b"/spin?bet=1", b"", {b"x-api-key": b"pms"}),
        ("POST", b"/spin?bet=1", b"", {b"x-api-key": b"nobody"}),
        ("POST", b"/spin?bet=1", b"", {b"x-api-key": b""}),
        ("POST", b"/spin?bet=1", b"", {b"x-api-key": b"\xff"}),
        ("POST", b"/spin?bet=1", b"", {b"x-request-sign": b""}),
        ("POST", b"/spin?bet=1", b"", {b"x-request-sign": b"\xff" * 64}),
        ("POST", b"/spin?bet=1", b"", {b"x-request-sign": b"0" * 64}),
        ("POST", b"/spin?bet=1", b"", {b"x-request-timestamp": b""}),
        ("POST", b"/spin?bet=1", b"", {b"x-request-timestamp": b"-1"}),
        ("POST", b"/spin?bet=1", b"", {b"x-request-timestamp": b"1e9"}),
        ("POST", b"/spin?bet=1", b"", {b"x-request-timestamp": b"9" * 5_000}),
        ("POST", b"/spin?bet=1", b"", {b"x-request-timestamp": "\u0661".encode()}),
    ],
)
def test_anything_else_than_what_was_signed_is_refused(
    method: str, target: bytes, body: bytes, change: Mapping[bytes, bytes]
) -> None:
    with pytest.raises(Refused) as refused:
        auth().caller(sent(method, target, signed() | change, body))
    assert refused.value.code == "unauthenticated"


def test_upper_case_hex_is_not_a_signature() -> None:
    headers = signed()
    headers[b"x-request-sign"] = headers[b"x-request-sign"].upper()
    with pytest.raises(Refused):
        auth().caller(sent("POST", b"/spin?bet=1", headers, b""))


@pytest.mark.parametrize(("off_s", "accepted"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_the_timestamp_may_be_300_s_off(off_s: int, accepted: bool) -> None:
    at = auth(NOW_S + off_s)
    if accepted:
        assert at.caller(sent("POST", b"/spin?bet=1", signed(), b"")).id == "studio-7"
        return
    with pytest.raises(Refused, match="300 s"):
        at.caller(sent("POST", b"/spin?bet=1", signed(), b""))


ROTATED = ApiKeys(
    api_keys=(
        ApiKey("studio-7", SECRET, "game_server"),
        ApiKey("next", SECRET.upper(), "game_server", client="studio-7"),
        ApiKey("third", SECRET.title(), "game_server", "studio-7"),
    )
)


def signed_by(key: ApiKey, target: bytes, body: bytes = b"", idempotency_key: bytes = b"k1") -> dict[str, str]:
    """The headers of a POST signed with a key of the file."""
    message = b"%d\nPOST\n%b\n%b\n%b" % (NOW_S, target, idempotency_key, body)
    headers = {"x-api-key": key.id, "x-request-timestamp": str(NOW_S)}
    headers |= {"x-request-sign": sign(message, key.secret).decode(), "idempotency-key": idempotency_key.decode()}
    return headers | ({"content-type": "application/json"} if body else {})


async def test_every_key_of_a_client_is_the_same_caller() -> None:
    players = ScriptedPlayers()
    rollback = b'{"player_id":"p1","transaction_id":"bet-1"}'
    async with calling(app_with(players, ProofAuth(ROTATED, clock=lambda: NOW_S))) as client:
        for key in ROTATED.api_keys:
            await client.post(SPIN, headers=signed_by(key, SPIN.encode()))
            headers = signed_by(key, b"/spin/rollback", rollback, b"k2")
            await client.post("/spin/rollback", content=rollback, headers=headers)
    assert {asked.command_id for asked in players.asked} == {"studio-7:k1", "studio-7:k2"}
    assert {asked.body for asked in players.asked if isinstance(asked.body, Rollback)} == {Rollback("studio-7:bet-1")}


async def test_audit_goes_by_client(caplog: pytest.LogCaptureFixture) -> None:
    async with calling(app_with(auth=ProofAuth(ROTATED, clock=lambda: NOW_S))) as client:
        headers = signed_by(ROTATED.api_keys[1], b"/players/p1/block", b'{"reason":"x"}')
        refused = await client.post("/players/p1/block", content=b'{"reason":"x"}', headers=headers)
    assert (refused.status_code, "caller=studio-7 " in caplog.text) == (403, True)


def test_replaced_keys_hold_from_the_next_request_on() -> None:
    proof = ProofAuth(ApiKeys(api_keys=ROTATED.api_keys[:1]), clock=lambda: NOW_S)
    headers = [
        {name.encode(): value.encode() for name, value in signed_by(key, b"/spin").items()} for key in ROTATED.api_keys
    ]
    assert proof.caller(sent("POST", b"/spin", headers[0], b"")).id == "studio-7"
    with pytest.raises(Refused):
        proof.caller(sent("POST", b"/spin", headers[1], b""))
    proof.replace(ApiKeys(api_keys=ROTATED.api_keys[1:], jwt=KEYS.jwt))
    assert proof.caller(sent("POST", b"/spin", headers[1], b"")).id == "studio-7"
    assert proof.caller(sent("GET", b"/cluster", {b"authorization": bearer()}, b"")).id == "ann"
    with pytest.raises(Refused):
        proof.caller(sent("POST", b"/spin", headers[0], b""))


def test_an_unknown_key_reads_like_a_wrong_signature() -> None:
    details = set()
    for change in ({b"x-api-key": b"nobody"}, {b"x-request-sign": b"0" * 64}):
        with pytest.raises(Refused) as refused:
            auth().caller(sent("POST", b"/spin?bet=1", signed() | change, b""))
        details.add(refused.value.detail)
    assert len(details) == 1


CLAIMS = {"iss": "https://id.example", "aud": "croupier", "sub": "ann", "exp": 4_000_000_000, "role": "support"}


def bearer(
    claims: Mapping[str, Any] | None = None, key: Any = SHARED, algorithm: str = "HS256", kid: str | None = "hs"
) -> bytes:
    headers = None if kid is None else {"kid": kid}
    return b"Bearer " + jwt.encode(dict(CLAIMS if claims is None else claims), key, algorithm, headers).encode()


@pytest.mark.parametrize(
    ("token", "roles"),
    [
        (bearer(), {"support"}),
        (bearer(CLAIMS | {"role": ["ops", "auditor"]}), {"ops", "auditor"}),
        (bearer(CLAIMS | {"role": "game_server"}), set()),
        (bearer(CLAIMS | {"role": ["platform", "ops", "emperor", 7]}), {"ops"}),
        (bearer({name: CLAIMS[name] for name in CLAIMS if name != "role"}), set()),
        (bearer(key=PRIVATE, algorithm="ES256", kid="es"), {"support"}),
    ],
)
def test_people_bring_tokens(token: bytes, roles: set[str]) -> None:
    assert auth().caller(sent("GET", b"/cluster", {b"authorization": token}, b"")) == Caller("ann", frozenset(roles))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer a.b.c",
        b"Bearer \xff",
        b"Basic YTpi",
        bearer().replace(b"Bearer", b"Token"),
        bearer()[:-4],
        bearer(CLAIMS | {"exp": 1}),
        bearer(CLAIMS | {"iss": "https://evil.example"}),
        bearer(CLAIMS | {"aud": "another"}),
        bearer(CLAIMS | {"sub": "a:b"}),
        bearer(CLAIMS | {"sub": ""}),
        bearer({name: CLAIMS[name] for name in CLAIMS if name != "exp"}),
        bearer({name: CLAIMS[name] for name in CLAIMS if name != "sub"}),
        bearer({name: CLAIMS[name] for name in CLAIMS if name != "aud"}),
        bearer(kid="unknown"),
        bearer(kid=None),
        bearer(key="another secret that is at least 32 bytes"),
        bearer(key=SHARED + SHARED, algorithm="HS512"),
        bearer(key="", algorithm="none"),
        bearer(kid="es"),
    ],
)
def test_bad_tokens(token: bytes) -> None:
    with pytest.raises(Refused) as refused:
        auth().caller(sent("GET", b"/cluster", {b"authorization": token}, b""))
    assert refused.value.code == "unauthenticated"


def test_without_an_issuer_no_token_is_believed() -> None:
    with pytest.raises(Refused):
        ProofAuth(ApiKeys()).caller(sent("GET", b"/cluster", {b"authorization": bearer()}, b""))


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({}, "open"),
        ({b"x-api-key": b"studio-7"}, "studio-7"),
        ({b"x-api-key": b"a:b"}, "open"),
        ({b"x-api-key": b"\xff"}, "open"),
    ],
)
def test_open_lets_everyone_do_everything(headers: Mapping[bytes, bytes], name: str) -> None:
    assert OpenAuth().caller(sent("GET", b"/", headers, b"")) == Caller(name, frozenset(ROLES))


async def test_a_signed_spin_over_http_and_its_percent_encoding() -> None:
    players = ScriptedPlayers()
    path = SPIN + "&round_id=a%2Bb"
    headers = {name.decode(): value.decode() for name, value in signed(target=path.encode()).items()}
    async with calling(app_with(players, auth())) as client:
        accepted = await client.post(path, headers=headers)
        tampered = await client.post(path.replace("bet=100", "bet=101"), headers=headers)
    assert (accepted.status_code, tampered.status_code) == (200, 401)
    assert [asked.command_id for asked in players.asked] == ["studio-7:k1"]


async def test_a_signed_body_over_http() -> None:
    players = ScriptedPlayers()
    body = b'{ "player_id": "p1", "win": 5 }'
    headers = {
        name.decode(): value.decode() for name, value in signed("POST", b"/spin/s-1/result", b"k1", body).items()
    }
    headers["content-type"] = "application/json"
    async with calling(app_with(players, auth())) as client:
        accepted = await client.post("/spin/s-1/result", content=body, headers=headers)
        tampered = await client.post("/spin/s-1/result", content=body.replace(b"5", b"9"), headers=headers)
    assert (accepted.status_code, tampered.status_code, len(players.asked)) == (200, 401, 1)


async def test_syntax_comes_before_proof_and_proof_before_the_key() -> None:
    async with calling(app_with(auth=auth())) as client:
        malformed = await client.post("/spin?bet=x")
        unproved = await client.post(SPIN)
        malformed_deposit = await client.post("/players/p1/deposits", json={"amount": 0})
        unproved_deposit = await client.post("/players/p1/deposits", json={"amount": 1})
    codes = [response.json()["code"] for response in (malformed, unproved, malformed_deposit, unproved_deposit)]
    assert codes == ["invalid_request", "unauthenticated"] * 2
