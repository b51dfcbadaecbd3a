"""Where a process listens for channels: a unix socket in a folder of its own, and TCP; both behind the secret."""

import asyncio

from actors.host.processes import host_id
from actors.wire.connection import Connection, Handler
from actors.wire.socket_folder import SocketFolder
from snapshots.contract import Address


class Listener:
    """Open sockets and their connections, until `close`."""

    def __init__(self, secret: str, handler: Handler, connections_max: int) -> None:
        self._secret, self._handler, self._limit = secret.encode(), handler, connections_max
        self._servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._folder: SocketFolder | None = None
        self._closed = False

    def _connection(self) -> Connection:
        return Connection(self._secret, self._handler, self._connections, self._has_room)

    def _has_room(self) -> bool:
        """A connection that was accepted just before `close` is made after it: it must not be forgotten open."""
        return not self._closed and len(self._connections) < self._limit

    async def open(self, bind_host: str, name: str, metrics_port: int = 0) -> Address:
        """Listens; answers where. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._folder, self._closed = SocketFolder(), False
        path = self._folder.path / f"{name}.sock"
        self._servers.append(await loop.create_unix_server(self._connection, str(path)))
        path.chmod(0o600)
        tcp_server = await loop.create_server(self._connection, bind_host, 0)
        self._servers.append(tcp_server)
        port = tcp_server.sockets[0].getsockname()[1]
        return Address(bind_host, port, str(path), host_id(), metrics_port)

    def close(self) -> None:
        """Sends what is queued and hangs up on everybody."""
        self._closed = True
        for server in self._servers:  # one of the two, if it was cancelled while it opened them
            server.close()
        self._servers.clear()
        for connection in list(self._connections):
            connection.close()
        if self._folder is not None:
            self._folder.close()
