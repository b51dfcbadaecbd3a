"""One question to whoever reads histories, and what its answer means over HTTP."""

from typing import Any, Literal

import msgspec

from gateway.http.errors import Refused, invalid_field
from gateway.ports import ControlUnavailable, HistoryBusy
from gateway.routes.call import ThisCall


class Said(msgspec.Struct):
    """What was said; `document` is JSON, `pdf` a file."""

    outcome: Literal["found", "not_found", "no_player", "behind", "unavailable", "damaged", "wrong", "no_paper"]
    document: msgspec.Raw = msgspec.Raw(b"null")
    pdf: bytes = b""
    detail: str = ""
    field: str = ""


async def ask_history(call: ThisCall, player_id: str, do: str, **asked: Any) -> Said:
    """What was found, or that nothing was (`not_found`). Raises Refused, ControlUnavailable."""
    port = call.parts.history
    if port is None:
        raise ControlUnavailable("This gateway can't read histories.")
    given = {name: value for name, value in asked.items() if value is not None}
    request = msgspec.json.encode({"do": do, "player_id": player_id, **given})
    try:
        said = msgspec.json.decode(await port.ask_history(request), type=Said)
    except HistoryBusy:
        raise Refused("overloaded", "Too much is asked of histories at once.") from None
    if said.outcome not in ("found", "not_found"):
        raise _refusal(player_id, said)
    return said


def _refusal(player_id: str, said: Said) -> Exception:
    if said.outcome == "no_player":
        return Refused("player_not_found", f"There is no player {player_id!r}.")
    if said.outcome == "wrong":
        return invalid_field(said.field or "request", said.detail)
    if said.outcome == "no_paper":
        return Refused("report_unavailable", said.detail)
    if said.outcome == "behind":
        return Refused("journal_unavailable", "Entries are just on their way to the archive; ask again.")
    if said.outcome == "damaged":
        return Refused("journal_unavailable", "The player's history is damaged: an operator must look.")
    return ControlUnavailable(f"The history can't be read now: {said.detail}")
