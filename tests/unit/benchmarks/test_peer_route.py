"""The peers' route: signed spins are played and answered as P0 answers; others are refused, and nothing is played."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from benchmarks.peers.nothing import p0
from benchmarks.peers.proof import Proof
from benchmarks.peers.route import application
from benchmarks.peers.rules import Outcome, Played, Spin, Totals
from benchmarks.signed import Keys, request


class Backend:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Spin] = []
        self.outcome: Outcome = Played(False, 3, 9_990, 500, 700, 2)

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def spin(self, spin: Spin) -> Outcome:
        self.asked.append(spin)
        return self.outcome

    async def totals(self) -> Totals:
        return Totals(1, 2, 3, 4)


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def keys() -> Keys:
    return Keys.fresh()


@pytest.fixture
async def http(backend: Backend, keys: Keys, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    keys.write(tmp_path / "keys.json")
    transport = httpx.ASGITransport(application(backend, Proof(tmp_path / "keys.json")))
    async with httpx.AsyncClient(transport=transport, base_url="http://peer") as client:
        yield client


TARGET = "/spin?player_id=p&game_id=book-of-dunes&mode=real&bet=10&win=4"


def headers(keys: Keys, target: str = TARGET) -> dict[str, str]:
    lines = request(keys.game, "POST", target, "k1").decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines if ": " in line and not line.startswith("Host"))


async def test_a_signed_spin_is_played_and_answered_with_the_fields_of_p0(
    http: httpx.AsyncClient, backend: Backend, keys: Keys
) -> None:
    answer = await http.post(TARGET, headers=headers(keys))
    assert answer.status_code == 200
    assert backend.asked == [Spin("p", "game:k1", "book-of-dunes", "real", 10, 4)]
    body = answer.json()
    assert body["session_id"] == "p-3"
    assert body["balance"] == {"real": 9_990, "bonus": 500, "bonus_usable": 500, "withdrawable": 9_990}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(p0), base_url="http://peer") as floor:
        assert (await floor.post(TARGET, headers=headers(keys))).json().keys() == body.keys()


async def test_what_is_not_signed_is_not_played(http: httpx.AsyncClient, backend: Backend, keys: Keys) -> None:
    more = TARGET.replace("win=4", "win=5")
    assert (await http.post(more, headers=headers(keys))).status_code == 401
    assert (await http.post(TARGET, headers={"Idempotency-Key": "k1"})).status_code == 401
    assert backend.asked == []


async def test_a_refusal_tells_its_code(http: httpx.AsyncClient, backend: Backend, keys: Keys) -> None:
    backend.outcome = "insufficient_funds"
    answer = await http.post(TARGET, headers=headers(keys))
    assert (answer.status_code, answer.json()) == (409, {"code": "insufficient_funds"})
    below = TARGET.replace("bet=10", "bet=9")
    answer = await http.post(below, headers=headers(keys, below))
    assert (answer.status_code, answer.json()) == (409, {"code": "bet_below_min"})
    assert len(backend.asked) == 1


async def test_totals(http: httpx.AsyncClient) -> None:
    assert (await http.get("/totals")).json() == [1, 2, 3, 4]
