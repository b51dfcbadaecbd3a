"""A keep-alive HTTP/1.1 connection for load generators: one request under way, no library in between."""

import contextlib
import select
import socket
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple
from urllib.parse import urlsplit

RECEIVE_BYTES: Final = 1 << 16
_LENGTH: Final = b"content-length:"


class Answer(NamedTuple):
    """Status and body of one response."""

    status: int
    body: bytes


def parse(data: bytes) -> tuple[Answer, bytes] | None:
    """The first response in `data` and what follows it; None until all of it is there. Chunked bodies are not known."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return None
    at = head.lower().index(_LENGTH) + len(_LENGTH)
    length = int(head[at:].partition(b"\r\n")[0])
    if len(rest) < length:
        return None
    return Answer(int(head[9:12]), rest[:length]), rest[length:]


class HttpSocket:
    """Connected when made. Raises OSError where the connection fails or is closed by the server."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._socket = socket.create_connection((place.hostname, place.port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._received = b""

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def send(self, request: bytes) -> None:
        """Sends one request; it is small and nothing else is under way, so it fits into the socket's buffer."""
        self._socket.sendall(request)

    def receive(self) -> Answer | None:
        """The answer, once all of it is there. Call it when the socket is readable."""
        data = self._socket.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionError("the server closed the connection")
        found = parse(self._received + data)
        self._received = self._received + data if found is None else found[1]
        return found[0] if found else None

    def close(self) -> None:
        """Closes it."""
        self._socket.close()


@contextlib.contextmanager
def connected(url: str, count: int) -> Iterator[list[HttpSocket]]:
    """So many connections, closed at the end. Raises OSError."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(HttpSocket(url))) for _ in range(count)]


def readable(sockets: Iterable[HttpSocket], timeout_s: float) -> list[HttpSocket]:
    """Those with something to read. `select` waits to the microsecond, where `epoll` knows milliseconds only."""
    return select.select(list(sockets), (), (), max(0.0, timeout_s))[0]
