"""What a deployment configures of notices: what is told, by which channel, when not, and who knows the addresses."""

import re
from collections.abc import Mapping
from string import Formatter
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from feeds.credentials import Credential
from feeds.notifications.kinds import BASES, TIMED, Basis, Kind

MAIL: Final = "email"
"""The channel that goes by SMTP. All others go by Apprise."""

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Url = Annotated[str, Meta(min_length=1, max_length=2_000)]
Path = Annotated[str, Meta(min_length=1, max_length=4_096)]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="HH:MM, local time")]
Hours = Annotated[float, Meta(gt=0, le=720)]
TimeoutS = Annotated[float, Meta(gt=0, le=60)]
_ADDRESS: Final = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Requests are signed as those to Croupier are: `X-Api-Key`, `X-Request-Timestamp`, `X-Request-Sign`.

    The signature is the HMAC-SHA256, in hex, of timestamp, method, path and two empty parts (there is neither an
    idempotency key nor a body), joined by line feeds: `1764000000\\nGET\\n/players/p1/contact\\n\\n`.
    """

    key_id: Annotated[str, Meta(min_length=1, max_length=128)]
    secret: Credential


class AskedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A service that is asked over HTTP. `url` is its base, to which the path is added; proof is one of the two."""

    url: Url
    bearer: Credential | None = None
    signature: Signature | None = None
    timeout_s: TimeoutS = 3.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url must begin with https:// or http:// and name a host")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("url must have neither a user name, nor a part after ? or #")
        if self.bearer is not None and self.signature is not None:
            raise ValueError("must name at most one of bearer and signature")


class MailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The SMTP server that takes mail for players, and the address that the mail comes from."""

    host: Annotated[str, Meta(min_length=1, max_length=255)]
    sender: Annotated[str, Meta(max_length=254)]
    """For example `no-reply@casino.example`."""
    sender_name: Annotated[str, Meta(max_length=128)] = ""
    port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """`starttls`: begins plain, and is refused if the server can't switch. `none`: only for a network of your own."""
    ca_file: Path | None = None
    """Certificates that are trusted instead of the system's."""
    user: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    password: Credential | None = None
    connections: Annotated[int, Meta(ge=1, le=32)] = 4
    timeout_s: TimeoutS = 15.0
    """How long each answer of the server may take."""

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.sender) or not self.sender.isascii():
            raise ValueError("sender must be a mail address, like no-reply@casino.example")
        if any(char in "\r\n" for char in self.sender_name):
            raise ValueError("sender_name must be one line")
        if (self.user is None) != (self.password is None):
            raise ValueError("must name both user and password, or neither")


class ChannelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A channel by Apprise. The secret is an Apprise URL with `{to}` where the player's address goes.

    Examples: `twilio://SID:TOKEN@+15550100/{to}`, `fcm://PROJECT@APIKEY/{to}`, `jsons://sms.example/send?:to={to}`.
    """

    url: Credential
    timeout_s: TimeoutS = 15.0
    """After so long an attempt counts as failed; its thread stays busy until the library gives up."""
    threads: Annotated[int, Meta(ge=1, le=32)] = 4


class CategorySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Notices that are limited together. `basis`: whether they need the player's consent to marketing."""

    basis: Basis
    per_day_max: Annotated[int, Meta(ge=1, le=1_000)] = 3
    """How many one player gets in a day of the player's time zone, over all channels. More are dropped."""
    quiet: bool = True
    """Whether they wait for the end of the quiet hours."""


class KindSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one kind of notice is told."""

    channels: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=8)]
    category: Name | None = None
    """By default the category called as the kind is by nature: `service` or `marketing`."""
    stale_h: Hours = 24.0
    """So long after it was due it is dropped instead of sent."""
    before_h: Hours = 48.0
    """For `bonus_expiring` and `points_expiring`: how long before."""


class QuietHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When players are left alone, by the clock where they are; it may go over midnight."""

    begin: TimeOfDay = "22:00"
    end: TimeOfDay = "08:00"


class Unsubscribing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a mail's reader, or the mail program by one POST (RFC 8058), takes back the consent.

    `url` begins with https:// and holds `{player}` and `{token}`, and may hold `{channel}` and `{category}`. The token
    is the HMAC-SHA256, in hex, of `player`, `channel` and `category` joined by line feeds, under `key`: compare it.
    """

    url: Url
    key: Credential

    def __post_init__(self) -> None:
        try:
            parsed = [each for each in Formatter().parse(self.url) if each[1] is not None]
        except ValueError as problem:
            raise ValueError(f"url can't be filled in: {problem}") from None
        fields = {field or "" for _, field, _, _ in parsed}
        if any(form or conversion for _, _, form, conversion in parsed):
            raise ValueError("url must hold plain fields, like {player}")
        if not {"player", "token"} <= fields or not fields <= {"player", "token", "channel", "category"}:
            raise ValueError("url must hold {player} and {token}, and beside them only {channel} and {category}")
        if not self.url.startswith("https://"):
            raise ValueError("url must begin with https://")


CATEGORIES: Final[Mapping[str, CategorySettings]] = {
    "service": CategorySettings("service", per_day_max=20, quiet=False),
    "marketing": CategorySettings("marketing"),
}


class NoticesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Notices to players: only the `kinds` named are sent."""

    pam: AskedSettings
    """Answers `GET /players/{id}/contact` with language, time zone, addresses, consents and blocks."""
    product: Annotated[str, Meta(min_length=1, max_length=64)]
    """The product whose consents count."""
    kinds: Annotated[dict[Kind, KindSettings], Meta(min_length=1)]
    catalog: Path | None = None
    """The folder of the catalog, whose `locales` hold the texts. Changed files are read again."""
    store: Credential | None = None
    """Instead of `catalog`: where the URL of Croupier's store is. The texts are those of the catalog in force."""
    mail: MailSettings | None = None
    channels: Annotated[dict[Name, ChannelSettings], Meta(max_length=8)] = {}
    engine: AskedSettings | None = None
    """A gateway of this Croupier, for `points_expiring`: `GET /loyalty/{id}` tells whether it still holds."""
    categories: Annotated[dict[Name, CategorySettings], Meta(max_length=16)] = {}
    """More than `service` and `marketing`, or these with other limits."""
    quiet_hours: QuietHours = QuietHours()
    time_zone: Annotated[str, Meta(max_length=64)] = "UTC"
    """Of players of whom the platform names none."""
    unsubscribe: Unsubscribing | None = None
    """Needed for mail of categories whose basis is marketing."""
    waiting_max: Annotated[int, Meta(ge=100, le=60_000)] = 20_000
    """How many notices may wait to be sent. When as many wait, the reader stops until there is room."""
    timers_max: Annotated[int, Meta(ge=0, le=100_000)] = 100_000
    """How many bonuses are watched for their end. More are not told of (`no_room`)."""
    points_players_max: Annotated[int, Meta(ge=0, le=1_000_000)] = 200_000
    """How many players' points are watched, at about 300 bytes of memory for each. Others are not told of."""
    currencies: Annotated[dict[str, Annotated[int, Meta(ge=0, le=4)]], Meta(max_length=200)] = {}
    """Digits behind the point, of currencies where that is not as in ISO 4217."""

    def __post_init__(self) -> None:
        _check_zone(self.time_zone)
        if (self.catalog is None) == (self.store is None):
            raise ValueError("must name either catalog or store")
        if MAIL in self.channels:
            raise ValueError(f"channels: {MAIL} is the section mail")
        for name, kind in self.kinds.items():
            self._check_kind(name, kind)

    def category_of(self, kind: Kind) -> str:
        """The name of the kind's category."""
        return self.kinds[kind].category or BASES[kind]

    def category(self, name: str) -> CategorySettings:
        """A category's settings."""
        return self.categories.get(name) or CATEGORIES[name]

    def _check_kind(self, name: Kind, kind: KindSettings) -> None:
        known = {*self.channels, *((MAIL,) if self.mail else ())}
        for channel in kind.channels:
            if channel not in known:
                raise ValueError(f"kinds: {name} goes by {channel}, but there is no such channel")
        if len(set(kind.channels)) < len(kind.channels):
            raise ValueError(f"kinds: {name} names a channel twice")
        category = self.category_of(name)
        if category not in self.categories and category not in CATEGORIES:
            raise ValueError(f"kinds: {name} is of category {category}, but there is no such category")
        if MAIL in kind.channels and self.category(category).basis == "marketing" and self.unsubscribe is None:
            raise ValueError(f"kinds: {name} is marketing by mail, which needs the section unsubscribe")
        if name == "points_expiring" and self.engine is None:
            raise ValueError("kinds: points_expiring needs the section engine")

    def before_ms(self, kind: Kind) -> int | None:
        """How long before the end a timed kind is told (ms); None: it isn't."""
        found = self.kinds.get(kind)
        return None if found is None or kind not in TIMED else round(found.before_h * 3_600_000)


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"time_zone: there is no {name!r}; write it like Europe/Berlin") from None
