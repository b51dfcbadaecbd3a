"""One round explained: which rule took what from where, what counted and why, with terms, catalog and level."""

from typing import Annotated

import msgspec
from fastapi import Path
from starlette.responses import Response

from engine.identifiers import OWN_ID
from gateway.access.roles import AUDITOR, PLATFORM, SUPPORT
from gateway.declaring import Routes
from gateway.documents.base import Json
from gateway.documents.visible import VIP
from gateway.http.errors import Refused
from gateway.routes.call import PlayerId, ThisCall, answer
from gateway.routes.proof.asking_history import ask_history
from gateway.routes.proof.history import AmountsJson, LineJson, ToldLine, lines_for
from gateway.routes.proof.receipts import Day

routes = Routes()

SessionId = Annotated[str, Path(pattern=f"^{OWN_ID}$")]


class TermsJson(Json):
    """The terms of a grant as they were frozen when it was created; amounts in minor units, contributions in percent.

    `words` says the same in sentences.
    """

    grant_id: str
    campaign_id: str
    multiplier: str
    wager_total: int
    min_bet: int | None
    max_bet: int | None
    over_max_bet: str
    max_bet_counts: str
    excluded_games: list[str]
    excluded_policy: str
    contribution_games: dict[str, int]
    contribution_types: dict[str, int]
    max_cashout: int | None
    min_average_bet: int | None
    funds_order: str | None
    cancel_on_withdrawal: bool
    words: list[str]


class ExplainedEntryJson(Json):
    """One entry of the round, step by step; `moved` is the sum of its steps.

    `after`: the balances that the entry states, points in whole ones; null where it states none.
    """

    version: int
    time: str
    request_id: str
    steps: list[LineJson]
    moved: AmountsJson
    after: AmountsJson | None
    level: Annotated[str | None, VIP]


class ExplainedJson(Json):
    """A round explained. `moved` is the sum of its entries; other rounds may have moved money in between.

    `state`: as of version `read_through`. `catalog`: the version in force when the round was opened; `notes` say what
    is no longer known.
    """

    player_id: str
    session_id: str
    game_id: str
    round_id: str | None
    mode: str
    state: str
    currency: str
    exponent: int
    entries: list[ExplainedEntryJson]
    moved: AmountsJson
    terms: list[TermsJson]
    catalog: str | None
    read_through: int
    notes: list[str]
    receipt_url: str


class _ToldEntry(ExplainedEntryJson):
    steps: list[ToldLine]  # type: ignore[assignment]


class _Told(ExplainedJson):
    entries: list[_ToldEntry]  # type: ignore[assignment]


@routes.read(
    "GET /players/{player_id}/rounds/{session_id}/explain",
    roles=SUPPORT | AUDITOR | PLATFORM,
    answers=ExplainedJson,
    refuses=("session_not_found",),
)
async def explain(call: ThisCall, player_id: PlayerId, session_id: SessionId, day: Day = None) -> Response:
    """One round explained, step by step, in words that can be read out, each with its rule and its arithmetic."""
    call.admit()
    call.look(player_id, {"round": session_id})
    named = None if day is None else day.replace("-", "/")
    said = await ask_history(call, player_id, "round", session_id=session_id, day=named)
    if said.outcome == "not_found":
        where = "in the journal and the last 62 days of the archive" if day is None else f"up to {day}"
        raise Refused("session_not_found", f"Player {player_id} has no round {session_id!r} {where}.")
    told = msgspec.json.decode(said.document, type=_Told)
    for entry in told.entries:
        entry.steps = lines_for(call, entry.steps)  # type: ignore[assignment]
    return answer(told)
