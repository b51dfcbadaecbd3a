"""`croupier scale`, `drain`, `rolling-restart` and `rebalance`: they begin it by a gateway, and show how it goes on."""

import argparse
import json
import secrets
import sys
import time
from typing import Any, Final

from croupier.asking_gateway import add_gateway, ask_gateway
from croupier.running.status import progress

FAILED: Final = 1
LOOK_S: Final = 1.0
BEGIN_TRIES: Final = 5
FOLLOW_TRIES: Final = 60
"""So often a gateway is asked, a second apart, that does not answer, or does not know yet."""


def add_live(commands: Any) -> None:
    """The four commands."""
    scale = commands.add_parser("scale", help="bring a running Croupier to a number of shards; spins go on")
    scale.add_argument("--shards", type=int, required=True, metavar="N", help="shards there are to be")
    _add_common(scale, _scale)
    drain = commands.add_parser("drain", help="take everything off a shard or a node of a running Croupier")
    drain.add_argument("shard", nargs="?", metavar="SHARD", help="its slots go to the other shards, and it ends")
    drain.add_argument("--node", help="its shards get fresh processes on other nodes")
    _add_common(drain, _drain)
    restart = commands.add_parser("rolling-restart", help="give every shard a fresh process, one after the other")
    _add_common(restart, lambda options: _run(options, "rolling-restart", {}))
    rebalance = commands.add_parser("rebalance", help="even out what the shards of a running Croupier carry")
    _add_common(rebalance, lambda options: _run(options, "rebalance", {}))


def _add_common(parser: argparse.ArgumentParser, command: Any) -> None:
    parser.add_argument("--no-wait", action="store_true", help="return as soon as it has begun")
    parser.add_argument("--json", action="store_true", help="print the operation as JSON when it has ended")
    add_gateway(parser, command)


def _scale(options: argparse.Namespace) -> int:
    return _run(options, "scale", {"shards": options.shards})


def _drain(options: argparse.Namespace) -> int:
    if (options.shard is None) == (options.node is None):
        print("croupier: drain needs either a SHARD or --node NODE", file=sys.stderr)
        return FAILED
    return _run(options, "drain", {"node": options.node} if options.node else {"shard": options.shard})


def _run(options: argparse.Namespace, what: str, body: dict[str, Any]) -> int:
    """Begins it, once however often it must be asked for, and follows it to its end."""
    begun = ask_gateway(
        options, "POST", f"/cluster/{what}", body, key=f"{what}-{secrets.token_hex(8)}", tries=BEGIN_TRIES
    )
    if begun is None:
        return FAILED
    operation: dict[str, Any] = begun["operation"]
    if not options.no_wait:
        followed = _follow(options, operation)
        if followed is None:
            return FAILED
        operation = followed
    if options.json:
        print(json.dumps(operation, indent=2))
    elif options.no_wait:
        print(f"operation {operation['number']} has begun: {operation['asked']}; `croupier status` shows it")
    else:
        print(_summary(operation))
    return FAILED if operation["state"] == "failed" else 0


def _follow(options: argparse.Namespace, operation: dict[str, Any]) -> dict[str, Any] | None:
    """The operation at its end; each step forward is a line on standard error. None if nobody answers any more."""
    shown = ""
    while True:
        line = progress(operation)
        if line != shown:
            print(line, file=sys.stderr, flush=True)
            shown = line
        if operation["state"] != "running":
            return operation
        time.sleep(LOOK_S)
        cluster = ask_gateway(options, "GET", "/cluster", tries=FOLLOW_TRIES)
        if cluster is None:
            return None
        seen = cluster.get("operation")
        if seen is not None and seen["number"] > operation["number"]:
            print("croupier: another operation has begun meanwhile, so this one has ended", file=sys.stderr)
            return None
        if seen is not None and seen["number"] == operation["number"]:
            operation = seen


def _summary(operation: dict[str, Any]) -> str:
    return (
        f"{operation['asked']}: {operation['state']}. {operation['slots_moved']} slots moved, "
        f"{operation['shards_done']} shards replaced; players waited {operation['longest_wait_ms']} ms at the longest"
    )
