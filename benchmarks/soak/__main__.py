"""`make soak`: steady play against a whole Croupier on Redis; afterwards, whether each process stayed flat.

Writes docs/soak.md and docs/soak.png. Ends with 1 if a process grew by more than 5 % after the warm-up or ended, if a
request was refused or not answered, or if the players' books differ from the server.
"""

import argparse
import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from redis import RedisError
from rich.console import Console

from benchmarks import results
from benchmarks.servers import ServerFailed
from benchmarks.soak import found, judging, page, picture
from benchmarks.soak.place import Place, Running
from benchmarks.soak.playing import Playing
from croupier.demo.client import Unanswered
from croupier.demo.player import Unexpected

WARM_UP_MINUTES: Final = 8
SETTINGS: Final = ("shards", "gateways", "residents", "seats", "rate", "rush")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="of play, the warm-up included (%(default)s)")
    parser.add_argument("--warm-up", type=float, metavar="MINUTES", help=f"not judged ({WARM_UP_MINUTES})")
    parser.add_argument("--every", type=float, default=5, metavar="SECONDS", help="between samples (%(default)s)")
    parser.add_argument("--rate", type=int, default=300, help="spins a second of all together (%(default)s)")
    parser.add_argument("--rush", type=int, default=900, help="the same while memory fills (%(default)s)")
    parser.add_argument("--seats", type=int, default=40, help="players at a time (%(default)s)")
    parser.add_argument("--residents", type=int, default=400, help="players each shard keeps (%(default)s)")
    parser.add_argument("--shards", type=int, default=2, help="(%(default)s)")
    parser.add_argument("--gateways", type=int, default=2, help="(%(default)s)")
    parser.add_argument("--output", type=Path, default=page.FILE.parent, help="where page and chart are written")
    parser.add_argument("--samples", type=Path, metavar="FILE", help="keep all samples there (JSON)")
    parser.add_argument("--logs", type=Path, metavar="DIR", help="keep the logs of Croupier there")
    parser.add_argument("--note", default="", metavar="TEXT", help="what else the page shall say of the run")
    parser.add_argument("--judge", type=Path, metavar="FILE", help="play nothing: judge samples that were kept")
    return parser.parse_args(arguments)


async def _soak(running: Running, options: argparse.Namespace, console: Console) -> found.Soak:
    soak = found.Soak(
        date=results.now(),
        machine=results.machine(),
        lasted_s=0.0,
        warm_up_s=60 * (options.warm_up or WARM_UP_MINUTES),
        settings={name: getattr(options, name) for name in SETTINGS},
    )
    playing = Playing(running, soak, options.every, lambda text: console.print(text, style="dim", highlight=False))
    await playing.run(60 * options.minutes)
    return soak


def _played(options: argparse.Namespace, console: Console) -> found.Soak:
    with tempfile.TemporaryDirectory(prefix="croupier-soak-") as folder, contextlib.ExitStack() as stack:
        if options.logs is not None:
            stack.callback(_keep_logs, Path(folder), options.logs)
        place = Place(Path(folder))
        running = stack.enter_context(place.croupier(options.shards, options.gateways, options.residents))
        console.print(f"playing for {options.minutes:g} minutes at {running.url}", highlight=False)
        return asyncio.run(_soak(running, options, console))


def _kept(options: argparse.Namespace) -> found.Soak:
    soak = found.read(options.judge)
    if options.warm_up:
        soak.warm_up_s = 60 * options.warm_up
    return soak


def _keep_logs(folder: Path, kept: Path) -> None:
    kept.mkdir(parents=True, exist_ok=True)
    for log in folder.glob("*.log"):
        shutil.copy(log, kept)


def main(arguments: Sequence[str] | None = None) -> int:
    """One run, or the judgement of an earlier one; 1 if it has failed."""
    options, console, began = _options(arguments), Console(width=140), time.monotonic()
    try:
        soak = _played(options, console) if options.judge is None else _kept(options)
    except (ServerFailed, Unanswered, Unexpected, OSError, RedisError) as failed:
        console.print(f"no result: {failed!r}", style="red", markup=False)
        return 1
    if options.samples is not None:
        found.write(soak, options.samples)
    (options.output / page.FILE.name).write_text(page.page(soak, options.note))
    picture.draw(soak, options.output / picture.FILE.name)
    console.print(page.processes(soak), markup=False, highlight=False)
    failures = judging.failures(soak)
    for failure in failures:
        console.print(f"FAIL {failure}", style="red", markup=False)
    console.print(f"{'FAIL' if failures else 'PASS'} after {(time.monotonic() - began) / 60:.0f} minutes", markup=False)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
