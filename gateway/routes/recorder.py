"""Around all routes but the hot ones: the outcome of an operation is in the control log before its answer leaves."""

from starlette.types import ASGIApp

from gateway.http.wire import Message, Receive, Scope, Send, send_reply
from gateway.recording.recording import Recording
from gateway.routes.request_guard import RECEIVED, ReceivedRequest


class Recorder:
    """ASGI middleware, inside `RequestGuard`."""

    def __init__(self, app: ASGIApp, recording: Recording) -> None:
        self._app, self._recording = app, recording

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets an answer pass once its operation is recorded; else a refusal takes its place."""
        received: ReceivedRequest | None = scope.get(RECEIVED)
        if received is None:
            await self._app(scope, receive, send)
            return
        replaced = False

        async def send_recorded(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                replaced = await self._replaced(received, send)
            if not replaced:
                await send(message)

        try:
            await self._app(scope, receive, send_recorded)
        except Exception:
            if received.operation is not None and received.operation.asked:
                await self._recording.close(received.operation, "internal_error")
            raise

    async def _replaced(self, received: ReceivedRequest, send: Send) -> bool:
        """Whether a refusal has been sent instead of the answer."""
        if received.operation is None:
            return False
        refused = await self._recording.close(received.operation, received.code)
        if refused is None:
            return False
        received.code = refused.code
        await send_reply(send, refused.reply())
        return True
