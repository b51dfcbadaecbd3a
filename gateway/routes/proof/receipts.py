"""Receipts: what proves to anybody that a round is part of the log. The archive's reader makes them."""

from typing import Annotated, Final, NoReturn

import msgspec
from fastapi import Path, Query
from pydantic import AfterValidator
from starlette.responses import Response

from actors.outcome import Answered, ask
from engine.answers import RoundAnswer
from engine.identifiers import OWN_ID
from engine.queries import GetPlayer, GetRound, QueryBody
from engine.state.window import REMEMBERED_MAX
from engine.views import PlayerView
from gateway.access.roles import AUDITOR, PLATFORM, SUPPORT
from gateway.declaring import CONTROL, Routes
from gateway.documents.base import Json
from gateway.http.errors import Refused, RefusedByPlayer
from gateway.ports import ControlUnavailable
from gateway.routes.call import PlayerId, ThisCall, answer
from gateway.routes.proof.moments import day

routes = Routes()

READER: Final = "archive"

SessionId = Annotated[str, Path(pattern=f"^{OWN_ID}$")]
Day = Annotated[
    str | None,
    Query(
        max_length=10,
        description="The day (UTC) on which the round was archived; else the last 31 days are searched",
        json_schema_extra={"format": "date"},
    ),
    AfterValidator(day),
]


class ProvenEntryJson(Json):
    """One entry of the journal: the leaf of the tree, its number, and the path to the root, all bytes in base64."""

    version: int
    leaf: str
    index: int
    path: list[str]


class ReceiptJson(Json):
    """All entries of a round that `checkpoint`, a signed note (C2SP), covers. docs/audit.md says how to check it.

    A leaf is an entry as it is, VIP data and all: with a field left out it would prove nothing (docs/roles.md).

    `more`: the round has entries that no checkpoint covers yet, or more than 64.
    """

    format: int
    player_id: str
    session_id: str
    entries: list[ProvenEntryJson]
    checkpoint: str
    more: bool


class ReceiptSaid(msgspec.Struct):
    """A receipt, or why there is none."""

    outcome: str
    receipt: ReceiptJson | None = None
    version: int = 0
    detail: str = ""
    retry_after_s: int = 60


@routes.read(
    "GET /players/{player_id}/receipts/{session_id}",
    roles=SUPPORT | AUDITOR | PLATFORM,
    answers=ReceiptJson,
    refuses=("session_not_found", "receipt_pending", *CONTROL),
)
async def receipt(call: ThisCall, player_id: PlayerId, session_id: SessionId, day: Day = None) -> Response:
    """The receipt of a round: its entries, and what proves that they are part of the signed log."""
    call.admit()
    call.look(player_id, {"receipt": session_id})
    said = await ask_receipt(call, player_id, session_id, day)
    if said.receipt is not None:
        return answer(said.receipt)
    if said.outcome == "busy":
        raise Refused("overloaded", "Too many receipts are asked for at once.")
    if said.outcome == "unavailable":
        raise ControlUnavailable(f"The archive can't be read: {said.detail}")
    if said.outcome == "pending" or await _is_on_its_way(call, player_id, session_id, said.version):
        _refuse_pending(session_id, said.retry_after_s)
    where = (
        "in the last 31 days; name the day with day=YYYY-MM-DD for an older one"
        if day is None
        else f"on {day} or the day after"
    )
    raise Refused("session_not_found", f"Player {player_id} has no round {session_id!r} {where}.")


def _refuse_pending(session_id: str, retry_after_s: int) -> NoReturn:
    raise Refused(
        "receipt_pending",
        f"Round {session_id!r} is recorded, but no checkpoint covers it yet; ask again in {retry_after_s} s.",
        headers=[(b"retry-after", str(retry_after_s).encode())],
    )


async def ask_receipt(call: ThisCall, player_id: str, session_id: str, day: str | None) -> ReceiptSaid:
    """What the archive's reader says of a round's receipt. Raises Refused, ControlUnavailable."""
    readers, names = call.parts.readers, [str(each["name"]) for each in call.parts.cluster.cluster().get("readers", ())]
    if readers is None or READER not in names:
        raise Refused("session_not_found", "There are no receipts: this Croupier keeps no archive.")
    asked = {"do": "receipt", "player_id": player_id, "session_id": session_id}
    asked |= {} if day is None else {"day": day.replace("-", "/")}
    return msgspec.json.decode(await readers.ask_reader(READER, msgspec.json.encode(asked)), type=ReceiptSaid)


async def _is_on_its_way(call: ThisCall, player_id: str, session_id: str, seen: int) -> bool:
    """Whether the player has the round, or has done so much since version `seen` that it may be forgotten again.

    Raises RefusedByPlayer.
    """
    if await _known(call, player_id, GetRound(session_id)) is not None:
        return True
    view = await _known(call, player_id, GetPlayer())
    return isinstance(view, PlayerView) and view.version - seen > REMEMBERED_MAX


async def _known(call: ThisCall, player_id: str, body: QueryBody) -> RoundAnswer | PlayerView | None:
    outcome = await ask(call.parts.players, player_id, "", body)
    if isinstance(outcome, Answered) and isinstance(outcome.answer, RoundAnswer | PlayerView):
        return outcome.answer
    if isinstance(outcome, Answered) or outcome.code == "session_not_found":
        return None
    raise RefusedByPlayer(outcome)
