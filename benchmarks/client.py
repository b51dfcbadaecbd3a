"""The platform's side of a run: registers players, deposits, and reads every balance afterwards, over HTTP."""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks.signed import Key, player, request

CONNECTIONS = 32
DEPOSIT = 10_000
"""Minor units."""


class SetupFailed(Exception):
    """The server refused something that had to work before or after a measurement."""


class Money(NamedTuple):
    """What all players together have, minor units, and how many of them have a grant in wager."""

    real: int
    bonus: int
    wagering: int


async def prepare(url: str, key: Key, players: int) -> None:
    """Registers `players` and lets each deposit; every third gets the welcome bonus, the others' country does not."""

    def registration(number: int) -> bytes:
        body = json.dumps({"currency": "EUR", "country": "SE" if number % 3 == 0 else "US"})
        return request(key, "PUT", f"/players/{player(number)}", "register", body)

    def deposit(number: int) -> bytes:
        body = json.dumps({"amount": DEPOSIT})
        return request(key, "POST", f"/players/{player(number)}/deposits", "deposit", body)

    for build in (registration, deposit):
        await _for_all(url, range(players), build)


async def money(url: str, key: Key, players: int) -> Money:
    """Adds up what all players have now."""

    def view(number: int) -> bytes:
        return request(key, "GET", f"/players/{player(number)}")

    views = await _for_all(url, range(players), view)
    balances = [one["balance"] for one in views]
    wagering = sum(any(grant["state"] == "in_wager" for grant in one["grants"]) for one in views)
    return Money(sum(b["real"] for b in balances), sum(b["bonus"] for b in balances), wagering)


async def _for_all(url: str, numbers: Iterable[int], build: Callable[[int], bytes]) -> list[Any]:
    """Sends one request per number over a few connections; answers the JSON bodies, in no order."""
    left, answers = iter(numbers), list[Any]()

    async def work() -> None:
        place = urlsplit(url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        for number in left:
            writer.write(build(number))
            answers.append(await _answer(reader))
        writer.close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return answers


async def _answer(reader: asyncio.StreamReader) -> Any:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lengths = [line.split(":")[1] for line in head.lower().split("\r\n") if line.startswith("content-length:")]
    body = await reader.readexactly(int(lengths[0]))
    if head.split(" ", 2)[1] not in ("200", "201"):
        raise SetupFailed(f"{head.splitlines()[0]}: {body.decode()[:500]}")
    return json.loads(body)
