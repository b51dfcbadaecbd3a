"""Where the Redis server is, as the store's URL says: one address, or the master that a majority of sentinels names.

`redis+sentinel://user:password@host1:26379,host2,host3/NAME/DB`, or `rediss+sentinel://…` with TLS to all of them. User
and password are those of Redis; those of the sentinels are `?sentinel_username=…&sentinel_password=…`.
"""

import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import msgspec
from redis.asyncio.connection import Connection, SSLConnection, parse_url

from snapshots.redis.sentinel import Sentinels

SENTINEL_PORT: Final = 26_379
SENTINEL_SCHEMES: Final = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
WAIT_REPLICAS_MAX: Final = 16


class Endpoint(msgspec.Struct, frozen=True):
    """`settings` are redis-py's, without host and port if there are sentinels. `name` is what the sentinels call the
    master. `wait_replicas`: each append waits until that many replicas have it.
    """

    settings: dict[str, Any]
    sentinels: Sentinels | None = None
    wait_replicas: int = 0

    @property
    def replicas_of_control(self) -> int:
        """How many replicas must have a claim, a slot move or a catalog before it counts: with sentinels at least 1."""
        return max(self.wait_replicas, int(self.sentinels is not None))

    async def address(self) -> tuple[str, int]:
        """Host and port of the server, as they are now. Raises StoreUnavailable if no majority of sentinels agrees."""
        if self.sentinels is not None:
            return await self.sentinels.master()
        return self.settings.get("host", "localhost"), self.settings.get("port", 6379)

    def tls(self) -> ssl.SSLContext | None:
        """What to encrypt the connection with, by the URL's `ssl_…`; None: not at all."""
        return _tls(self.settings)

    def connection_class(self) -> type[Any]:
        """Of the pool: with sentinels, each new connection asks for the master first."""
        base = self.settings.get("connection_class", Connection)
        return base if self.sentinels is None else _mastered(base, self.address)

    def pooled(self) -> dict[str, Any]:
        """Settings of the pool's connections."""
        return {name: value for name, value in self.settings.items() if name != "connection_class"}


def endpoint_of(url: str) -> Endpoint:
    """Reads the URL. ValueError says what is wrong with it, without its secrets."""
    parts = urlsplit(url)
    if parts.scheme in SENTINEL_SCHEMES:
        return _watched(parts)
    settings: dict[str, Any] = dict(parse_url(url))
    return Endpoint(settings, wait_replicas=_wait_replicas(settings))


def _watched(parts: SplitResult) -> Endpoint:
    """The part behind the hosts is read as that of a plain URL."""
    login, _, hosts = parts.netloc.rpartition("@")
    name, _, database = parts.path.strip("/").partition("/")
    if not name or not all(hosts.split(",")):
        raise ValueError("give redis+sentinel://HOST1,HOST2,HOST3/NAME, with NAME as the sentinels call the master")
    netloc = f"{login}@master" if login else "master"
    plain = urlunsplit((SENTINEL_SCHEMES[parts.scheme], netloc, f"/{database}", parts.query, ""))
    settings: dict[str, Any] = dict(parse_url(plain))
    wait_replicas, user = _wait_replicas(settings), settings.pop("sentinel_username", "")
    password = settings.pop("sentinel_password", "")
    sentinels = Sentinels([_host(host) for host in hosts.split(",")], unquote(name), user, password, _tls(settings))
    return Endpoint(settings, sentinels, wait_replicas)


def _wait_replicas(settings: dict[str, Any]) -> int:
    text = settings.pop("wait_replicas", "0")
    if not text.isdecimal() or int(text) > WAIT_REPLICAS_MAX:
        raise ValueError(f"wait_replicas must be a number up to {WAIT_REPLICAS_MAX}")
    return int(text)


def _host(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, SENTINEL_PORT
    if not port.isdecimal():
        raise ValueError("a sentinel's port is not a number")
    return host.strip("[]"), int(port)


def _tls(settings: dict[str, Any]) -> ssl.SSLContext | None:
    if settings.get("connection_class") is not SSLConnection:
        return None
    options = {name: value for name, value in settings.items() if name.startswith("ssl_")}
    return SSLConnection(**options).ssl_context.get()


def _mastered(base: type[Any], address: Callable[[], Awaitable[tuple[str, int]]]) -> type[Any]:
    class MasterConnection(base):  # type: ignore[misc]  # one of redis-py's connections
        """Reaches the master of the moment."""

        async def _connect(self) -> None:
            self.host, self.port = await address()
            await super()._connect()

    return MasterConnection
