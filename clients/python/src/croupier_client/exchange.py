"""One call over HTTP, with its repeats, without sending anything itself: the same for the sync and the async client.

`exchange` is a generator of steps: a `httpx.Request` to be sent, whose response or `httpx.RequestError` it is given, or
a number of seconds to pause. It returns the answer. `drive` and `drive_async` take the steps.
"""

from collections.abc import Awaitable, Callable, Generator
from typing import Final

import httpx
import msgspec

from croupier_client.calls import AnswerT, Call, HttpRequest
from croupier_client.judging import Again, judge, unanswered
from croupier_client.origin import Origin
from croupier_client.reading import Unreadable, read

Step = httpx.Request | float
Received = httpx.Response | httpx.RequestError | None
Exchange = Generator[Step, Received, AnswerT]

_HEADERS: Final = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "croupier-client-python"}
_LEFT_MIN_S: Final = 0.001
"""No request is sent with no time at all, which would mean without limit."""


def exchange(origin: Origin, call: Call[AnswerT], deadline_s: float | None) -> Exchange[AnswerT]:
    """Attempts with pauses until there is an answer. Raises Refused, or Unanswered when the deadline leaves no more."""
    policy, wanted = origin.policy, call.over_http()
    ends_at = origin.clock() + (policy.deadline_s if deadline_s is None else deadline_s)
    attempts = 0
    while True:
        left_s = max(ends_at - origin.clock(), _LEFT_MIN_S)
        received = yield _request(origin, wanted, call.key, min(policy.attempt_timeout_s, left_s))
        attempts += 1
        try:
            return _answer(origin, call, received)
        except Unreadable as unreadable:
            raise unanswered(call, str(unreadable), attempts) from unreadable
        except Again as again:
            pause_s = policy.pause_s(attempts, again.at_least_s, origin.chance)
            if origin.clock() + pause_s >= ends_at:
                raise unanswered(call, f"no answer by the deadline; last: {again}", attempts, again.refused) from again
        yield pause_s


def drive(
    steps: Exchange[AnswerT], send: Callable[[httpx.Request], Received], pause: Callable[[float], None]
) -> AnswerT:
    """Takes the steps one after the other. Raises what the exchange raises."""
    received: Received = None
    while True:
        try:
            step = steps.send(received)
        except StopIteration as done:
            answer: AnswerT = done.value
            return answer
        received = None
        if isinstance(step, httpx.Request):
            received = send(step)
        else:
            pause(step)


async def drive_async(
    steps: Exchange[AnswerT],
    send: Callable[[httpx.Request], Awaitable[Received]],
    pause: Callable[[float], Awaitable[None]],
) -> AnswerT:
    """The same, awaiting."""
    received: Received = None
    while True:
        try:
            step = steps.send(received)
        except StopIteration as done:
            answer: AnswerT = done.value
            return answer
        received = None
        if isinstance(step, httpx.Request):
            received = await send(step)
        else:
            await pause(step)


def _request(origin: Origin, wanted: HttpRequest, key: str, timeout_s: float) -> httpx.Request:
    """Signed as of now. A folder in front of the paths is not: whoever adds it has a proxy that takes it away."""
    headers = dict(_HEADERS)
    if key:
        headers["idempotency-key"] = key
    if wanted.body:
        headers["content-type"] = "application/json"
    url = httpx.URL(origin.base_url + wanted.target)
    headers |= origin.signer.headers(wanted.method, wanted.target.encode(), key, wanted.body)
    extensions = {"timeout": httpx.Timeout(timeout_s).as_dict()}
    return httpx.Request(wanted.method, url, headers=headers, content=wanted.body, extensions=extensions)


def _answer(origin: Origin, call: Call[AnswerT], received: Received) -> AnswerT:
    if isinstance(received, httpx.RequestError):
        raise Again(f"{type(received).__name__} {received}".strip()) from received
    assert received is not None
    if received.status_code == 200:
        return read(call, 200, received.content, msgspec.json.decode)
    raise judge(origin.signer, received.status_code, received.headers, received.content, call.key)
