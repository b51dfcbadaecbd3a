"""`croupier integrations check`: reads integrations.yaml, and on request tries what it names."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from croupier.integrations import check_file
from croupier.settings import SettingsInvalid

FAILED = 1


def add_integrations_file(parser: argparse.ArgumentParser) -> None:
    """The option that names the file."""
    parser.add_argument("--integrations", type=Path, default=os.environ.get("CROUPIER_INTEGRATIONS"), metavar="FILE",
                        help="integrations.yaml: archive, bus, webhooks, notices (default: the archive)")  # fmt: skip


def add_integrations(parser: argparse.ArgumentParser) -> None:
    """The actions of `croupier integrations`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="print problems as file:line: reason; exit 1 if there are any")
    check.add_argument("file", type=Path, nargs="?", metavar="FILE", default=os.environ.get("CROUPIER_INTEGRATIONS"),
                       help="integrations.yaml (or CROUPIER_INTEGRATIONS)")  # fmt: skip
    check.add_argument("--connect", action="store_true", help="also try what the file names; changes nothing there")
    check.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> int:
    if options.file is None:
        raise SettingsInvalid("name the file: croupier integrations check FILE (or CROUPIER_INTEGRATIONS)")
    checked = check_file(Path(options.file))
    for problem in (*checked.problems, *checked.missing):
        print(problem)
    if checked.problems or checked.missing:
        return FAILED
    found = checked.integrations
    sections = [name for name in found.__struct_fields__ if getattr(found, name) is not None]
    print(f"{options.file}: fine; {', '.join(sections) or 'no sections'}")
    if not options.connect:
        return 0
    from croupier.integrations.connecting import try_all

    failures = 0
    for attempt in asyncio.run(try_all(found)):
        print(attempt)
        failures += attempt.failure is not None
    if failures:
        print(f"croupier: {failures} of what {options.file} names did not answer as it should", file=sys.stderr)
    return FAILED if failures else 0
