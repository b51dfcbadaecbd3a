"""Times and numbers in queries, as people type them."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import AfterValidator

from engine.calendar import within_time

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def unix_ms_of(text: str | None) -> int | None:
    """As `unix_ms`; None stays None."""
    return None if text is None else unix_ms(text)


def unix_ms(text: str) -> int:
    """Unix ms of an RFC 3339 time, or of the first instant of a day, UTC. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a day like 2026-01-31, or a time like 2026-01-31T08:00:00Z") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return within_time(max(0, int((moment - _EPOCH).total_seconds() * 1_000)))


def _checked(text: str | None) -> str | None:
    if text is not None:
        unix_ms(text)
    return text


def day(text: str | None) -> str | None:
    """A day of the calendar, as it was typed. Raises ValueError."""
    if text is not None:
        try:
            if date.fromisoformat(text).isoformat() != text:
                raise ValueError
        except ValueError:
            raise ValueError("must be a day like 2026-01-31") from None
    return text


def digits(value: object) -> object:
    """A number as its digits, and in no other way."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) <= 15):
        raise ValueError("must be an integer, in digits only")
    return value


_FORMATS: Final[dict[str, Any]] = {
    "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}, {"type": "null"}]
}
Moment = Annotated[str | None, Query(max_length=40, json_schema_extra=_FORMATS), AfterValidator(_checked)]
