"""The spin protocol answers what uvicorn and ASGI would, to the byte, and asks the players the same.

Every case goes through both: `both` feeds the same reads to a connection of either kind and compares what was written,
whether the connection ended, what the players were asked, and what was counted. One difference is wanted: where no HTTP
follows a request in the same read, uvicorn answers the former first and drops the answer to the request; here that
answer comes first.
"""

import random
from collections.abc import Iterator
from itertools import product

import pytest

from actors.outcome import Answered
from engine.rejections import Rejection
from tests.unit.gateway.spin.protocol_sides import (
    CASES,
    QUERY,
    REFUSED,
    SMUGGLED,
    SPIN,
    UNUSUAL,
    VALID,
    Both,
    is_quick,
    signed,
)

TURNS = (0, 1, 5)
"""After how many turns of the loop a player answers."""


def test_what_game_servers_send_is_simple() -> None:
    assert [name for name, request in VALID.items() if not is_quick(request)] == []


def test_what_is_unusual_is_left_to_uvicorn() -> None:
    assert {name for name, request in UNUSUAL.items() if is_quick(request)} == {"capitals", "long header"}


@pytest.mark.parametrize("name", CASES)
async def test_the_same_whole(name: str) -> None:
    for turns in TURNS:
        found = await Both(turns).compare(CASES[name])
        if name in VALID:
            assert found.written.startswith(b"HTTP/1.1 200 OK\r\n") and len(found.asked) == 1, turns


@pytest.mark.parametrize("name", VALID | REFUSED | UNUSUAL)
async def test_the_same_followed_by_a_spin(name: str) -> None:
    for turns in TURNS:
        both = Both(turns)
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


@pytest.mark.parametrize("turns", TURNS)
async def test_pipelined_requests_are_answered_in_order_and_one_at_a_time(turns: int) -> None:
    both = Both(turns)
    requests = [signed("POST", f"/spin?{QUERY}", key=f"k{number}") for number in range(50)]
    found = await both.compare(b"".join(requests))
    assert [asked.command_id for asked in found.asked] == [f"gs:k{number}" for number in range(50)]
    assert found.written.count(b"HTTP/1.1 200 OK") == 50


async def test_the_same_with_odd_splits_of_a_long_pipeline() -> None:
    generator, both = random.Random(1), Both(1)
    stream = b"".join([*VALID.values(), *list(REFUSED.values())[:8], *VALID.values()])
    for _ in range(60):
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
    for data in mutations(seed, 120):
        await both.compare(data + SPIN)


async def test_refusals_of_the_player_and_failures_inside_are_the_same() -> None:
    refused = Both(1, Rejection("insufficient_funds", "Not enough.", {"balance": {"real": 1}}))
    assert (await refused.compare(SPIN)).written.startswith(b"HTTP/1.1 402 ")
    broken = Both(1, Answered(object()))  # type: ignore[arg-type]
    assert (await broken.compare(SPIN, SPIN)).written.count(b"HTTP/1.1 500 ") == 2
