"""Settings of the gateway: frozen, read once by the composition root and passed in."""

from ipaddress import ip_address
from typing import Literal

import msgspec

AuthMode = Literal["open", "hmac"]


class GatewaySettings(msgspec.Struct, frozen=True):
    """Limits carry their unit last in the name. `port` 0 picks a free one."""

    host: str = "127.0.0.1"
    port: int = 8080
    auth: AuthMode = "open"
    body_bytes_max: int = 65_536
    catalog_bytes_max: int = 4_194_304
    """Bytes of a catalog that is checked or deployed."""
    in_flight_max: int = 4_096
    """Spins waiting for their player; one more is refused as `overloaded`."""
    connections_max: int = 4_096
    """Connections of callers, streams included; one more is refused as `overloaded`."""
    bundles_max: int = 16
    """Requests with catalogs that are being received or answered; one more is refused as `overloaded`."""
    timestamp_skew_s: int = 300
    """How far `X-Request-Timestamp` may be from this host's clock."""
    keep_alive_s: int = 75
    shutdown_timeout_s: int = 10
    """How long requests under way may take to finish after SIGTERM."""
    streams_max: int = 256
    """Connections to `/spin/stream`; one more is refused as `overloaded`."""
    stream_in_flight_max: int = 256
    """Requests of one stream under way; no further message of it is read meanwhile."""
    stream_message_bytes_max: int = 65_536
    stream_ping_s: int = 20
    """How often a stream is asked for a sign of life, and how long it may take."""
    sandbox: bool = False
    """Whether the clock can be moved. If not, the route for it does not exist (rules §10)."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def bind_allowed(host: str, auth: AuthMode) -> bool:
    """`auth: open` skips every proof, so it is allowed on loopback only."""
    return auth == "hmac" or is_loopback(host)
