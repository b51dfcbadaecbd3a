"""`make simulate` and `make planted`: many histories on all cores. Exit code 1 if a history fails, or a planted bug is
not found.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.simulation.plan import chosen
from tests.simulation.planted import BUGS, named
from tests.simulation.searching import PAGE, Found, failure_of, find_all, search
from tests.simulation.seeds import seeds

TABLE = "| bug | what is wrong | seeds |"
SEEDS_MAX = 2_000
TOLD_EVERY = 200


def main() -> int:
    arguments = _arguments()
    if arguments.planted is not None:
        return _planted(arguments.planted.split() or [plant.__name__ for plant in BUGS], arguments.within)
    if arguments.only:
        return _again(int(arguments.seeds), arguments.only)
    return _simulate(seeds(arguments.seeds), arguments.workers, Path(arguments.done) if arguments.done else None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", default="1-200", help='such as "17 100-199"')
    parser.add_argument("--workers", type=int, help="processes; as many as there are cores if it is left out")
    parser.add_argument("--done", help="a file of the seeds that are done: to be interrupted, and to go on later")
    parser.add_argument("--only", default="", help="items of one seed's plan, as a failing seed prints them")
    parser.add_argument("--planted", nargs="?", const="", help="find planted bugs: their names, or nothing for all")
    parser.add_argument("--within", type=int, default=SEEDS_MAX, help="seeds for each planted bug")
    return parser.parse_args()


def _simulate(asked: list[int], workers: int | None, done: Path | None) -> int:
    before = _done(done)
    left = [seed for seed in asked if seed not in before]
    began, run, failed = time.monotonic(), 0, len({seed for seed in asked if before.get(seed)})
    for part, failures in search(left, workers):
        run += len(part)
        failed += len(failures)
        for failure in failures:
            print(f"{failure.trace}\nseed {failure.seed}: {failure.why}\n{failure.again}", flush=True)
        if done is not None:
            _note(done, part, {failure.seed for failure in failures})
        if run % TOLD_EVERY < len(part):
            print(f"{run} of {len(left)} seeds, {failed} failed, {time.monotonic() - began:.0f} s", flush=True)
    print(f"{run} seeds, {failed} failed, {time.monotonic() - began:.0f} s")
    return int(failed > 0)


def _done(done: Path | None) -> dict[int, bool]:
    """The seeds that are done, and whether each has failed."""
    lines = done.read_text().splitlines() if done is not None and done.exists() else []
    return {int(seed): outcome == "failed" for seed, outcome in (line.split() for line in lines)}


def _note(done: Path, part: Sequence[int], failed: set[int]) -> None:
    with done.open("a") as file:
        file.writelines(f"{seed} {'failed' if seed in failed else 'clean'}\n" for seed in part)


def _again(seed: int, items: str) -> int:
    why, trace = failure_of(chosen(seed, items))
    print(trace or f"seed {seed} does not fail with these items")
    return int(bool(why))


def _planted(names: list[str], within: int) -> int:
    found: dict[str, Found] = {}
    for one in find_all(names, within):
        found[one.name] = one
        print(f"{one.name}: {f'{one.seeds} seeds, {one.by[:150]}' if one.seeds else 'NOT FOUND'}", flush=True)
    if len(names) == len(BUGS):
        _write([found[plant.__name__] for plant in BUGS], within)
    return int(any(one.seeds is None for one in found.values()))


def _write(found: list[Found], within: int) -> None:
    """Puts the table into the page, in place of the one before."""
    rows = [f"| `{one.name}` | {_sentence(one.name)} | {one.seeds or f'not within {within}'} |" for one in found]
    before, _, _ = PAGE.read_text().partition(TABLE)
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    PAGE.write_text("\n".join([before + TABLE, "|---|---|---|", *rows, "", f"Measured by `make planted`, {day}.", ""]))


def _sentence(name: str) -> str:
    return " ".join((named(name).__doc__ or "").split())


if __name__ == "__main__":
    sys.exit(main())
