"""What is due: the moments that cron names in a time zone, and the calendar period that each is about.

Days are those of the time zone: the day on which clocks change has 23 or 25 hours, and is one day.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim

from feeds.reports.schedules.settings import PeriodKind, ScheduleSettings

DAY = timedelta(days=1)


class Period(msgspec.Struct, frozen=True):
    """From `from_ms` on, up to and without `to_ms` (Unix ms). `label` names it: 2026-11-27, 2026-W48 or 2026-11."""

    label: str
    from_ms: int
    to_ms: int


class Due(msgspec.Struct, frozen=True):
    """A period whose report is due since `at_ms`."""

    at_ms: int
    period: Period


def dues(schedule: ScheduleSettings, after_ms: int, now_ms: int) -> Iterator[Due]:
    """What became due after the one moment up to and with the other, oldest first, each period once."""
    zone = ZoneInfo(schedule.time_zone)
    told = ""
    for moment in CronSim(wall_clock(schedule.cron), _moment(after_ms, zone)):
        at_ms = _ms(moment)
        if at_ms > now_ms:
            return
        period = period_before(schedule.period, moment.date(), zone)
        if at_ms > after_ms and period.label != told:  # cron may name the repeated hour, which has passed
            told = period.label
            yield Due(at_ms, period)


def wall_clock(cron: str) -> str:
    """The same expression, for hours of the wall clock: those that are skipped in spring are made up for at once.

    Cron takes `*/10 2 * * *` for an interval, and an interval in the hour that is skipped never comes.
    """
    minute, hour, *rest = cron.split()
    if minute.startswith("*") and not hour.startswith("*"):
        minute = f"0-59{minute[1:]}"
    return " ".join((minute, hour, *rest))


def period_before(kind: PeriodKind, day: date, zone: ZoneInfo) -> Period:
    """The whole day, week or month that ended last before or with the beginning of that day."""
    if kind == "previous_day":
        begin, end = day - DAY, day
        label = begin.isoformat()
    elif kind == "previous_week":
        end = day - DAY * day.weekday()
        begin = end - 7 * DAY
        year, week, _ = begin.isocalendar()
        label = f"{year}-W{week:02}"
    else:
        end = day.replace(day=1)
        begin = (end - DAY).replace(day=1)
        label = f"{begin:%Y-%m}"
    return Period(label, _midnight_ms(begin, zone), _midnight_ms(end, zone))


def _midnight_ms(day: date, zone: ZoneInfo) -> int:
    """The day's first instant, also where clocks are put forward at midnight."""
    return _ms(datetime.combine(day, time(), zone))


def _moment(unix_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(unix_ms / 1_000, UTC).astimezone(zone)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)
