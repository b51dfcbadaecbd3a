"""An address whose server can be exchanged, as a virtual address or a DNS name is at a failover."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class TcpSwitch:
    """Passes bytes on to `target` (a port on 127.0.0.1). `turn` drops every connection and takes another target."""

    def __init__(self, target: int) -> None:
        self.target, self.port = target, 0
        self._writers: set[asyncio.StreamWriter] = set()

    def turn(self, target: int) -> None:
        self.target = target
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with suppress(OSError):
                upstream, out = await asyncio.open_connection("127.0.0.1", self.target)
                self._writers.add(out)
                await asyncio.gather(self._copy(reader, out), self._copy(upstream, writer))
        finally:
            writer.close()

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        sink.close()
        self._writers.discard(sink)


@asynccontextmanager
async def switched(target: int) -> AsyncIterator[TcpSwitch]:
    """A switch that listens on `port` of 127.0.0.1."""
    switch = TcpSwitch(target)
    server = await asyncio.start_server(switch.serve, "127.0.0.1", 0)
    switch.port = server.sockets[0].getsockname()[1]
    try:
        yield switch
    finally:
        server.close()
        switch.turn(target)
