"""`croupier webhooks …`: how endpoints stand, tests, replays, disabling and enabling, asked of a gateway."""

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

from croupier.asking_gateway import add_gateway, ask_gateway

FAILED: Final = 1


def add_webhooks(parser: argparse.ArgumentParser) -> None:
    """The actions of `croupier webhooks`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="show how all endpoints stand; exit 1 if one is disabled")
    listing.add_argument("--json", action="store_true", help="print JSON")
    add_gateway(listing, _list)
    test = actions.add_parser("test", help="send a signed test event; exit 1 if it is not answered with 2xx")
    _add_endpoint(test, _test)
    replay = actions.add_parser("replay", help="send events again, by id or by time")
    replay.add_argument("--id", action="append", default=[], dest="ids", metavar="ID", help="<player>-<version>-<n>")
    replay.add_argument("--from", dest="begin", metavar="TIME", type=_time_ms, help="like 2026-03-01T12:00:00Z")
    replay.add_argument("--to", dest="end", metavar="TIME", type=_time_ms, help="(default: now)")
    _add_endpoint(replay, _replay)
    enable = actions.add_parser("enable", help="send to a disabled endpoint again")
    enable.add_argument("--from-now", action="store_true", help="leave out what happened while it was disabled")
    _add_endpoint(enable, _enable)
    _add_endpoint(actions.add_parser("disable", help="send nothing to an endpoint until it is enabled"), _disable)


def _add_endpoint(parser: argparse.ArgumentParser, command: Any) -> None:
    parser.add_argument("endpoint", metavar="ENDPOINT", help="its name in integrations.yaml")
    add_gateway(parser, command)


def _time_ms(text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time like 2026-03-01T12:00:00Z") from None
    if time.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no time zone: write Z for UTC")
    return int(time.timestamp() * 1_000)


def _list(options: argparse.Namespace) -> int:
    found = ask_gateway(options, "GET", "/webhooks")
    if found is None:
        return FAILED
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        Console().print(_table(found["endpoints"]))
    return FAILED if any(endpoint["state"] == "disabled" for endpoint in found["endpoints"]) else 0


def _table(endpoints: list[dict[str, Any]]) -> Table:
    table = Table(title="Webhooks", title_justify="left")
    for column in ("name", "mode", "state", "owed", "lag", "dead", "last success", "url"):
        table.add_column(column)
    for endpoint in endpoints:
        state = f"{endpoint['state']}: {endpoint['why']}" if endpoint["why"] else endpoint["state"]
        numbers = (str(endpoint["owed"]), f"{endpoint['lag_ms'] / 1_000:.1f} s", str(endpoint["dead"]))
        table.add_row(
            endpoint["name"], endpoint["mode"], state, *numbers, endpoint["last_success"] or "–", endpoint["url"]
        )
    return table


def _test(options: argparse.Namespace) -> int:
    said = ask_gateway(options, "POST", f"/webhooks/{quote(options.endpoint, safe='')}/test", {})
    if said is None:
        return FAILED
    if said["outcome"] == "delivered":
        print(f"{options.endpoint} answered {said['status']} after {said['ms']} ms")
        return 0
    print(f"croupier: {options.endpoint}: {said['detail']} ({said['ms']} ms)", file=sys.stderr)
    return FAILED


def _replay(options: argparse.Namespace) -> int:
    body = {"ids": options.ids, "from_ms": options.begin, "to_ms": options.end}
    asked = {name: value for name, value in body.items() if value not in (None, [])}
    said = ask_gateway(options, "POST", f"/webhooks/{quote(options.endpoint, safe='')}/replay", asked)
    if said is None:
        return FAILED
    print(f"{said['replayed']} events are sent to {options.endpoint} again")
    for missing in said["missing"]:
        print(f"croupier: {missing} was not found; the archive lags behind by a minute", file=sys.stderr)
    if said["next_ms"] is not None:
        rest = datetime.fromtimestamp(said["next_ms"] / 1_000, UTC).isoformat()
        print(f"there is no room for more now: repeat with --from {rest}")
    return FAILED if said["missing"] else 0


def _enable(options: argparse.Namespace) -> int:
    return _switch(options, "enable", {"from_now": options.from_now})


def _disable(options: argparse.Namespace) -> int:
    return _switch(options, "disable", {})


def _switch(options: argparse.Namespace, verb: str, body: dict[str, bool]) -> int:
    said = ask_gateway(options, "POST", f"/webhooks/{quote(options.endpoint, safe='')}/{verb}", body)
    if said is None:
        return FAILED
    print(f"{options.endpoint} is {said['state']}, {said['owed']} events are owed")
    return 0
