"""What a soak has sampled, as it can be kept in a file and judged again (`--samples`, `--judge`)."""

from pathlib import Path

import msgspec


class Sample(msgspec.Struct, array_like=True):
    """One process at one moment. `at_s`: seconds since the play began; memory in KiB.

    `rss_kb`: pages in memory; `pss_kb`: each page that others share counts by its share; `anon_kb`: pages of no file.
    """

    at_s: float
    rss_kb: int
    pss_kb: int
    anon_kb: int
    descriptors: int
    threads: int


class Watched(msgspec.Struct):
    """One process with its samples, oldest first."""

    pid: int
    name: str
    samples: list[Sample] = []


class StoreSample(msgspec.Struct, array_like=True):
    """Redis as it tells of itself: bytes it uses, records of the journal it holds, and players registered by then."""

    at_s: float
    used_bytes: int
    records: int
    players: int


class PlaySample(msgspec.Struct, array_like=True):
    """Since the sample before: seconds, spins, repeats of a request (refused or not answered), latencies in µs."""

    at_s: float
    seconds: float
    spins: int
    retries: int
    p50_us: int
    p99_us: int
    max_us: int


class Books(msgspec.Struct):
    """What the players' own books say of the whole run."""

    players: int = 0
    came_again: int = 0
    spins: int = 0
    lost: int = 0
    doubled: int = 0
    differences: list[str] = []


class Soak(msgspec.Struct):
    """One run. `lasted_s` counts from the first spin, `warm_up_s` are the first of these."""

    date: str
    machine: dict[str, str]
    lasted_s: float
    warm_up_s: float
    settings: dict[str, int]
    processes: list[Watched] = []
    store: list[StoreSample] = []
    play: list[PlaySample] = []
    books: Books = msgspec.field(default_factory=Books)


def write(found: Soak, path: Path) -> None:
    """As JSON."""
    path.write_bytes(msgspec.json.encode(found))


def read(path: Path) -> Soak:
    """Raises OSError, msgspec.ValidationError."""
    return msgspec.json.decode(path.read_bytes(), type=Soak)
