"""What operators ask of webhooks, as JSON: how endpoints stand, a test, a replay, disabling and enabling.

    {"do": "list"}                                    {"endpoints": [EndpointReport, …]}
    {"do": "test", "endpoint": "pms"}                 TestReport
    {"do": "replay", "endpoint": "pms", "ids": […]}   ReplayReport
    {"do": "enable", "endpoint": "pms"}               EndpointReport
    {"do": "disable", "endpoint": "pms"}              EndpointReport

What can't be done is answered with `{"refused": code, "detail": words}`.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Final

import msgspec

from feeds.public.event import instant
from feeds.webhooks.endpoint import Endpoint
from feeds.webhooks.messages import Message
from feeds.webhooks.replaying import NotReplayed, Replays
from snapshots.errors import Corrupt, StoreUnavailable

IDS_MAX: Final = 100


class List(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="list"):
    """How all endpoints stand."""


class Test(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="test"):
    """Sends a signed test event at once, whatever waits."""

    endpoint: str


class Replay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="replay"):
    """Sends events again: those with `ids`, or all from `from_ms` to `to_ms` (Unix ms; without `to_ms`: until now)."""

    endpoint: str
    ids: Annotated[tuple[str, ...], msgspec.Meta(max_length=IDS_MAX)] = ()
    from_ms: Annotated[int, msgspec.Meta(ge=0)] | None = None
    to_ms: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Enable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="enable"):
    """Sends again: what is owed since before first. Then an endpoint that is alone goes on where its reader stands,
    unless it is to go on `from_now`; another one goes on with what happens from now on.
    """

    endpoint: str
    from_now: bool = False


class Disable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="disable"):
    """Sends nothing any more until the endpoint is enabled; what is owed stays noted."""

    endpoint: str


Request = List | Test | Replay | Enable | Disable


class EndpointReport(msgspec.Struct, frozen=True):
    """How an endpoint stands. `state`: `ok`, `failing`, `slowed`, `open` (its breaker) or `disabled`, then with `why`.

    `url` comes without its query, which may hold a secret.
    `owed` events wait, the oldest of them for `lag_ms`; `dead` ones were given up and are kept for a replay.
    """

    name: str
    url: str
    mode: str
    events: tuple[str, ...]
    state: str
    why: str
    owed: int
    lag_ms: int
    dead: int
    last_success: str | None
    failing_since: str | None
    disabled_since: str | None


class EndpointsReport(msgspec.Struct, frozen=True):
    """All endpoints, in the order of the configuration."""

    endpoints: list[EndpointReport]


class TestReport(msgspec.Struct, frozen=True):
    """What the endpoint answered to a test event. `status` 0: nothing. `ms`: how long it took."""

    endpoint: str
    outcome: str
    status: int
    ms: int
    detail: str


class ReplayReport(msgspec.Struct, frozen=True):
    """So many events were lined up for being sent again; `missing`: ids that were not found.

    `next_ms`: there was no room for what happened from then on (Unix ms); repeat from there when less is owed.
    """

    endpoint: str
    replayed: int
    missing: tuple[str, ...] = ()
    next_ms: int | None = None


class Refusal(msgspec.Struct, frozen=True):
    """What was asked can't be done. `refused`: `invalid_request`, `webhook_not_found` or `replay_impossible`."""

    refused: str
    detail: str


Answer = EndpointsReport | EndpointReport | TestReport | ReplayReport | Refusal
_request: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


class Operators:
    """Answers operators. `now_ms`: real time (Unix ms)."""

    def __init__(self, endpoints: Mapping[str, Endpoint], replays: Replays, now_ms: Callable[[], int]) -> None:
        self._endpoints, self._replays, self._now_ms = endpoints, replays, now_ms

    async def answer(self, request: bytes) -> bytes:
        """JSON for JSON. Raises SinkFailed, StoreError."""
        try:
            asked = _request.decode(request)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            return msgspec.json.encode(Refusal("invalid_request", str(problem)))
        return msgspec.json.encode(await self._answer(asked))

    async def _answer(self, asked: Request) -> Answer:
        if isinstance(asked, List):
            return EndpointsReport([report(endpoint) for endpoint in self._endpoints.values()])
        endpoint = self._endpoints.get(asked.endpoint)
        if endpoint is None:
            known = ", ".join(self._endpoints) or "none"
            return Refusal("webhook_not_found", f"There is no endpoint {asked.endpoint[:64]!a}; there are: {known}.")
        match asked:
            case Test():
                return await self._test(endpoint)
            case Replay():
                return await self._replay(endpoint, asked)
            case Enable():
                await endpoint.enable(from_now=asked.from_now)
            case Disable():
                endpoint.disable("operator")
        return report(endpoint)

    async def _test(self, endpoint: Endpoint) -> TestReport:
        now = self._now_ms()
        data = msgspec.json.encode({"endpoint": endpoint.name})
        attempt = await endpoint.sender.send(Message("test", now, 0, "WebhookTested", now, data))
        return TestReport(endpoint.name, attempt.outcome, attempt.status, attempt.ms, attempt.why)

    async def _replay(self, endpoint: Endpoint, asked: Replay) -> ReplayReport | Refusal:
        if bool(asked.ids) == (asked.from_ms is not None) or (asked.ids and asked.to_ms is not None):
            return Refusal("invalid_request", "A replay names either ids, or from_ms and perhaps to_ms.")
        try:
            if asked.from_ms is not None:
                to_ms = self._now_ms() if asked.to_ms is None else asked.to_ms
                replayed, next_ms = await self._replays.by_time(endpoint, asked.from_ms, to_ms)
                return ReplayReport(endpoint.name, replayed, next_ms=next_ms)
            replayed, missing = await self._replays.by_id(endpoint, asked.ids)
        except NotReplayed as problem:
            return Refusal("replay_impossible", str(problem))
        except (StoreUnavailable, Corrupt) as problem:
            return Refusal("replay_impossible", f"The archive can't be read: {problem}")
        return ReplayReport(endpoint.name, replayed, missing)


def report(endpoint: Endpoint) -> EndpointReport:
    """How an endpoint stands."""
    standing = endpoint.keeper.current
    return EndpointReport(
        name=endpoint.name,
        url=endpoint.settings.url.partition("?")[0],
        mode=endpoint.settings.delivers,
        events=endpoint.settings.events,
        state=endpoint.state,
        why=standing.disabled,
        owed=endpoint.held,
        lag_ms=endpoint.lag_ms,
        dead=len(endpoint.table.dead),
        last_success=_instant(standing.last_success_ms),
        failing_since=_instant(standing.failing_since_ms),
        disabled_since=_instant(standing.disabled_ms),
    )


def _instant(time_ms: int) -> str | None:
    return instant(time_ms) if time_ms else None
