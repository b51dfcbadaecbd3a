"""From a well-formed request to an admitted one: authentication, then role, then the idempotency key.

Order (rules §3): the request's syntax has been checked before; nobody unauthenticated learns whether a key was missing.
"""

import logging
import re
from typing import Final

from gateway.auth import Authenticator, Caller
from gateway.errors import Refused, invalid_field
from gateway.roles import Role
from gateway.wire import (
    BodyTooLarge,
    Disconnected,
    HeaderMap,
    Receive,
    Scope,
    has_body,
    is_json,
    read_body,
    repeated_header,
    target,
)

AUDIT = logging.getLogger("croupier.audit")

_KEY: Final = re.compile(rb"[\x21-\x7e]{1,128}")


def single_headers(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name. Raises Refused if one that must be unique is repeated."""
    found = dict(headers)
    if len(found) != len(headers):
        name = repeated_header(headers)
        if name is not None:
            raise invalid_field(name.decode(), "must be sent once")
    return found


async def json_body(headers: HeaderMap, receive: Receive, bytes_max: int) -> bytes:
    """The body's bytes, empty if there is none. Raises Refused for too many, or for another content type."""
    if not has_body(headers):
        return b""
    try:
        body = await read_body(headers, receive, bytes_max)
    except BodyTooLarge:
        raise Refused("body_too_large", f"A body may have at most {bytes_max} bytes.") from None
    except Disconnected:
        raise invalid_field("body", "is incomplete") from None
    if body and not is_json(headers):
        raise Refused("unsupported_media_type", "Send the body as application/json.")
    return body


def admit(
    auth: Authenticator, route: str, roles: frozenset[Role], scope: Scope, headers: HeaderMap, body: bytes
) -> Caller:
    """Authenticates and checks the role; a refusal by role is audited. Raises Refused."""
    caller = auth.caller(scope["method"], target(scope), headers, body)
    if caller.roles.isdisjoint(roles):
        AUDIT.warning("forbidden: caller=%s roles=%s route=%s", caller.id, ",".join(sorted(caller.roles)), route)
        raise Refused("forbidden", f"{route} is not for {', '.join(sorted(caller.roles)) or 'callers without a role'}.")
    return caller


def command_id(caller: Caller, headers: HeaderMap) -> str:
    """`<caller>:<Idempotency-Key>`. Raises Refused `idempotency_key_required`."""
    key = headers.get(b"idempotency-key", b"")
    if _KEY.fullmatch(key) is None:
        raise Refused("idempotency_key_required", "Send an Idempotency-Key of 1 to 128 visible ASCII characters.")
    return f"{caller.id}:{key.decode()}"
