"""The typed FastAPI route of P1, P2 and P3: the same request and answer as P0, with proof and rules behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final, Protocol

from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse

from benchmarks.peers.documents import Balance, Mode, SpinAnswer
from benchmarks.peers.proof import Proof, Unauthenticated
from benchmarks.peers.rules import Outcome, Played, Spin, Totals, unplayable

STATUS: Final = {"unauthenticated": 401, "player_not_found": 404, "unknown_game": 404}
"""Every other refusal is 409."""


class Backend(Protocol):
    """Where a peer keeps its players. `open` and `close` are called once, in the server's loop."""

    async def open(self) -> None:
        """Connects, and writes the players of the run."""

    async def close(self) -> None:
        """Gives back what `open` took."""

    async def spin(self, spin: Spin) -> Outcome:
        """Plays it once, durable as the peer is durable when this returns."""

    async def totals(self) -> Totals:
        """Adds up what is stored."""


class Refused(Exception):
    """A spin that moved nothing, with its code."""


def application(backend: Backend, proof: Proof) -> FastAPI:
    """The app of one peer."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await backend.open()
        yield
        await backend.close()

    app = FastAPI(openapi_url=None, lifespan=lifespan)

    @app.post("/spin")
    async def spin(
        request: Request,
        player_id: str,
        game_id: str,
        mode: Mode,
        bet: int,
        win: int,
        idempotency_key: Annotated[str, Header()],
    ) -> SpinAnswer:
        client = await proof.client(request)
        asked = Spin(player_id, f"{client}:{idempotency_key}", game_id, mode, bet, win)
        outcome = unplayable(asked) or await backend.spin(asked)
        if isinstance(outcome, str):
            raise Refused(outcome)
        return _answer(asked, outcome)

    @app.get("/totals")
    async def totals() -> Totals:
        return await backend.totals()

    app.exception_handler(Refused)(_refused)
    app.exception_handler(Unauthenticated)(_unauthenticated)
    return app


def _answer(spin: Spin, played: Played) -> SpinAnswer:
    usable = played.bonus if played.remaining else 0
    return SpinAnswer(
        session_id=f"{spin.player_id}-{played.number}",
        player_id=spin.player_id,
        game_id=spin.game_id,
        mode=spin.mode,
        state="closed",
        bet_amount=spin.bet,
        win_amount=spin.win,
        balance=Balance(real=played.real, bonus=played.bonus, bonus_usable=usable, withdrawable=played.real),
        replayed=played.replayed,
    )


async def _refused(_: Request, refused: Exception) -> JSONResponse:
    code = str(refused)
    return JSONResponse({"code": code}, STATUS.get(code, 409))


async def _unauthenticated(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"code": "unauthenticated"}, STATUS["unauthenticated"])
