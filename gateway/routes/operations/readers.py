"""Players whom a reader of the journal passes nothing on of, because a version was missing: who, and going on."""

from typing import Annotated, Final

from fastapi import Path, Query
from starlette.responses import Response

from gateway.access.roles import OPS
from gateway.declaring import CONTROL, Routes
from gateway.documents.base import Json
from gateway.documents.requests import IDENTIFIER, EmptyRequest
from gateway.http.errors import Refused
from gateway.routes.call import PlayerId, ThisCall, answer
from gateway.routes.operations.asking import asked_of, reader_names

routes = Routes()

NOTHING: Final = EmptyRequest()
_REFUSES: Final = ("reader_not_found", *CONTROL)

ReaderName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,127}$")]
After = Annotated[str, Query(pattern=f"^$|{IDENTIFIER}", description="Only players whose ids are above")]


class StoppedPlayerJson(Json):
    """Version `came` of the player came, at `at`, where the one after `last` should have."""

    player_id: str
    last: int
    came: int
    at: str


class StoppedPlayersJson(Json):
    """`count` players are stopped. `players` are the first 100 of them, in the order of their ids."""

    count: int
    players: list[StoppedPlayerJson]


class ResumedPlayerJson(Json):
    """`resumed`: the player was stopped, after version `last`. What came from then on until now is not passed on."""

    player_id: str
    resumed: bool
    last: int


@routes.read("GET /readers/{name}/stopped", roles=OPS, answers=StoppedPlayersJson, refuses=_REFUSES, asks_player=False)
async def stopped(call: ThisCall, name: ReaderName, after: After = "") -> Response:
    """The players of whom a reader passes nothing on, because a version was missing."""
    call.admit()
    return answer(await asked_of(call, _known(call, name), {"do": "stopped", "after": after}, StoppedPlayersJson))


@routes.read(
    "POST /readers/{name}/stopped/{player_id}/resume",
    roles=OPS,
    answers=ResumedPlayerJson,
    refuses=_REFUSES,
    asks_player=False,
    recorded=True,
)
async def resumed(call: ThisCall, name: ReaderName, player_id: PlayerId, body: EmptyRequest = NOTHING) -> Response:
    """A reader passes on again what a player does from now on."""
    call.admit()
    asked = {"do": "resume", "player_id": player_id}
    await call.ask_first(subject=name, wanted=asked)
    again = await asked_of(call, _known(call, name), asked, ResumedPlayerJson)
    call.tell({"last": again.last}, {"resumed": again.resumed})
    return answer(again)


def _known(call: ThisCall, name: str) -> str:
    """Raises Refused if there is no such reader."""
    names = reader_names(call)
    if name not in names:
        raise Refused("reader_not_found", f"There is no reader {name}; there are: {', '.join(names) or 'none'}.")
    return name
