"""Many seeds on all cores: which fail, and the shortest history found that still does."""

import gc
import os
import signal
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.simulation import history, reading
from tests.simulation.plan import Plan, planned, shrunk, written
from tests.simulation.planted import OF_READING, named

PAGE = Path(__file__).parents[2] / "docs/simulation.md"
CPU_S_MAX = 60
CHUNK = 20
READING_EVERY = 3
"""In every third seed readers are alone with a journal, too: it takes a third of what a history takes."""


class Failure(NamedTuple):
    """What a seed failed of: the last line of the traceback, and the command that shows it again."""

    seed: int
    why: str
    trace: str
    again: str


class _TooLong(SystemExit):
    """What asyncio lets pass wherever it is raised."""


@contextmanager
def _limited() -> Iterator[None]:
    """Whatever hangs is ended: no history needs so much of a processor. Memory is given back in the end."""

    def too_long(*_: object) -> None:
        raise _TooLong

    former = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, CPU_S_MAX)
    try:
        yield
    except _TooLong:
        raise AssertionError(f"the history is not over after {CPU_S_MAX} s") from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, former)
        gc.collect()


def failure_of(plan: Plan) -> tuple[str, str]:
    """What the history fails of, in a line and as a traceback; empty if it does not."""
    try:
        with _limited():
            history.run(plan)
    except Exception as failure:
        return " ".join(f"{type(failure).__name__}: {failure}".split())[:300], traceback.format_exc()
    return "", ""


def reading_failure_of(seed: int) -> tuple[str, str]:
    """As `failure_of`, for readers alone."""
    try:
        with _limited():
            reading.run(seed)
    except Exception as failure:
        return " ".join(f"{type(failure).__name__}: {failure}".split())[:300], traceback.format_exc()
    return "", ""


def examined(seeds: Sequence[int]) -> list[Failure]:
    """The failures of these seeds, each shortened."""
    found = []
    for seed in seeds:
        why, trace = failure_of(planned(seed))
        if why:
            shorter = shrunk(planned(seed), lambda plan: bool(failure_of(plan)[0]))
            why, trace = failure_of(shorter)
            found.append(Failure(seed, why, trace, f'make simulate SEEDS="{seed}" ONLY="{written(shorter)}"'))
        why, trace = reading_failure_of(seed) if seed % READING_EVERY == 0 else ("", "")
        if why:
            found.append(Failure(seed, why, trace, f'make simulate SEEDS="{seed}"'))
    return found


def search(seeds: Sequence[int], workers: int | None = None) -> Iterator[tuple[Sequence[int], list[Failure]]]:
    """Runs the seeds, on all cores unless `workers` says otherwise; after each part which were run, and what they
    failed of.
    """
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    workers = workers or os.cpu_count() or 1
    running: dict[Future[list[Failure]], Sequence[int]] = {}
    with ProcessPoolExecutor(workers, initializer=gc.freeze) as pool:  # what is imported is never looked through
        while chunks or running:
            while chunks and len(running) < 2 * workers:
                part = chunks.pop(0)
                running[pool.submit(examined, part)] = part
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(done), done.result()


class Found(NamedTuple):
    """After how many seeds a planted bug was found (None: it was not), and by what."""

    name: str
    seeds: int | None
    by: str


def find(name: str, seeds_max: int) -> Found:
    """Plants a bug and runs seeds from 1 on until one fails."""
    for seed in range(1, seeds_max + 1):
        with pytest.MonkeyPatch.context() as patch:
            named(name)(patch)
            why = reading_failure_of(seed)[0] if name in OF_READING else ""
            why = why or failure_of(planned(seed))[0]
        if why:
            return Found(name, seed, why)
    return Found(name, None, "")


def find_all(names: Sequence[str], seeds_max: int) -> Iterator[Found]:
    """On all cores, as they are found."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done in as_completed([pool.submit(find, name, seeds_max) for name in names]):
            yield done.result()
