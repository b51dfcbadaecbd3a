"""What schemathesis is told about Croupier: how callers prove themselves, which ids lead somewhere, what can't be said
in an OpenAPI document. Loaded by schemathesis itself (`SCHEMATHESIS_HOOKS`).
"""

import json
import os
import re
import time
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import jwt
import requests
import schemathesis
from requests.auth import AuthBase
from schemathesis.core.failures import AcceptedNegativeData

from actors.settings import SHARDS_MAX
from engine.amounts import AMOUNT_MAX
from gateway.access.roles import PEOPLE, PLATFORM
from gateway.documents.requests import ADVANCE_SECONDS_MAX, IDENTIFIER, VISIBLE
from gateway.route_table import ROUTES
from gateway.routes.proof.moments import unix_ms
from tests.support.croupier_up import ISSUER, SIGNERS, TOKEN_KEY

KNOWN: Final[dict[str, list[str]]] = json.loads(os.environ.get("FUZZ_KNOWN_IDS", "{}"))
"""Parameter or field → values that exist in the server."""
ID: Final = re.compile(IDENTIFIER[1:-1])
KEY: Final = re.compile(VISIBLE[1:-1])
CURRENCY: Final = re.compile("[A-Z]{3}")
LOWERED: Final = {
    "advance_seconds": (ADVANCE_SECONDS_MAX, 864_000),
    "amount": (AMOUNT_MAX, 10**9),
    "shards": (SHARDS_MAX, 2),
    "win": (AMOUNT_MAX, 10**9),
}
"""Valid values up to the first number are sent as at most the second."""
EXCEPTIONS: Final = {
    "A whole number is sent as 5, never as 5.0": "JSON Schema takes both for an integer, Croupier only the first, "
    "so that no amount ever passes through a float.",
    "Mode `real` is sent with a `bet`": "OpenAPI can't say that one query parameter needs another.",
    "Of several parts called `files` only the first is sent": "The parts need different filenames, which OpenAPI "
    "can't say and schemathesis doesn't choose.",
    "A form with a number or null instead of a file may be accepted": "On the wire every part is bytes: there it is a "
    "file with the content `5` or `null`.",
    "Amounts are sent as at most 10^9": "Many of 10^15 exceed what an account can count, which is no mistake of the "
    "single request.",
    "The sandbox clock is moved by at most ten days at once": "Each day's sweeps really run: ten years per call would "
    "test one route for hours.",
    "A live operation is begun once per route, and there are at most two shards": "Each starts processes, which costs "
    "more than all other cases together.",
    "Cursors are left out": "OpenAPI can't say which ones an earlier answer gave.",
    "A period is sent with its beginning first": "OpenAPI can't say that one query parameter is less than another.",
    "Everything is never switched off": "All that came after it would only be refused.",
    "402 is an accepted answer to valid data": "Like 409 it is a refusal by the rules: an amount can be more than what "
    "is there.",
}
"""Where the run departs from the document, and why; printed in the report."""


class Proof(AuthBase):
    """The caller that the route is for: machines sign, people bring a token with every role people can have."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Signs what is about to be sent, byte for byte."""
        url = urlsplit(request.url or "")
        signer = signer_of(request.method or "GET", url.path)
        if signer is None:
            request.headers["Authorization"] = f"Bearer {token()}"
            return request
        target = url.path + (f"?{url.query}" if url.query else "")
        body = request.body or b""
        key: Any = request.headers.get("Idempotency-Key", "")
        proof = SIGNERS[signer].proof(
            request.method or "GET",
            target,
            key if isinstance(key, str) else key.decode("latin-1"),
            body if isinstance(body, bytes) else str(body).encode(),
        )
        request.headers.update(dict(line.split(": ") for line in proof.splitlines()))
        return request


def signer_of(method: str, path: str) -> Literal["game_server", "platform"] | None:
    """The machine that may call the route, if any; the platform for what is no route."""
    route = ROUTES.find(method, path)
    roles = PLATFORM if route is None else route.roles
    return "platform" if "platform" in roles else "game_server" if "game_server" in roles else None


def token() -> str:
    """A bearer token."""
    claims = {"iss": ISSUER, "sub": "ann", "role": sorted(PEOPLE), "exp": int(time.time()) + 300}
    return jwt.encode(claims, TOKEN_KEY, algorithm="HS256", headers={"kid": "k1"})


def known(name: str, value: Any) -> Any:
    """Every second valid id becomes one that exists: what names nobody is refused before it gets interesting."""
    candidates = KNOWN.get(name, [])
    shape = CURRENCY if name == "currency" else ID
    if not candidates or not isinstance(value, str) or shape.fullmatch(value) is None:
        return value
    choice = sum(value.encode())
    return value if choice % 2 else candidates[choice // 2 % len(candidates)]


def sayable(name: str, value: Any) -> Any:
    """Without what `EXCEPTIONS` names. What is not valid stays as it is."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if name == "files" and isinstance(value, list):
        return value[:1]
    valid_max, sent_max = LOWERED.get(name, (0, 0))
    return value % sent_max + 1 if type(value) is int and sent_max < value <= valid_max else value


def sent(values: Any) -> Any:
    """Parameters or fields as they are sent."""
    if not isinstance(values, dict):
        return values
    return {name: sayable(name, known(name, value)) for name, value in values.items()}


def without_standstill(body: Any) -> Any:
    """The body, without switching everything off for all that comes after it."""
    stops = isinstance(body, dict) and body.get("scope") == "all" and body.get("enabled") is False
    return body | {"enabled": True} if stops else body


def in_order(query: dict[str, Any]) -> dict[str, Any]:
    """The query of a period with its beginning first. What are no times stays as it is."""
    try:
        begin, end = unix_ms(query["from"]), unix_ms(query["to"])
    except (KeyError, TypeError, ValueError):
        return query
    if begin > end:
        return query | {"from": query["to"], "to": query["from"]}
    return query if begin < end else {name: value for name, value in query.items() if name != "to"}


schemathesis.auth.set_from_requests(Proof())


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Whether it is one: not in a form, see `EXCEPTIONS`."""
    return not (isinstance(failure, AcceptedNegativeData) and case.media_type == "multipart/form-data")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """The last word on a case, in every phase."""
    case.path_parameters, case.query, case.body = sent(case.path_parameters), sent(case.query), sent(case.body)
    case.body = without_standstill(case.body)
    if case.path.startswith("/cluster/") and KEY.fullmatch(case.headers.get("Idempotency-Key") or ""):
        case.headers["Idempotency-Key"] = case.path
    if isinstance(case.query, dict):
        case.query = in_order({name: value for name, value in case.query.items() if name != "cursor"})
    if isinstance(case.query, dict) and case.query.get("mode") == "real" and "bet" not in case.query:
        case.query["bet"] = 100
