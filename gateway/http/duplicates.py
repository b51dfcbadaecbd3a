"""JSON objects in which a name occurs twice.

Parsers keep the last value silently, so a proxy and Croupier could read different amounts from one signed body. Such a
body is refused as malformed, however deep the object lies.
"""

import json
from collections.abc import Callable
from typing import Any

from gateway.http.errors import invalid_field


def refuse_duplicates(body: bytes) -> None:
    """Raises Refused `invalid_request` for the first name that an object of `body` has twice.

    A body that is no JSON at all passes: the parser refuses it later.
    """
    try:
        json.loads(body, object_pairs_hook=_distinct)
    except (ValueError, RecursionError):
        return


def duplicate_check(names: tuple[str, ...]) -> Callable[[bytes], None]:
    """Like `refuse_duplicates`, for a body of the hot path that was parsed as one flat object of `names`.

    Counting nearly always shows that no name can occur twice. Then the body is not parsed again.
    """
    quoted = tuple(f'"{name}"'.encode() for name in names)

    def check(body: bytes) -> None:
        if b"\\" in body:
            refuse_duplicates(body)
            return
        for name in quoted:
            if body.count(name) > 1:
                refuse_duplicates(body)
                return

    return check


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise invalid_field(ascii(name[:64])[1:-1] or "body", "occurs more than once in its object")
        seen.add(name)
    return found
