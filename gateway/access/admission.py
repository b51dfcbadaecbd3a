"""From a well-formed request to an admitted one: authentication, the client's rate, role, the idempotency key.

Order (rules §3): the request's syntax has been checked before; nobody unauthenticated learns whether a key was missing.
"""

import logging
import re
from time import perf_counter_ns
from typing import Final

from gateway.access.auth import Authenticator, Caller
from gateway.access.roles import Role
from gateway.http.errors import Refused
from gateway.http.wire import HeaderMap, HttpRequest

AUDIT = logging.getLogger("croupier.audit")

_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")


class Forbidden(Refused):
    """A refusal by role. `subject` is what of the route it was about, if it is not the route as a whole."""

    def __init__(self, caller: Caller, detail: str, subject: str = "") -> None:
        super().__init__("forbidden", detail)
        self.caller, self.subject = caller, subject


def admit(
    auth: Authenticator, route: str, roles: frozenset[Role], request: HttpRequest, now_ns: int | None = None
) -> Caller:
    """Authenticates, checks rate and role; a refusal by role is audited. Raises Refused.

    `now_ns` is `perf_counter_ns` of just now, for whoever has read it already.
    """
    caller = auth.caller(request)
    if caller.rate is not None:
        caller.rate.demand(perf_counter_ns() if now_ns is None else now_ns)
    if caller.roles.isdisjoint(roles):
        held = ", ".join(sorted(caller.roles)) or "callers without a role"
        raise forbidden(caller, route, f"{route} is not for {held}.")
    return caller


def forbidden(caller: Caller, route: str, detail: str, subject: str = "") -> Forbidden:
    """A refusal by role, which is audited; `subject` says what of the route it is about."""
    what = f"{route} {subject}".rstrip()
    AUDIT.warning("forbidden: caller=%s roles=%s route=%s", caller.id, ",".join(sorted(caller.roles)), what)
    return Forbidden(caller, detail, subject)


def command_id(caller: Caller, headers: HeaderMap) -> str:
    """`<caller>:<Idempotency-Key>`. Raises Refused `idempotency_key_required`."""
    return keyed(caller, headers.get(b"idempotency-key", b"").decode("latin-1"))


def keyed(caller: Caller, key: str) -> str:
    """As `command_id`, for a key that did not come as a header."""
    if _KEY.fullmatch(key) is None:
        raise Refused("idempotency_key_required", "Send an Idempotency-Key of 1 to 128 visible ASCII characters.")
    return f"{caller.id}:{key}"
