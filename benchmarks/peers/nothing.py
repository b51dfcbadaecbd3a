"""The peers that do nothing: what the framework (P0) and the HTTP server (P4) cost before the first rule is read."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Annotated, Any

from fastapi import FastAPI, Header

from benchmarks.peers.documents import Balance, Mode, SpinAnswer

Message = MutableMapping[str, Any]

p0 = FastAPI(openapi_url=None)
_BALANCE = Balance(real=10_000, bonus=0, bonus_usable=0, withdrawable=10_000)


@p0.post("/spin")
async def spin(
    player_id: str,
    game_id: str,
    mode: Mode,
    bet: int,
    idempotency_key: Annotated[str, Header()],
    win: int | None = None,
) -> SpinAnswer:
    """A typed route like ours, with parameters and an answer like ours, and nothing behind it."""
    return SpinAnswer(
        session_id=idempotency_key,
        player_id=player_id,
        game_id=game_id,
        mode=mode,
        state="closed",
        bet_amount=bet,
        win_amount=win or 0,
        balance=_BALANCE,
        replayed=False,
    )


_BODY = b'{"session_id":"s","state":"closed","replayed":false}'
_START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())],
}
_END: Message = {"type": "http.response.body", "body": _BODY}


async def p4(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """The smallest ASGI application: the limit of the server under it. Needs `lifespan="off"`."""
    await send(_START)
    await send(_END)
