"""When a grant, package, campaign, redemption or round is over: the one place that compares its date with a time.

A date is the first instant at which it is over: `valid_from` ≤ t < `valid_to` (rules §4, §5, §6). That a date has come
changes nothing yet: what follows from it is told by `engine.workflow.consequences`, and when by `engine.due`.
"""

from msgspec.structs import replace

from engine.calendar import end_of
from engine.catalog import Campaign
from engine.state import FreeSpinPackage, Grant, OpenRound, Redemption


def is_over(dated: Grant | FreeSpinPackage | Campaign, time_ms: int) -> bool:
    """Whether its `valid_to` has come at `time_ms` (Unix ms). One that has not begun is not over.

    For a grant that is still `initiated` this is its lapse (rules §4).
    """
    return time_ms >= dated.valid_to_ms


def is_running(dated: FreeSpinPackage | Campaign, time_ms: int) -> bool:
    """Whether it has begun at `time_ms` (Unix ms) and is not over (rules §5, §6)."""
    return dated.valid_from_ms <= time_ms < dated.valid_to_ms


def grant_ends_ms(granted_ms: int, lives_ms: int | None, campaign_valid_to_ms: int) -> int:
    """The `valid_to` (Unix ms) of what is granted at `granted_ms`: after `lives_ms`, or if None with its campaign."""
    return campaign_valid_to_ms if lives_ms is None else end_of(granted_ms, lives_ms)


def begun(package: FreeSpinPackage, time_ms: int) -> FreeSpinPackage:
    """The package as it is handed out at `time_ms` (Unix ms); until then its dates count from 0 (rules §5)."""
    return replace(package, valid_from_ms=time_ms, valid_to_ms=end_of(time_ms, package.valid_to_ms))


def has_lapsed(redemption: Redemption, time_ms: int) -> bool:
    """Whether it is too late at `time_ms` (Unix ms) to confirm the redemption (rules §8)."""
    return time_ms >= redemption.expires_ms


def times_out_ms(round_: OpenRound) -> int | None:
    """When the open round times out (Unix ms), by the time-out fixed when it was opened; None: never (rules §3)."""
    return None if round_.timeout_ms is None else end_of(round_.opened_ms, round_.timeout_ms)


def has_timed_out(round_: OpenRound, time_ms: int) -> bool:
    """Whether the open round has passed its time-out at `time_ms` (Unix ms)."""
    due_ms = times_out_ms(round_)
    return due_ms is not None and time_ms >= due_ms
