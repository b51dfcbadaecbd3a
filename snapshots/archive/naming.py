"""Names of the archive's objects, by day and number."""

from datetime import UTC, datetime

SEGMENTS = "segments"
INDEX = "index"
FOLDS = "folds"


def day_of(time_ms: int) -> str:
    """The UTC day as a path: `2026/11/28`."""
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y/%m/%d")


def segment_name(day: str, number: int) -> str:
    """Where segment `number`, which was cut on `day`, lies."""
    return f"{SEGMENTS}/{day}/{number:012d}.msgpack.zst"


def index_name(day: str, number: int) -> str:
    """Where its index lies."""
    return f"{INDEX}/{day}/{number:012d}.index"


def number_of(name: str) -> int:
    """The number in an object's name."""
    return int(name.rpartition("/")[2].partition(".")[0])
