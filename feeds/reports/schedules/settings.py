"""The section `reports` of integrations.yaml: which report goes where, and when."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from feeds.notifications.settings import MailSettings, Path
from snapshots.archive.place import ArchivePlace

PeriodKind = Literal["previous_day", "previous_week", "previous_month"]
Format = Literal["pdf", "csv", "json"]
Name = Annotated[
    str,
    Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$", description="a name of small letters, digits and hyphens"),
]
MailAddress = Annotated[
    str, Meta(pattern=r"^[^@\s,;<>\"]+@[^@\s,;<>\"]+$", max_length=254, description="a mail address")
]


class ScheduleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One report that is delivered by itself, once for each period. It goes to `place`, or as mail to `mail`."""

    report: Name
    cron: Annotated[str, Meta(min_length=9, max_length=200)]
    """When: minute, hour, day of the month, month, day of the week. `30 6 * * *` is half past six each morning."""
    period: PeriodKind
    """What the report covers. Weeks begin on Monday."""
    format: Format = "pdf"
    time_zone: Annotated[str, Meta(max_length=64)] = "UTC"
    """Of `cron`, and of the days, weeks and months; for example Europe/Berlin."""
    parameters: Annotated[dict[str, str], Meta(max_length=8)] = {}
    place: ArchivePlace | None = None
    """A folder, or `s3://BUCKET/PREFIX`. Nothing there is ever written over."""
    mail: Annotated[tuple[MailAddress, ...], Meta(max_length=16)] = ()
    seal_wait_minutes: Annotated[int, Meta(ge=0, le=1_440)] = 60
    """How long a report waits for the archive to cover its period. Then it is delivered as provisional, and once more
    when the archive does.
    """

    def __post_init__(self) -> None:
        check_cron(self.cron)
        check_time_zone(self.time_zone)
        if (self.place is None) == (not self.mail):
            raise ValueError("place: name either place or mail, where the report goes")


class ReportsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reports that are delivered by themselves. They need the archive."""

    schedules: Annotated[dict[Name, ScheduleSettings], Meta(max_length=64)] = {}
    """By name. The name is what is remembered: a new name begins anew, from now on."""
    mail: MailSettings | None = None
    """The SMTP server, for schedules that go to mailboxes."""
    definitions: Path | None = None
    """A folder with reports of your own, beside those that come with Croupier."""

    def __post_init__(self) -> None:
        without = sorted(name for name, each in self.schedules.items() if each.mail)
        if without and self.mail is None:
            raise ValueError(f"mail: the schedule {without[0]} goes to mailboxes, but no SMTP server is named")


class ScheduledArchive(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive's process is told if there are schedules: how its sink is made, and what is kept beside it.

    The alert limits are the archive's own, at the place where the process looks for them.
    """

    alert_after_minutes: int
    alert_after_bytes: int
    sink_factory: str
    sink_settings: str
    reports: ReportsSettings
    store: str
    integrations: str | None = None


def check_cron(expression: str) -> None:
    """Raises ValueError in words if it is none, or names a time that never comes."""
    try:
        from cronsim import CronSim, CronSimError
    except ImportError as missing:
        raise ValueError("cron: schedules need the extra `reports`: pip install 'croupier[reports]'") from missing
    if len(expression.split()) != 5:
        raise ValueError("cron must have five fields: minute, hour, day of the month, month, day of the week")
    try:
        next(CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC)))
    except CronSimError as problem:
        raise ValueError(f"cron is not to be understood: {problem}") from problem
    except (StopIteration, RuntimeError) as never:
        raise ValueError("cron names a time that never comes") from never


def check_time_zone(name: str) -> None:
    """Raises ValueError in words if there is no such time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as problem:
        raise ValueError(f"time_zone: there is no {name!r}; write it like Europe/Berlin") from problem
