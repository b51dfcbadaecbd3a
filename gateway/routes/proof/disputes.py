"""The file of a disputed bonus, as JSON and on paper."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Final, Literal

import msgspec
from fastapi import Path, Query
from starlette.responses import Response

from engine.identifiers import OWN_ID
from gateway.access.roles import AUDITOR, SUPPORT
from gateway.declaring import Routes
from gateway.documents.base import Json
from gateway.documents.visible import VIP_ROLES
from gateway.http.errors import Refused
from gateway.ports import ControlUnavailable
from gateway.routes.call import PlayerId, ThisCall, answer
from gateway.routes.proof.asking_history import Said, ask_history
from gateway.routes.proof.explain import TermsJson
from gateway.routes.proof.history import RuleJson, text_for
from gateway.routes.proof.receipts import Day, ReceiptJson, ask_receipt

routes = Routes()

GrantId = Annotated[str, Path(pattern=f"^{OWN_ID}$")]
WithReceipts = Annotated[
    Literal["true", "false"] | None, Query(description="Whether the first 50 rounds come with their receipts")
]
RECEIPTS_MAX: Final = 50
RECEIPTS_S: Final = 10.0
_PATH: Final = "GET /players/{player_id}/bonuses/{grant_id}/dispute"


class DisputeStepJson(Json):
    """What happened to the bonus. `balance` and `remaining` (still to be wagered) are its own, after it."""

    version: int
    time: str
    event: str
    text: str
    rules: list[RuleJson]
    balance: int
    remaining: int


class DisputedBetJson(Json):
    """A bet that staked the bonus's money, counted for it, or was over its limit.

    `contribution`: percent of the stake; null if that is no longer known. `undone`: it was rolled back or cancelled.
    `receipt` is what `receipt_url` answers, where the file holds it; else null.
    """

    version: int
    time: str
    session_id: str
    game_id: str
    stake: int
    real: int
    bonus: int
    counted: int
    contribution: int | None
    remaining: int
    over_limit: bool
    receipt_url: str
    undone: bool
    receipt: ReceiptJson | None


class DisputeJson(Json):
    """The whole file, as of version `read_through`. Amounts in minor units; `notes` say what is missing.

    `ending` says how the bonus ended and why, `limit_hit` which bet was over its limit. `terms` are those that were
    frozen when it was created.
    """

    player_id: str
    grant_id: str
    campaign_id: str
    source: str
    currency: str
    exponent: int
    state: str
    created_at: str
    opted_in_at: str | None
    granted_at: str | None
    ended_at: str | None
    amount: int
    balance: int
    released: int
    removed: int
    wager_total: int
    counted: int
    remaining: int
    ending: str
    limit_hit: str | None
    verdict: str
    reasons: list[str]
    terms: TermsJson
    catalog: str | None
    bets: list[DisputedBetJson]
    steps: list[DisputeStepJson]
    read_through: int
    notes: list[str]


class _ToldStep(DisputeStepJson):
    """As it was told. `instead`: what roles read that may not know how the player is valued; None: the text."""

    instead: str | None = None


class _Told(DisputeJson):
    steps: list[_ToldStep]  # type: ignore[assignment]


@routes.read(f"{_PATH}.json", roles=SUPPORT | AUDITOR, answers=DisputeJson, refuses=("grant_not_found",))
async def as_json(
    call: ThisCall, player_id: PlayerId, grant_id: GrantId, day: Day = None, receipts: WithReceipts = None
) -> Response:
    """All that bears on a disputed bonus: terms, opt-in, every bet that counted, the limit, how it ended and why."""
    _look(call, player_id, grant_id, "json")
    said = await _file(call, player_id, grant_id, "json", day)
    file = msgspec.json.decode(said.document, type=_Told)
    file.steps = [_step(call, step) for step in file.steps]  # type: ignore[misc]
    if receipts == "true":
        _add_receipts(file, await _receipts(call, file))
    return answer(file)


@routes.read(f"{_PATH}.pdf", roles=SUPPORT | AUDITOR, answers=None, refuses=("grant_not_found", "report_unavailable"))
async def as_pdf(
    call: ThisCall, player_id: PlayerId, grant_id: GrantId, day: Day = None, receipts: WithReceipts = None
) -> Response:
    """The same on paper, with at most 500 bets: the same file gives the same bytes. Receipts are attached to it."""
    _look(call, player_id, grant_id, "pdf")
    found: Sequence[ReceiptJson] = ()
    if receipts == "true":
        told = await _file(call, player_id, grant_id, "json", day)
        file = msgspec.json.decode(told.document, type=_Told)
        found = list((await _receipts(call, file)).values())
    said = await _file(call, player_id, grant_id, "pdf", day, found)
    headers = {"content-disposition": f'attachment; filename="dispute-{grant_id}.pdf"'}
    return Response(said.pdf, media_type="application/pdf", headers=headers)


def _step(call: ThisCall, told: _ToldStep) -> DisputeStepJson:
    """The step as the caller's role may read it."""
    return DisputeStepJson(
        version=told.version,
        time=told.time,
        event=told.event,
        text=text_for(call, told.text, told.instead),
        rules=told.rules,
        balance=told.balance,
        remaining=told.remaining,
    )


async def _receipts(call: ThisCall, file: DisputeJson) -> Mapping[str, ReceiptJson]:
    """Receipts of as many rounds as may be asked for, by round, those of the first bets first."""
    found: dict[str, ReceiptJson] = {}
    rounds = {bet.session_id: bet.time[:10] for bet in reversed(file.bets)}
    with suppress(Refused, ControlUnavailable, TimeoutError):
        async with asyncio.timeout(RECEIPTS_S):
            for session_id, archived in list(reversed(rounds.items()))[:RECEIPTS_MAX]:
                said = await ask_receipt(call, file.player_id, session_id, archived)
                if said.receipt is not None:
                    found[session_id] = said.receipt
    return found


def _add_receipts(file: DisputeJson, found: Mapping[str, ReceiptJson]) -> None:
    """Each bet gets its round's; notes tell how many bets are without one."""
    for bet in file.bets:
        bet.receipt = found.get(bet.session_id)
    missing = sum(bet.receipt is None for bet in file.bets)
    if missing:
        file.notes.append(f"Bets without a receipt here: {missing}; ask for it at their receipt_url.")


def _look(call: ThisCall, player_id: str, grant_id: str, form: str) -> None:
    call.admit()
    call.look(player_id, {"dispute": grant_id, "form": form})


async def _file(
    call: ThisCall, player_id: str, grant_id: str, form: str, day: str | None, receipts: Sequence[ReceiptJson] = ()
) -> Said:
    named = None if day is None else day.replace("-", "/")
    may_value = call.may_see(VIP_ROLES) if form == "pdf" else None
    said = await ask_history(
        call, player_id, "dispute", grant_id=grant_id, form=form, day=named, may_value=may_value,
        receipts=list(receipts) or None,
    )  # fmt: skip
    if said.outcome == "not_found":
        where = "in the journal and the last 62 days of the archive" if day is None else f"up to {day}"
        raise Refused("grant_not_found", f"Player {player_id} was given no bonus {grant_id!r} {where}.")
    return said
