"""Kill-switches: what operators stop at once, for all, a game, a campaign or a player (rules §3).

A gateway only writes down what is switched off. The shards decide by it, whichever gateway a request comes from.
"""

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from actors.host.clock import now_ms
from actors.outcome import ask
from engine.queries import GetPlayer
from engine.rejections import Rejection
from engine.switches import SWITCHES_MAX, Scope, Switch
from gateway.access.auth import Caller
from gateway.access.roles import OPS, PEOPLE
from gateway.declaring import CONTROL, Routes
from gateway.documents.base import Json
from gateway.documents.requests import SwitchRequest
from gateway.documents.values import rfc3339
from gateway.http.errors import Refused, key_taken
from gateway.ports import KeyTaken, SwitchesFull, Thrown
from gateway.routes.call import Call, ThisCall, answer

routes = Routes()

_UNKNOWN: Final = ("unknown_game", "campaign_not_found", "player_not_found")


class SwitchedOffJson(Json):
    """Something that is off: since when, by whom and why. `id` is null for the scope `all`."""

    scope: Scope
    id: str | None
    since: str
    by: str
    reason: str


class SwitchesJson(Json):
    """All that is switched off, oldest first. `number` grows by one with each change."""

    number: int
    switched_off: list[SwitchedOffJson]


class SwitchJson(Json):
    """One switch after a request. `since`, `by` and `reason` tell who switched it off; they are empty while it is on.

    `number` is that of all switches after the change. Every shard decides by it within a second.
    """

    scope: Scope
    id: str | None
    enabled: bool
    since: str | None
    by: str
    reason: str
    number: int
    replayed: bool


@routes.read("GET /switches", roles=PEOPLE, answers=SwitchesJson, refuses=CONTROL, asks_player=False)
async def listed(call: ThisCall) -> Response:
    """What is switched off, since when, by whom and why."""
    call.admit()
    switches = await call.parts.switches.listed()
    return answer(SwitchesJson(switches.number, [_shown(switch) for switch in switches.off]))


@routes.change(
    "POST /switches",
    roles=OPS,
    answers=SwitchJson,
    refuses=(*_UNKNOWN, "overloaded", *CONTROL),
    asks_player=False,
)
async def throw(call: ThisCall, body: SwitchRequest) -> Response:
    """Switches everything, a game, a campaign or a player off, or on again.

    Open rounds can be settled, and what was granted goes on.
    """
    caller = call.admit()
    command_id = call.command_id(caller)
    switch = _wanted(caller, body)
    if not body.enabled:
        await _check_known(call, switch)
    wanted = {"scope": switch.scope, "id": switch.id, "enabled": body.enabled}
    await call.ask_first(subject=f"{switch.scope} {switch.id}".rstrip(), reason=switch.reason, wanted=wanted)
    thrown = await call.parts.switches.throw(switch, body.enabled, command_id)
    if isinstance(thrown, KeyTaken):
        raise key_taken()
    if isinstance(thrown, SwitchesFull):
        raise _full()
    call.tell(_told(thrown.before), _told(thrown.after), replayed=thrown.replayed)
    return answer(_as_it_is(switch, thrown))


def _wanted(caller: Caller, body: SwitchRequest) -> Switch:
    return Switch(body.scope, body.id or "", now_ms(), caller.id[:128], body.reason or "")


async def _check_known(call: Call, switch: Switch) -> None:
    """Raises Refused if there is nothing of that name: a misspelt one would stop nothing, and nobody would notice.

    A player whose shard does not answer is taken to exist. What is to be on again need not exist any more.
    """
    if switch.scope == "game" and switch.id not in call.parts.control.catalog().games:
        raise Refused("unknown_game", f"There is no game {switch.id!r} in the catalog: nothing was switched off.")
    if switch.scope == "campaign" and switch.id not in call.parts.control.catalog().campaigns:
        detail = f"There is no campaign {switch.id!r} in the catalog: nothing was switched off."
        raise Refused("campaign_not_found", detail)
    if switch.scope == "player":
        found = await ask(call.parts.players, switch.id, "", GetPlayer())
        if isinstance(found, Rejection):
            raise Refused(found.code, f"{found.detail} Nothing was switched off.")


def _full() -> Refused:
    detail = (
        f"At most {SWITCHES_MAX} things are switched off at a time, fewer with long reasons: "
        "switch some on again, or block players for good with POST /players/{id}/block."
    )
    return Refused("overloaded", detail, {"action": "fix_request"})


def _as_it_is(switch: Switch, thrown: Thrown) -> SwitchJson:
    after = thrown.after
    return SwitchJson(
        scope=switch.scope,
        id=switch.id or None,
        enabled=after is None,
        since=None if after is None else rfc3339(after.since_ms),
        by="" if after is None else after.by,
        reason="" if after is None else after.reason,
        number=thrown.number,
        replayed=thrown.replayed,
    )


def _shown(switch: Switch) -> SwitchedOffJson:
    return SwitchedOffJson(switch.scope, switch.id or None, rfc3339(switch.since_ms), switch.by, switch.reason)


def _told(switch: Switch | None) -> Mapping[str, object]:
    """The switch for the control log."""
    if switch is None:
        return {"enabled": True}
    return {"enabled": False, "since": rfc3339(switch.since_ms), "by": switch.by, "reason": switch.reason}
