"""Which languages a reader wants: what the request says, then what the browser says, then the player (rules §6).

A header of a browser is never a reason to refuse a request: the parts that can't be read are ignored.
"""

import re
from typing import Final

LANGUAGE: Final = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$"
"""`de`, `pt-BR`, `zh-Hant-TW`."""
RANGES_MAX: Final = 16
_RANGE: Final = re.compile(LANGUAGE[1:-1])
_WEIGHT: Final = re.compile(r"\s*;\s*[qQ]\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


def wanted(chosen: str | None, accept_language: bytes, of_player: str | None = None) -> list[str]:
    """Languages, most wanted first; English needs no mention."""
    first = [] if chosen is None else [chosen]
    last = [] if of_player is None else [of_player]
    return [*first, *accepted(accept_language), *last]


def accepted(header: bytes) -> list[str]:
    """The languages of an `Accept-Language` header by weight (RFC 9110): `de;q=0.5, sv, *;q=0.1` → `sv`, `de`."""
    weighed: list[tuple[float, str]] = []
    for part in header.decode("latin-1").split(",")[:RANGES_MAX]:
        name, separator, _ = part.partition(";")
        weight = _WEIGHT.fullmatch(part[len(name) :]) if separator else None
        if _RANGE.fullmatch(name.strip()) is None or (separator and weight is None):
            continue
        weighed.append((float(weight[1]) if weight else 1.0, name.strip()))
    return [name for weight, name in sorted(weighed, key=lambda entry: -entry[0]) if weight > 0]
