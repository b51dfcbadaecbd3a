"""`croupier switch …`: what is switched off; switching something off, or on again. It asks a gateway."""

import argparse
import json
import secrets
import sys
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from croupier.asking_gateway import add_gateway, ask_gateway
from engine.switches import SCOPES

FAILED: Final = 1


def add_switch(parser: argparse.ArgumentParser) -> None:
    """The actions of `croupier switch`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="show what is switched off, since when, by whom and why")
    listing.add_argument("--json", action="store_true", help="print JSON")
    add_gateway(listing, _list)
    off = actions.add_parser("off", help="stop it within a second; open rounds can be settled")
    off.add_argument("--reason", required=True, help="why, for the control log and for whoever looks at the list")
    _add_scope(off, _off)
    on = actions.add_parser("on", help="let it go on again")
    on.add_argument("--reason", help="why, for the control log")
    _add_scope(on, _on)


def _add_scope(parser: argparse.ArgumentParser, command: Any) -> None:
    parser.add_argument("scope", choices=SCOPES, metavar="SCOPE", help=", ".join(SCOPES))
    parser.add_argument("id", nargs="?", metavar="ID", help="of the game, campaign or player; none for all")
    parser.add_argument("--key", help="the Idempotency-Key, to repeat a request whose outcome is unknown")
    add_gateway(parser, command)


def _list(options: argparse.Namespace) -> int:
    found = ask_gateway(options, "GET", "/switches")
    if found is None:
        return FAILED
    if options.json:
        print(json.dumps(found, indent=2))
    elif found["switched_off"]:
        Console().print(_table(found["switched_off"]))
    else:
        print("nothing is switched off")
    return 0


def _table(switched_off: list[dict[str, Any]]) -> Table:
    table = Table(title="Switched off", title_justify="left")
    for column in ("scope", "id", "since", "by", "reason"):
        table.add_column(column)
    for switch in switched_off:
        table.add_row(switch["scope"], switch["id"] or "–", switch["since"], switch["by"], switch["reason"])
    return table


def _off(options: argparse.Namespace) -> int:
    return _throw(options, enabled=False)


def _on(options: argparse.Namespace) -> int:
    return _throw(options, enabled=True)


def _throw(options: argparse.Namespace, *, enabled: bool) -> int:
    key = options.key or secrets.token_hex(8)
    body = {"scope": options.scope, "id": options.id, "enabled": enabled, "reason": options.reason}
    asked = {name: value for name, value in body.items() if value is not None}
    said = ask_gateway(options, "POST", "/switches", asked, key=key)
    if said is None:
        print(f"croupier: repeat it with --key {key}, so that it is done once", file=sys.stderr)
        return FAILED
    name = f"{said['scope']} {said['id'] or ''}".rstrip()
    print(f"{name} is on" if said["enabled"] else f"{name} is off since {said['since']}, by {said['by']}")
    return 0
