"""`croupier readers …`: players whom a reader of the journal passes nothing on of, asked of a gateway."""

import argparse
import json
import sys
from typing import Any, Final
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

from croupier.asking_gateway import add_gateway, ask_gateway

FAILED: Final = 1


def add_readers(parser: argparse.ArgumentParser) -> None:
    """The actions of `croupier readers`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    stopped = actions.add_parser("stopped", help="show players of whom nothing is passed on; exit 1 if there are any")
    stopped.add_argument("--json", action="store_true", help="print JSON")
    stopped.add_argument("--after", default="", metavar="PLAYER", help="go on behind this player")
    _add_reader(stopped, _stopped)
    resume = actions.add_parser("resume", help="pass on again what a player does from now on")
    _add_reader(resume, _resume)
    resume.add_argument("player", metavar="PLAYER", help="the player's id")


def _add_reader(parser: argparse.ArgumentParser, command: Any) -> None:
    parser.add_argument("reader", metavar="READER", help="archive, bus, notices, webhooks or webhooks-ENDPOINT")
    add_gateway(parser, command)


def _stopped(options: argparse.Namespace) -> int:
    behind = f"?after={quote(options.after, safe='')}" if options.after else ""
    found = ask_gateway(options, "GET", f"/readers/{quote(options.reader, safe='')}/stopped{behind}")
    if found is None:
        return FAILED
    if options.json:
        print(json.dumps(found, indent=2))
    elif found["players"]:
        Console().print(_table(options.reader, found))
    else:
        print(f"no player is stopped in reader {options.reader}")
    return FAILED if found["count"] else 0


def _table(reader: str, found: dict[str, Any]) -> Table:
    title = f"{found['count']} players are stopped in reader {reader}"
    table = Table(title=title, title_justify="left")
    for column in ("player", "last version passed on", "version that came", "at"):
        table.add_column(column)
    for stop in found["players"]:
        table.add_row(stop["player_id"], str(stop["last"]), str(stop["came"]), stop["at"])
    return table


def _resume(options: argparse.Namespace) -> int:
    path = f"/readers/{quote(options.reader, safe='')}/stopped/{quote(options.player, safe='')}/resume"
    said = ask_gateway(options, "POST", path, {})
    if said is None:
        return FAILED
    if not said["resumed"]:
        print(f"croupier: {options.player} is not stopped in reader {options.reader}", file=sys.stderr)
        return FAILED
    print(
        f"{options.reader} passes {options.player} on again, without what came after version {said['last']} until now"
    )
    return 0
