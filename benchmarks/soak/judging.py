"""Whether a process stayed flat: medians of fifths, and a line through all samples. Pure."""

import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from benchmarks.soak.found import Sample, Soak, Watched

GROWTH_MAX: Final = 0.05
FIFTHS: Final = 5
SAMPLES_MIN: Final = 10
STORE: Final = "redis"
"""Not judged: whoever has registered stays in it."""


class Judged(NamedTuple):
    """One process after the warm-up. Memory is what lies in it (RSS), in KiB; shares are of the first fifth.

    `grown`: the highest median of a later fifth, against the first. `slope`: what the line of least squares gains from
    the first sample to the last. A process that shrinks has a negative figure, and is flat.
    """

    name: str
    pid: int
    first_kb: float
    last_kb: float
    pss_kb: float
    anonymous_grown_kb: float
    grown: float
    slope: float
    descriptors: tuple[int, int]
    threads: tuple[int, int]

    @property
    def flat(self) -> bool:
        """Whether neither is above the limit."""
        return self.grown <= GROWTH_MAX and self.slope <= GROWTH_MAX


def after_warm_up(watched: Watched, warm_up_s: float) -> list[Sample]:
    """The samples that count."""
    return [sample for sample in watched.samples if sample.at_s >= warm_up_s]


def lasting(found: Soak) -> list[Watched]:
    """Processes that were there when the warm-up ended."""
    step = _step_s(found)
    return [one for one in found.processes if any(0 <= s.at_s - found.warm_up_s < 2 * step for s in one.samples)]


def judge(found: Soak) -> list[Judged]:
    """Those that were there from the end of the warm-up to the end, in the order in which they began."""
    gone = {id(one) for one in ended(found)}
    return [_judged(one, found.warm_up_s) for one in lasting(found) if id(one) not in gone and one.name != STORE]


def ended(found: Soak) -> list[Watched]:
    """Those that were there after the warm-up and not at the end."""
    last = found.lasted_s - 3 * _step_s(found)
    return [one for one in lasting(found) if one.samples[-1].at_s < last]


def passing(found: Soak) -> list[Watched]:
    """Those that came later, such as a child of Redis that rewrites the append-only file."""
    known = {id(one) for one in lasting(found)}
    return [one for one in found.processes if id(one) not in known and one.samples[-1].at_s >= found.warm_up_s]


def failures(found: Soak) -> list[str]:
    """Why the run has failed, one sentence each; none if it has passed."""
    told = [f"{one.name} ({one.pid}) grew by {max(one.grown, one.slope):.1%}" for one in judge(found) if not one.flat]
    told += [f"{one.name} ({one.pid}) ended" for one in ended(found)]
    books = found.books
    told += [f"{count:,} {what}" for what, count in (("lost", books.lost), ("doubled", books.doubled)) if count]
    retries = sum(one.retries for one in found.play)
    told += [f"{retries:,} requests were refused or not answered"] if retries else []
    return told + books.differences[:5]


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """What the line of least squares gains between the first and the last of (seconds, value)."""
    fitted = statistics.linear_regression(*zip(*samples, strict=True))
    return fitted.slope * (samples[-1][0] - samples[0][0])


def fifths(values: Sequence[float]) -> list[float]:
    """The median of each fifth of the values."""
    bounds = [round(len(values) * part / FIFTHS) for part in range(FIFTHS + 1)]
    return [statistics.median(values[begin:end]) for begin, end in pairwise(bounds)]


def _judged(watched: Watched, warm_up_s: float) -> Judged:
    samples = after_warm_up(watched, warm_up_s)
    if len(samples) < SAMPLES_MIN:
        raise ValueError(f"{len(samples)} samples after the warm-up judge nothing: {SAMPLES_MIN} at least")
    memory = fifths([sample.rss_kb for sample in samples])
    anonymous = fifths([sample.anon_kb for sample in samples])
    descriptors, threads = [one.descriptors for one in samples], [one.threads for one in samples]
    return Judged(
        name=watched.name,
        pid=watched.pid,
        first_kb=memory[0],
        last_kb=memory[-1],
        pss_kb=fifths([sample.pss_kb for sample in samples])[-1],
        anonymous_grown_kb=anonymous[-1] - anonymous[0],
        grown=max(memory[1:]) / memory[0] - 1,
        slope=slope([(sample.at_s, float(sample.rss_kb)) for sample in samples]) / memory[0],
        descriptors=(round(fifths(descriptors)[0]), round(fifths(descriptors)[-1])),
        threads=(round(fifths(threads)[0]), round(fifths(threads)[-1])),
    )


def _step_s(found: Soak) -> float:
    times = [one.at_s for one in found.play]
    return max((after - before for before, after in pairwise(times)), default=1.0)
