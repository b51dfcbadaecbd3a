"""How a stream's connection is opened: signed like any request, greeted by the server, or refused."""

import asyncio
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from croupier_client.errors import Refused, Unauthenticated
from croupier_client.judging import Again, judge
from croupier_client.origin import Origin
from croupier_client.stream.wire import STREAM_PATH, SUBPROTOCOL, Hello, ProtocolBroken, read_hello

KEY_REMOVED: Final = 4401
"""Close code: the key was removed or changed its role."""
BROKEN: Final = 1002
"""Close code: the server does not keep to the protocol."""
_MESSAGE_BYTES_MAX: Final = 16 << 20
_CLOSE_TIMEOUT_S: Final = 2.0


class _Connect(connect):
    """Without redirects: a proof is for the server it was made for."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def open_connection(origin: Origin) -> tuple[ClientConnection, Hello]:
    """A connection that has been greeted. Raises Again, Refused or Unreadable."""
    try:
        async with asyncio.timeout(origin.policy.attempt_timeout_s):
            return await _greeted(origin)
    except InvalidStatus as rejected:
        response = rejected.response
        body = bytes(response.body or b"")
        raise judge(origin.signer, response.status_code, response.headers, body, "") from rejected
    except (OSError, EOFError, WebSocketException, ProtocolBroken) as error:
        raise Again(f"{type(error).__name__} {error}".strip()) from error


async def _greeted(origin: Origin) -> tuple[ClientConnection, Hello]:
    connection = await _Connect(
        origin.base_url.replace("http", "ws", 1) + STREAM_PATH,
        ssl=origin.tls,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        additional_headers=origin.signer.headers("GET", STREAM_PATH.encode(), "", b""),
        compression=None,
        max_size=_MESSAGE_BYTES_MAX,
        open_timeout=None,
        close_timeout=_CLOSE_TIMEOUT_S,
    )
    try:
        if connection.subprotocol != SUBPROTOCOL:
            raise ProtocolBroken("the server did not select the stream's subprotocol")
        return connection, read_hello(await connection.recv())
    except BaseException:
        connection.transport.abort()
        raise


def ended(closed: ConnectionClosed) -> Again | Refused:
    """What the end of a connection means for its stream."""
    code = closed.rcvd.code if closed.rcvd is not None else None
    if code == KEY_REMOVED:
        return Unauthenticated("unauthenticated", "The key was removed or changed its role.", status=401)
    return Again("the connection broke" if code is None else f"the server closed the connection with {code}")
