"""Which server the sentinels call the master: all are asked at once, and a majority of all must agree.

One sentinel alone may be cut off and know an old master. Who uses the address still asks the server for its role:
a majority may be a moment behind, too.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Sequence
from typing import Final

import hiredis

from snapshots.errors import StoreUnavailable

ASK_TIMEOUT_S: Final = 0.5
READ_BYTES: Final = 4_096
HostPort = tuple[str, int]


class Sentinels:
    """The sentinels of one master. `user` and `password` are their own; empty: they ask for none."""

    def __init__(
        self,
        hosts: Sequence[HostPort],
        name: str,
        user: str = "",
        password: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.hosts, self.name = tuple(hosts), name
        self._user, self._password, self._tls = user, password, tls

    async def master(self) -> HostPort:
        """The address that more than half of all sentinels name. Raises StoreUnavailable if there is none."""
        needed = len(self.hosts) // 2 + 1
        asked = [asyncio.ensure_future(self._ask(*host)) for host in self.hosts]
        found: Counter[HostPort] = Counter()
        try:
            for answer in asyncio.as_completed(asked):
                address = await answer
                if address is not None:
                    found[address] += 1
                    if found[address] >= needed:
                        return address
        finally:
            for task in asked:
                task.cancel()
        raise StoreUnavailable(
            f"Redis: of {len(self.hosts)} sentinels no {needed} agree on the master of {self.name!r}"
        )

    async def _ask(self, host: str, port: int) -> HostPort | None:
        """What one sentinel says; None if it says nothing of use in time."""
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(host, port, ssl=self._tls)
                try:
                    return _address(await self._answer(reader, writer))
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError, hiredis.HiredisError):
            return None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> object:
        """The answer to the last command; those before it log in."""
        commands: list[tuple[str, ...]] = [("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name)]
        if self._password:
            commands.insert(0, ("AUTH", *([self._user] if self._user else []), self._password))
        for command in commands:
            writer.write(hiredis.pack_command(command))  # type: ignore[arg-type]  # its stub wants one-tuples
        replies, left, answer = hiredis.Reader(), len(commands), None
        while left:
            data = await reader.read(READ_BYTES)
            if not data:
                return None
            replies.feed(data)
            while left and (reply := replies.gets()) is not False:
                answer, left = reply, left - 1
        return answer


def _address(answer: object) -> HostPort | None:
    """Of a sentinel's answer; None if it knows no such master, or refuses."""
    if not isinstance(answer, list) or len(answer) != 2:
        return None
    host, port = answer
    return bytes(host).decode(), int(port)
