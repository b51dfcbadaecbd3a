"""`croupier facts rebuild`: the archive as Parquet files, for reports and for tools of others."""

import argparse
import asyncio
import re
import sys
import time
from typing import TYPE_CHECKING

from croupier.facts_places import add_places, archive_place, demand_extra, facts_folder
from croupier.settings import SettingsInvalid
from snapshots.archive.bucket import open_bucket
from snapshots.credentials import CredentialMissing
from snapshots.errors import StoreError

if TYPE_CHECKING:
    from feeds.facts.rebuilding import Progress, Span

FAILED = 1
SHOWN_EACH_S = 0.2
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def add_facts(parser: argparse.ArgumentParser) -> None:
    """The actions of `croupier facts`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    rebuild = actions.add_parser(
        "rebuild",
        help="bring the folder of facts up to the archive",
        description="Turns what is new in the archive into Parquet files, one row per event, by family and day."
        " It may be stopped and repeated at any time. docs/facts.md has the columns.",
    )
    add_places(rebuild)
    rebuild.add_argument("--from", dest="since", metavar="DAY", help="begin new facts with what was archived that day")
    rebuild.add_argument("--to", dest="until", metavar="DAY", help="end with what was archived on that UTC day")
    rebuild.add_argument("--anew", action="store_true", help="use nothing that is in the folder")
    rebuild.set_defaults(command=_rebuild)


def _rebuild(options: argparse.Namespace) -> int:
    demand_extra()
    span = _span(options)
    place, folder = archive_place(options), facts_folder(options)
    from feeds.facts.manifest import FactsUnusable
    from feeds.facts.rebuilding import rebuild

    shown = Shown()
    try:
        manifest = asyncio.run(rebuild(open_bucket(place), folder, shown, span, anew=options.anew))
    except (FactsUnusable, StoreError, CredentialMissing) as problem:
        shown.end()
        print(f"croupier: {problem}", file=sys.stderr)
        return FAILED
    shown.end()
    rows = sum(file.rows for file in manifest.files)
    print(f"{folder}: {rows} rows in {len(manifest.files)} files, up to segment {manifest.through}")
    return 0


def _span(options: argparse.Namespace) -> "Span":
    from feeds.facts.rebuilding import ALL, Span

    for name, day in (("--from", options.since), ("--to", options.until)):
        if day is not None and not _DAY.fullmatch(day):
            raise SettingsInvalid(f"{name} {day}: a day like 2026-11-28 is due here")
    return Span(
        (options.since or ALL.since).replace("-", "/"),
        (options.until or ALL.until).replace("-", "/"),
    )


class Shown:
    """Progress on a terminal: one line that is written over. Elsewhere nothing is shown."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._last = 0.0
        self._on = sys.stderr.isatty()

    def __call__(self, progress: "Progress") -> None:
        now = time.monotonic()
        if not self._on or (now - self._last < SHOWN_EACH_S and progress.done < progress.segments):
            return
        self._last = now
        rate = progress.rows / max(0.001, now - self._began)
        line = f"\r{progress.done} of {progress.segments} segments, {progress.rows} rows, {rate:.0f}/s \x1b[K"
        print(line, end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """What follows begins on a line of its own."""
        if self._on and self._last:
            print(file=sys.stderr)
