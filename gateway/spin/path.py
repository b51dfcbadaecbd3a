"""The hot path as plain ASGI, for requests that the spin protocol leaves to uvicorn.

FastAPI is not asked: what it would cost per request is more than everything here together.
"""

import asyncio
import logging
from time import perf_counter_ns

from gateway.http.bodies import json_body, single_headers
from gateway.http.errors import Refused, internal_error, invalid_field, method_not_allowed
from gateway.http.wire import Answer, HttpRequest, Receive, Scope, Send, send_reply, sent_method, target
from gateway.spin.core import SpinCore
from gateway.spin.hot_routes import STREAM_PATH, HotRoute, find
from gateway.spin.parameters import SESSION_ID

logger = logging.getLogger(__name__)


class HotPath:
    """The ASGI application behind `/spin*`."""

    def __init__(self, core: SpinCore) -> None:
        self._core = core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, whatever it is, and counts it."""
        started_ns = perf_counter_ns()
        route, session_id = find(scope["path"])
        name = route.name if route is not None else "unmatched"
        try:
            known = _checked(route, session_id, scope)
            headers = single_headers(scope["headers"])
            body = await json_body(headers, receive, self._core.body_bytes_max)
        except Refused as refused:
            answer, code = refused.answer(), refused.code
        except Exception:
            logger.exception("%s failed", name)
            answer, code = internal_error(), "internal_error"
        else:
            request = HttpRequest(sent_method(scope), target(scope), scope["query_string"], headers, body)
            await send_reply(send, (await self._served(known, session_id, request)).reply())
            return
        await send_reply(send, answer.reply())
        self._core.count(name, code, perf_counter_ns() - started_ns)

    def _served(self, route: HotRoute, session_id: str, request: HttpRequest) -> "asyncio.Future[Answer]":
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def respond(answer: Answer) -> None:
            if not answered.done():  # as it is once a shutdown that took too long has cancelled the request
                answered.set_result(answer)

        self._core.serve(route, session_id, request, respond)
        return answered


def _checked(route: HotRoute | None, session_id: str, scope: Scope) -> HotRoute:
    """The route, if there is one and it takes this method and session id. Raises Refused."""
    if scope["path"] == STREAM_PATH:
        raise invalid_field("upgrade", "must be websocket: this is the spin stream")
    if route is None:
        raise Refused("not_found", f"There is no route {scope['path'][:200]!a}.")
    if scope["method"] != route.method:
        raise method_not_allowed([route.method])
    if session_id and SESSION_ID.fullmatch(session_id) is None:
        raise invalid_field("session_id", "must be 1 to 128 of A-Z a-z 0-9 . _ : @ ~ -")
    return route
