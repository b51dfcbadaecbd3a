"""Awards that somebody asks for by name, and what to answer if the gate declines all of them (rules §7)."""

from collections.abc import Sequence

from actors.outcome import Answered
from engine.commands import EnterCode, GrantCampaign
from gateway.http.errors import Refused
from gateway.routes.bonuses.render import awards, declined_awards
from gateway.routes.bonuses.schemas import GrantedJson
from gateway.routes.call import Call


def grant_declined(declined: Sequence[GrantedJson], replayed: bool) -> Refused:
    """`grant_declined`: the awards that the gate declined, and the names of all its reasons, each once."""
    reasons = list(dict.fromkeys(reason for award in declined for reason in award.reasons))
    detail = f"Declined: {', '.join(reasons)}. The grant is recorded as declined; a new key is a new attempt."
    return Refused("grant_declined", detail, {"reasons": reasons, "declined": declined, "replayed": replayed})


async def award(call: Call, player_id: str, body: EnterCode | GrantCampaign) -> Answered:
    """Like `Call.command`, for an award asked for by name; Refused `grant_declined` if the gate declines all of it.

    The declined grant is recorded and the key remembered: the same key gets the same refusal, `replayed` (rules §7).
    """
    outcome = await call.command(player_id, body)
    declined = declined_awards(outcome.answer)
    if declined:
        raise grant_declined(awards(declined), outcome.replayed)
    return outcome
