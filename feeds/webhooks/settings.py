"""What a deployment configures of webhooks: endpoints by name, what they are told, how they are reached."""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec

from feeds.credentials import Credential
from feeds.public.catalogue import FAMILIES
from snapshots.archive.place import ArchivePlace

READER: Final = "webhooks"
ENDPOINTS_MAX: Final = 32
DEFAULT_EVENTS: Final = ("LevelChanged", "PlayerBlocked", "PlayerUnblocked")
OWED_MAX: Final = 60_000
"""Events that may wait for all endpoints together: each needs up to three notes, and a reader may have 200,000."""
ALONE_MAX: Final = 4
OWED_DEFAULT: Final = 10_000
NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"

Name = Annotated[str, msgspec.Meta(pattern=NAME)]
Mode = Literal["every", "latest"]


class EndpointSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One endpoint of the platform, to which events are posted.

    `url`: where to; https, unless `allow_http`.
    `events`: names of public events, like `BetPlaced`; by default changes of level and status.
    `mode`: `every` event in its order, or after an outage only the `latest` state of a player, with `superseded`: how
    many events before it were left out. By default `latest` if `events` are changes of level and status only.
    `secrets`: where the signing secrets are, 1 to 4: `whsec_…` signs by HMAC-SHA256 (v1), `whsk_…` by Ed25519 (v1a).
    Each request is signed with all of them: during a rotation the old and the new one are both here.
    `allow_http`: http urls are possible. Only for a network of your own.
    `networks`: private networks that the endpoint may be in, like `10.20.0.0/16`; public addresses are always possible.
    `timeout_ms`: how long one attempt may take, with connecting and the answer.
    `connections`: how many attempts run at the same time.
    `begin`: what a new endpoint gets: events from `now` on, or the `oldest` that the reader still reads.
    `owed_max`: how many events may wait for this endpoint; by default 10,000, or less if there are many endpoints. When
    as many wait, the reader stops until there is room; the journal and the archive keep what follows.
    `alone`: the endpoint has a reader of its own, a process, so that no other endpoint ever waits for it. At most 4.
    An endpoint that gets or loses its own reader begins there like a new one: change it when nothing is owed.
    """

    url: Annotated[str, msgspec.Meta(max_length=2_000)]
    secrets: Annotated[tuple[Credential, ...], msgspec.Meta(min_length=1, max_length=4)]
    events: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=100)] = DEFAULT_EVENTS
    mode: Mode | None = None
    allow_http: bool = False
    networks: Annotated[tuple[str, ...], msgspec.Meta(max_length=32)] = ()
    timeout_ms: Annotated[int, msgspec.Meta(ge=100, le=30_000)] = 15_000
    connections: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8
    begin: Literal["now", "oldest"] = "now"
    owed_max: Annotated[int, msgspec.Meta(ge=100, le=OWED_MAX)] | None = None
    alone: bool = False

    def __post_init__(self) -> None:
        _check_url(self.url, self.allow_http)
        _check_events(self.events)
        for network in self.networks:
            _check_network(network)

    @property
    def delivers(self) -> Mode:
        """The mode that holds."""
        return self.mode or ("latest" if set(self.events) <= set(DEFAULT_EVENTS) else "every")


class WebhooksSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`endpoints` by the names that commands, metrics and logs call them.

    `archive`: where events that are to be replayed are looked up. Without it only those that were given up can be.
    """

    endpoints: Annotated[dict[Name, EndpointSettings], msgspec.Meta(max_length=ENDPOINTS_MAX)]
    archive: ArchivePlace | None = None

    def __post_init__(self) -> None:
        if sum(endpoint.alone for endpoint in self.endpoints.values()) > ALONE_MAX:
            raise ValueError(f"at most {ALONE_MAX} endpoints can be alone: each costs a process")
        given = [endpoint.owed_max for endpoint in self.endpoints.values() if endpoint.owed_max is not None]
        if sum(given) + 100 * (len(self.endpoints) - len(given)) > OWED_MAX:
            raise ValueError(f"owed_max of all endpoints together must be at most {OWED_MAX}")

    def by_reader(self) -> "Mapping[str, WebhooksSettings]":
        """The settings of each reader, by its name: `webhooks`, and `webhooks-<endpoint>` for those that are alone."""
        shared = {name: endpoint for name, endpoint in self.endpoints.items() if not endpoint.alone}
        found = {READER: msgspec.structs.replace(self, endpoints=shared)} if shared else {}
        for name, endpoint in self.endpoints.items():
            if endpoint.alone:
                found[f"{READER}-{name}"] = msgspec.structs.replace(self, endpoints={name: endpoint})
        return found

    def owed_max(self, name: str) -> int:
        """How many events may wait for the endpoint: as it says, or its share of what others leave."""
        own = self.endpoints[name].owed_max
        if own is not None:
            return own
        given = [endpoint.owed_max for endpoint in self.endpoints.values() if endpoint.owed_max is not None]
        return min(OWED_DEFAULT, (OWED_MAX - sum(given)) // (len(self.endpoints) - len(given)))


def _check_url(url: str, allow_http: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("url must begin with https:// and name a host")
    if parts.scheme == "http" and not allow_http:
        raise ValueError("url must begin with https://, or allow_http must be true")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url must not hold a user name or password: requests are proved by their signatures")
    if parts.fragment:
        raise ValueError("url must not have a part after #: it would not be sent")
    if not 0 < (parts.port or 443) < 65_536:
        raise ValueError("the port of url must be from 1 to 65535")


def _check_events(events: tuple[str, ...]) -> None:
    unknown = [name for name in events if name not in FAMILIES]
    if unknown:
        raise ValueError(f"events: there is no {unknown[0][:64]!r}; there are {', '.join(sorted(FAMILIES))}")
    if len(set(events)) < len(events):
        raise ValueError("events must not name one twice")


def _check_network(network: str) -> None:
    try:
        ip_network(network)
    except ValueError as problem:
        raise ValueError(f"networks: {problem}") from None
