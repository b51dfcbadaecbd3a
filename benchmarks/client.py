"""The platform's side of a run: registers players, deposits, and reads every balance afterwards, over HTTP."""

import json
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from benchmarks.flood import send_all
from benchmarks.signed import Key, player, request

DEPOSIT = 10_000
"""Minor units."""


class Money(NamedTuple):
    """What all players together have, minor units, and how many of them have a grant in wager."""

    real: int
    bonus: int
    wagering: int


def registration(key: Key, number: int) -> bytes:
    """Signed now. Every third player may have the welcome bonus; the others' country may not."""
    body = json.dumps({"currency": "EUR", "country": "SE" if number % 3 == 0 else "US"})
    return request(key, "PUT", f"/players/{player(number)}", "register", body)


def deposit(key: Key, number: int) -> bytes:
    """Signed now."""
    return request(key, "POST", f"/players/{player(number)}/deposits", "deposit", json.dumps({"amount": DEPOSIT}))


def prepare(url: str, key: Key, players: int) -> None:
    """Registers `players` and lets each deposit. Raises SetupFailed, OSError."""
    _drain(url, (registration(key, number) for number in range(players)))
    _drain(url, (deposit(key, number) for number in range(players)))


def money(url: str, key: Key, players: int) -> Money:
    """Adds up what all players have now. Raises SetupFailed, OSError."""
    real = bonus = wagering = 0
    views = (request(key, "GET", f"/players/{player(number)}") for number in range(players))
    for view in map(json.loads, send_all(url, views)):
        real += view["balance"]["real"]
        bonus += view["balance"]["bonus"]
        wagering += any(grant["state"] == "in_wager" for grant in view["grants"])
    return Money(real, bonus, wagering)


def _drain(url: str, requests: Iterable[bytes]) -> None:
    deque(send_all(url, requests), maxlen=0)
