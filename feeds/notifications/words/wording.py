"""One notice in the player's words: names instead of ids, money and times as they are written where the player is."""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec

from feeds.notifications.asking.contacts import Contact
from feeds.notifications.owed import Owed
from feeds.notifications.settings import Unsubscribing
from feeds.notifications.words.templates import DATE, FORMATS, POINT, Part, notice_key, rendered
from feeds.notifications.words.texts import Texts, parts_of

_NO_DIGITS: Final = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF")
)
_THREE_DIGITS: Final = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))


class Wording(msgspec.Struct, frozen=True):
    """What a channel sends. `html` is "" if there is none; `subject` may be "" for channels other than mail."""

    subject: str
    text: str
    html: str = ""
    unsubscribe_url: str = ""


def wording(
    owed: Owed, contact: Contact, where: ZoneInfo, texts: Texts, exponents: Mapping[str, int], unsubscribe_url: str
) -> Wording:
    """Raises TemplateUnsound if the texts have become unusable."""
    first = notice_key(owed.kind, parts_of(owed.channel)[0])
    language = texts.language_of(contact.language, first)
    values = _shown(owed, contact, where, texts, language, exponents)
    values["unsubscribe_url"] = unsubscribe_url

    def part(name: Part) -> str:
        template = texts.template(language, notice_key(owed.kind, name))
        return "" if template is None else rendered(template, values)

    if parts_of(owed.channel) == ("short",):
        return Wording(" ".join(part("subject").split()), part("short"))
    return Wording(" ".join(part("subject").split()), part("text"), part("html"), unsubscribe_url)


def _shown(
    owed: Owed, contact: Contact, where: ZoneInfo, texts: Texts, language: str, exponents: Mapping[str, int]
) -> dict[str, str]:
    shown = {name: str(value) for name, value in owed.values.items()}
    shown["player_id"] = owed.player_id
    currency = shown.pop("currency", "") or contact.currency
    for name, value in owed.values.items():
        if name == "amount":
            shown[name] = money(int(value), currency, exponents, texts.text(language, POINT, FORMATS[POINT]))
        elif name == "expires":
            written = texts.text(language, DATE, FORMATS[DATE])
            shown[name] = datetime.fromtimestamp(int(value) / 1_000, UTC).astimezone(where).strftime(written)
        elif name in ("level", "old_level"):
            shown[name] = texts.text(language, f"level.{value}.name", str(value))
        elif name == "campaign":
            shown[name] = texts.text(language, f"campaign.{value}.name", str(value))
    return shown


def money(minor: int, currency: str, exponents: Mapping[str, int], point: str) -> str:
    """Minor units as they are read: 1000 of EUR is `10.00 EUR`, of JPY `1000 JPY`."""
    digits = exponents.get(currency, 0 if currency in _NO_DIGITS else 3 if currency in _THREE_DIGITS else 2)
    whole, rest = divmod(abs(minor), 10**digits)
    sign = "-" if minor < 0 else ""
    number = f"{sign}{whole}{point}{rest:0{digits}d}" if digits else f"{sign}{whole}"
    return f"{number} {currency}".rstrip()


def unsubscribe_url(settings: Unsubscribing, key: str, owed: Owed) -> str:
    """The player's own address to take back the consent. Nobody can make that of another player."""
    parts = {"player": owed.player_id, "channel": owed.channel, "category": owed.category}
    token = hmac.new(key.encode(), "\n".join(parts.values()).encode(), "sha256").hexdigest()
    return settings.url.format(token=token, **{name: quote(value, safe="") for name, value in parts.items()})
