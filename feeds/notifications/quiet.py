"""Hours and days where the player is: quiet hours that end at a local time, whatever the clocks do that night."""

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from feeds.notifications.settings import QuietHours


@lru_cache(maxsize=512)
def zone(name: str, otherwise: str) -> ZoneInfo:
    """The time zone called `name`, or `otherwise` if there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return ZoneInfo(otherwise)


def local(now_ms: int, where: ZoneInfo) -> datetime:
    """The player's date and time."""
    return datetime.fromtimestamp(now_ms / 1_000, UTC).astimezone(where)


def quiet_until_ms(now_ms: int, where: ZoneInfo, hours: QuietHours) -> int | None:
    """When the quiet hours end that hold now (Unix ms); None: none hold."""
    begin, end = time.fromisoformat(hours.begin), time.fromisoformat(hours.end)
    here = local(now_ms, where)
    now = here.time()
    holds = begin <= now < end if begin <= end else now >= begin or now < end
    if not holds:
        return None
    day = here.date() if now < end else here.date() + timedelta(days=1)
    ends = [datetime.combine(day, end.replace(fold=fold), where).timestamp() * 1_000 for fold in (0, 1)]
    return next((round(at) for at in ends if at > now_ms), now_ms + 60_000)
