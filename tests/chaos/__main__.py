"""`make chaos`: ten minutes of load on real processes that are killed, stopped, cut off and filled up; nothing is lost.

`python -m tests.chaos [--minutes M] [--seed N] [--only KINDS] [--players P] [--think-ms MS] [--no-report]`. It needs
Linux and root, for namespaces. Exit code 0: nothing was lost or doubled, and everything came back. docs/chaos.md is
written.
"""

import random
import shutil
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.chaos.enclosure import NoEnclosure, as_first_process, enclose, is_inside

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "build" / "chaos"
UNSUITABLE: Final = 2


def main(arguments: Sequence[str]) -> int:
    """Runs it in namespaces; the exit code."""
    options = parse(arguments)
    if is_inside():
        return as_first_process(lambda: run(options))
    try:
        return enclose([*arguments, "--seed", str(options.seed)])
    except NoEnclosure as reason:
        print(f"chaos: {reason}", file=sys.stderr)
        return UNSUITABLE


def parse(arguments: Sequence[str]) -> Namespace:
    """Options; ends the process with a message for mistaken ones."""
    parser = ArgumentParser(prog="python -m tests.chaos", description=__doc__, allow_abbrev=False)
    parser.add_argument("--minutes", type=float, default=10, help="at least; each kind of fault comes once (10)")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(1_000_000), help="decides the faults and their order"
    )
    parser.add_argument("--only", default="", metavar="KINDS", help="kinds of faults, with commas in between")
    parser.add_argument("--players", type=int, default=40, help="(40)")
    parser.add_argument("--think-ms", type=int, default=150, help="mean pause of a player between two steps (150)")
    parser.add_argument("--no-report", action="store_true", help="leave docs/chaos.md as it is")
    return parser.parse_args(arguments)


def run(options: Namespace) -> int:
    """The run itself, within its namespaces."""
    from tests.chaos.plan import ALL
    from tests.chaos.report import summary, write
    from tests.chaos.run import Wanted, conduct

    kinds = tuple(kind for kind in options.only.split(",") if kind) or tuple(ALL)
    unknown = sorted(set(kinds) - set(ALL))
    if unknown:
        print(f"chaos: no such fault: {', '.join(unknown)}; there are {', '.join(ALL)}", file=sys.stderr)
        return UNSUITABLE
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"[{time.monotonic() - began:6.1f}] {what}", flush=True)

    folder = FOLDER / f"seed-{options.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    say(f"seed {options.seed}; logs are in {folder.relative_to(ROOT)}")
    wanted = Wanted(options.minutes, options.seed, options.players, options.think_ms, kinds)
    found = conduct(wanted, folder, say)
    if not options.no_report:
        write(found, ROOT / "docs")
    print(summary(found), flush=True)
    return 1 if found.complaints() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
