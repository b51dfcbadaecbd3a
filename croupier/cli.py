"""The `croupier` command. Exit codes: 0 success, 1 the command failed, 2 it could not start."""

import argparse
import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from actors.settings import RESIDENTS_MAX
from croupier.audit_command import add_audit
from croupier.backup_command import add_backup, add_restore
from croupier.bus_command import add_bus, add_bus_in
from croupier.catalog import CatalogInvalid
from croupier.catalog_command import add_catalog
from croupier.facts_command import add_facts
from croupier.integrations import IntegrationsInvalid
from croupier.integrations_command import add_integrations, add_integrations_file
from croupier.live_command import add_live
from croupier.readers_command import add_readers
from croupier.recover_command import add_recover
from croupier.report_command import add_report
from croupier.settings import (
    LOG_LEVELS,
    Settings,
    SettingsInvalid,
    checked,
    default_catalog,
    default_store,
    store_default_said,
)
from croupier.switch_command import add_switch
from croupier.webhooks_command import add_webhooks
from gateway.access.keys import KeysInvalid
from gateway.listening import BindRefused, bind
from snapshots.errors import StoreUnsuitable

FAILED, CANNOT_START = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one subcommand. A failure at start is one sentence on standard error, never a traceback."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except CatalogInvalid as problem:
        print(problem, file=sys.stderr)
        print(f"the catalog can't be used: {len(problem.problems)} problem(s), listed above", file=sys.stderr)
    except IntegrationsInvalid as problem:
        print(problem, file=sys.stderr)
        print(f"the integrations can't be used: {len(problem.problems)} problem(s), listed above", file=sys.stderr)
    except (SettingsInvalid, KeysInvalid, BindRefused, StoreUnsuitable) as problem:
        print(f"croupier: {problem}", file=sys.stderr)
    except KeyboardInterrupt:
        print("croupier: interrupted", file=sys.stderr)
    return CANNOT_START


# --- what can be typed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="croupier",
        description="The engine casino platforms run their spins on.",
        epilog="Every option can also be set as CROUPIER_<OPTION> in the environment, for example CROUPIER_STORE.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_up(commands.add_parser("up", help="start Ray, supervisor, shards and gateway; SIGTERM drains and stops"))
    _add_gateway(commands.add_parser("gateway", help="start one more gateway for a running Croupier; needs no Ray"))
    _add_demo(commands.add_parser("demo", help="play 20 000 spins, kill a shard half-way, reconcile every balance"))
    _add_status(commands.add_parser("status", help="show shards, epochs, slots and players of a running Croupier"))
    add_live(commands)
    add_recover(commands.add_parser("recover", help="take a shard whose fallback file is elsewhere, or lost"))
    add_catalog(commands.add_parser("catalog", help="check, deploy and translate a catalog folder"))
    add_audit(commands.add_parser("audit", help="verify an archive, its receipts and every balance"))
    add_integrations(commands.add_parser("integrations", help="check integrations.yaml"))
    add_bus_in(commands.add_parser("bus-in", help="read the event bus: what other systems tell becomes commands"))
    add_bus(commands.add_parser("bus", help="send dead letters of the event bus back"))
    add_webhooks(commands.add_parser("webhooks", help="list, test, replay, enable and disable webhook endpoints"))
    add_readers(commands.add_parser("readers", help="show and resume players whom a reader of the journal has stopped"))
    add_switch(commands.add_parser("switch", help="switch everything, a game, a campaign or a player off, or on again"))
    add_facts(commands.add_parser("facts", help="make Parquet files of the archive, for reports and other tools"))
    add_report(commands.add_parser("report", help="list, check and make reports"))
    add_backup(commands.add_parser("backup", help="copy store, archive and spool as they stand at one instant"))
    add_restore(commands.add_parser("restore", help="put a backup back into empty folders"))
    return parser


def _add_serving(parser: argparse.ArgumentParser) -> None:
    env = os.environ.get
    parser.add_argument("--store", default=env("CROUPIER_STORE") or default_store(os.environ), metavar="URL",
                        help="sqlite:DIR, redis://HOST:PORT/DB or redis+sentinel://HOST,HOST,HOST/NAME/DB "
                             f"({store_default_said()})")  # fmt: skip
    parser.add_argument("--host", default=env("CROUPIER_HOST", "127.0.0.1"), help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port",
        type=int,
        default=env("CROUPIER_PORT", "8080"),
        help="port to listen on; 0 picks a free one (%(default)s)",
    )
    parser.add_argument("--catalog", type=Path, default=env("CROUPIER_CATALOG") or default_catalog(), metavar="DIR",
                        help="folder of the catalog (default: the shipped one)")  # fmt: skip
    parser.add_argument("--auth", choices=["open", "hmac"], default=env("CROUPIER_AUTH"),
                        help="open: callers prove nothing, loopback only (default: hmac with --keys)")  # fmt: skip
    parser.add_argument(
        "--keys", type=Path, default=env("CROUPIER_KEYS"), metavar="FILE", help="JSON file with the callers' keys"
    )
    parser.add_argument("--cluster-secret-file", type=Path, default=env("CROUPIER_CLUSTER_SECRET_FILE"), metavar="FILE",
                        help="the secret that gateways and shards share (or CROUPIER_CLUSTER_SECRET)")  # fmt: skip
    parser.add_argument("--log-level", default=env("CROUPIER_LOG_LEVEL", "WARNING"),
                        choices=LOG_LEVELS)  # fmt: skip


def _add_up(parser: argparse.ArgumentParser) -> None:
    env = os.environ.get
    _add_serving(parser)
    parser.add_argument("--shards", type=int, default=env("CROUPIER_SHARDS", "2"), help="(%(default)s)")
    parser.add_argument(
        "--spares", type=int, default=env("CROUPIER_SPARES", "1"), help="number of warm spares (%(default)s)"
    )
    parser.add_argument("--gateways", type=int, default=env("CROUPIER_GATEWAYS", "1"), help="processes (%(default)s)")
    parser.add_argument(
        "--ray-address",
        default=env("CROUPIER_RAY_ADDRESS"),
        metavar="HOST:PORT",
        help="join the Ray cluster at this address",
    )
    parser.add_argument("--shard-host", default=env("CROUPIER_SHARD_HOST"), metavar="HOST",
                        help="address shards listen on (default: loopback; in a Ray cluster the node's)")  # fmt: skip
    parser.add_argument("--orphan-after", dest="orphan_after_s", type=int, metavar="SECONDS",
                        default=env("CROUPIER_ORPHAN_AFTER", "60"),
                        help="age at which a bonus reservation left by a crash is resolved (%(default)s)")  # fmt: skip
    parser.add_argument("--residents-max", type=int, default=env("CROUPIER_RESIDENTS_MAX", str(RESIDENTS_MAX)),
                        metavar="PLAYERS", help="players that each shard keeps in memory (%(default)s)")  # fmt: skip
    add_integrations_file(parser)
    parser.add_argument("--no-bus-in", action="store_true", default=os.environ.get("CROUPIER_NO_BUS_IN"),
                        help="leave the section bus_in to processes of their own, `croupier bus-in`")  # fmt: skip
    parser.add_argument("--no-archive", action="store_true", default=os.environ.get("CROUPIER_NO_ARCHIVE"),
                        help="run without the archive of the journal: what is trimmed is gone")  # fmt: skip
    parser.add_argument("--fallback", action="store_true", default=os.environ.get("CROUPIER_FALLBACK"),
                        help="while Redis is silent, shards go on in files on their own disks")  # fmt: skip
    parser.add_argument("--fallback-dir", type=Path, default=env("CROUPIER_FALLBACK_DIR"), metavar="DIR",
                        help="folder of these files; must outlive the process "
                             "(default: ~/.local/state/croupier-fallback)")  # fmt: skip
    parser.add_argument("--take-over", action="store_true", default=os.environ.get("CROUPIER_TAKE_OVER"),
                        help="take the store over from a running `croupier up`, which then ends")  # fmt: skip
    parser.set_defaults(command=_up)
    _add_sandbox_and_watch(parser)


def _add_gateway(parser: argparse.ArgumentParser) -> None:
    _add_serving(parser)
    parser.add_argument("--fd", type=int, help=argparse.SUPPRESS)
    add_integrations_file(parser)
    parser.set_defaults(command=_gateway)
    _add_sandbox_and_watch(parser)


def _add_sandbox_and_watch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sandbox", action="store_true", default=os.environ.get("CROUPIER_SANDBOX"),
                        help="offer POST /sandbox/clock, by which testers move time ahead")  # fmt: skip
    parser.add_argument("--catalog-watch", action="store_true", default=os.environ.get("CROUPIER_CATALOG_WATCH"),
                        help="follow the catalog folder: a change there is a deploy")  # fmt: skip


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--players", type=int, default=200, help="(%(default)s)")
    parser.add_argument("--spins", type=int, default=20_000, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the game server's random numbers (%(default)s)")
    parser.add_argument("--keep", type=Path, metavar="DIR",
                        help="leave the store, its archive and the demo's own books in this new folder")  # fmt: skip
    parser.set_defaults(command=_demo)


def _add_status(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("CROUPIER_URL", "http://127.0.0.1:8080")
    parser.add_argument("--url", default=default, help="the URL of a gateway (%(default)s)")
    parser.add_argument("--token", default=os.environ.get("CROUPIER_TOKEN"), help="bearer token of role ops")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_status)


# --- what happens then


def _settings(options: argparse.Namespace, **more: object) -> Settings:
    secret = os.environ.get("CROUPIER_CLUSTER_SECRET", "")
    if options.cluster_secret_file is not None:
        try:
            secret = options.cluster_secret_file.read_text().strip()
        except OSError as problem:
            raise SettingsInvalid(
                f"--cluster-secret-file {options.cluster_secret_file}: {problem.strerror}"
            ) from problem
    names = ("store", "catalog", "host", "port", "auth", "keys", "log_level")
    common = {name: getattr(options, name) for name in names}
    common |= {name: _switch(name, getattr(options, name)) for name in ("sandbox", "catalog_watch")}
    settings = checked(Settings(**common, **more, cluster_secret=secret))  # type: ignore[arg-type]
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    return settings


def _switch(name: str, given: bool | str | None) -> bool:
    """True if the option was given, else what its environment variable says."""
    if given in (True, "1"):
        return True
    if given in (None, "", "0"):
        return False
    raise SettingsInvalid(f"CROUPIER_{name.upper()}={given}: 1 or 0 is possible")


def _up(options: argparse.Namespace) -> int:
    from croupier.running.up import CannotStart, TakenOver, run_until_signalled

    names = (
        "shards",
        "spares",
        "gateways",
        "ray_address",
        "shard_host",
        "orphan_after_s",
        "residents_max",
        "integrations",
        "fallback_dir",
    )
    more = {name: getattr(options, name) for name in names}
    more |= {
        name: _switch(name, getattr(options, name)) for name in ("take_over", "no_archive", "no_bus_in", "fallback")
    }
    settings = _settings(options, **more)
    try:
        run_until_signalled(settings, lambda url: print(f"ready {url}", flush=True))
    except CannotStart as problem:
        print(f"croupier: {problem}", file=sys.stderr)
        return CANNOT_START
    except TakenOver as problem:
        print(f"croupier: {problem}", file=sys.stderr)
        return FAILED
    return 0


def _gateway(options: argparse.Namespace) -> int:
    from croupier.running.gateway_process import run_gateway

    settings = _settings(options, integrations=options.integrations)
    if options.fd is None and not (os.environ.get("CROUPIER_CLUSTER_SECRET") or options.cluster_secret_file):
        raise SettingsInvalid(
            "a gateway needs the shards' secret: set CROUPIER_CLUSTER_SECRET or --cluster-secret-file"
        )
    inherited = options.fd is not None
    listener = socket.socket(fileno=options.fd) if inherited else bind(settings.host, settings.port)
    announce = (lambda url: None) if inherited else (lambda url: print(f"ready {url}", flush=True))
    run_gateway(settings, listener, announce)
    return 0


def _demo(options: argparse.Namespace) -> int:
    from croupier.demo import run_demo
    from croupier.running.up import CannotStart

    try:
        return run_demo(options.players, options.spins, options.seed, options.keep)
    except CannotStart as problem:
        print(f"croupier: {problem}", file=sys.stderr)
        return CANNOT_START


def _status(options: argparse.Namespace) -> int:
    from croupier.running.status import show_status

    return show_status(options.url, options.token, options.json)
