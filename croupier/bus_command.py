"""`croupier bus-in` and `croupier bus …`: reads the event bus, and sends dead letters back to where they came from."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import KafkaException

from croupier.integrations import load_integrations
from croupier.running.operators import by_operator, record
from croupier.settings import LOG_LEVELS, SettingsInvalid, default_store, store_default_said
from engine.control_entries import ControlEntry, encode_control_entry
from feeds.bus.incoming.settings import BusInSettings
from feeds.credentials import CredentialMissing
from snapshots.contract import Store
from snapshots.errors import StoreError
from snapshots.opening import open_store

FAILED = 1
LIMIT_MAX = 1_000_000
REDRIVE, START_AT = "croupier bus redrive", "croupier bus start-at"


def add_bus_in(parser: argparse.ArgumentParser) -> None:
    """The options of `croupier bus-in`."""
    env = os.environ.get
    _add_file(parser)
    _add_store(parser)
    parser.add_argument("--cluster-secret-file", type=Path, default=env("CROUPIER_CLUSTER_SECRET_FILE"), metavar="FILE",
                        help="the secret that gateways and shards share (or CROUPIER_CLUSTER_SECRET)")  # fmt: skip
    parser.add_argument("--metrics-host", default=env("CROUPIER_METRICS_HOST", "127.0.0.1"), metavar="HOST",
                        help="address of /metrics (%(default)s)")  # fmt: skip
    parser.add_argument("--metrics-port", type=int, default=env("CROUPIER_METRICS_PORT", "0"), metavar="PORT",
                        help="port of /metrics; 0 picks a free one (%(default)s)")  # fmt: skip
    parser.add_argument("--log-level", default=env("CROUPIER_LOG_LEVEL", "WARNING"), choices=LOG_LEVELS)
    parser.set_defaults(command=_bus_in)


def add_bus(parser: argparse.ArgumentParser) -> None:
    """The actions of `croupier bus`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    redrive = actions.add_parser("redrive", help="send dead letters back to the topic where they came from")
    _add_file(redrive)
    _add_store(redrive)
    redrive.add_argument("--topic", required=True, help="the topic of the original messages")
    redrive.add_argument("--code", help="only letters with this x-error-code")
    redrive.add_argument("--limit", type=int, default=1_000, metavar="N", help="at most so many (%(default)s)")
    redrive.set_defaults(command=_redrive)
    start = actions.add_parser("start-at", help="say anew where bus-in goes on with a topic; stop all bus-in before")
    _add_file(start)
    _add_store(start)
    start.add_argument("--topic", required=True)
    start.add_argument("--at", required=True, choices=["earliest", "latest"])
    start.set_defaults(command=_start_at)


def _add_file(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("CROUPIER_INTEGRATIONS")
    parser.add_argument("--integrations", type=Path, default=default, metavar="FILE",
                        help="integrations.yaml, whose section bus_in is used")  # fmt: skip


def _add_store(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("CROUPIER_STORE") or default_store(os.environ)
    parser.add_argument("--store", default=default, metavar="URL",
                        help=f"sqlite:DIR or redis://HOST:PORT/DB ({store_default_said()})")  # fmt: skip


def bus_in_section(path: Path | None) -> BusInSettings:
    """The section `bus_in` of the file. Raises SettingsInvalid, IntegrationsInvalid."""
    if path is None:
        raise SettingsInvalid("the event bus needs --integrations FILE (or CROUPIER_INTEGRATIONS)")
    section = load_integrations(path, with_secrets=True).bus_in
    if section is None:
        raise SettingsInvalid(f"--integrations {path} has no section bus_in")
    return section


def _secret(options: argparse.Namespace) -> str:
    if options.cluster_secret_file is not None:
        try:
            return str(options.cluster_secret_file.read_text().strip())
        except OSError as problem:
            raise SettingsInvalid(
                f"--cluster-secret-file {options.cluster_secret_file}: {problem.strerror}"
            ) from problem
    secret = os.environ.get("CROUPIER_CLUSTER_SECRET", "")
    if not secret:
        raise SettingsInvalid("bus-in needs the shards' secret: set CROUPIER_CLUSTER_SECRET or --cluster-secret-file")
    return secret


def _bus_in(options: argparse.Namespace) -> int:
    import logging

    from croupier.running.bus_in_process import run_bus_in

    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings, secret = bus_in_section(options.integrations), _secret(options)
    try:
        run_bus_in(
            settings,
            options.store,
            secret,
            (options.metrics_host, options.metrics_port),
            lambda url: print(f"ready {url}", flush=True),
        )
    except (CredentialMissing, KafkaException, OSError) as problem:
        raise SettingsInvalid(f"bus-in can't start: {problem}") from problem
    return 0


def _redrive(options: argparse.Namespace) -> int:
    from feeds.bus.redrive import RedriveFailed, redrive

    settings = _with_topic(options)
    if not 1 <= options.limit <= LIMIT_MAX:
        raise SettingsInvalid(f"--limit {options.limit}: from 1 to {LIMIT_MAX} are possible")
    wanted = {"topic": options.topic, "code": options.code, "limit": options.limit}
    try:
        record(options.store, by_operator(REDRIVE, "asked", subject=options.topic, after=wanted))
        sent = redrive(settings, options.topic, options.code, options.limit, _progress)
        record(options.store, by_operator(REDRIVE, subject=options.topic, after={"sent": sent}))
    except (RedriveFailed, CredentialMissing, StoreError) as problem:
        print(f"croupier: {problem}", file=sys.stderr)
        return FAILED
    print(f"{sent} dead letters sent back to {options.topic}")
    return 0


def _start_at(options: argparse.Namespace) -> int:
    import asyncio

    from feeds.bus.start_at import CantStartThere, start_at

    settings = _with_topic(options)

    async def start() -> Mapping[int, int]:
        store = open_store(options.store)
        await store.open()
        try:
            await _told(store, by_operator(START_AT, "asked", subject=options.topic, after={"at": options.at}))
            places = await start_at(settings, store, options.topic, options.at)
            offsets = {str(partition): offset for partition, offset in sorted(places.items())}
            await _told(store, by_operator(START_AT, subject=options.topic, after={"offsets": offsets}))
            return places
        finally:
            await store.close()

    try:
        places = asyncio.run(start())
    except (CantStartThere, CredentialMissing, StoreError) as problem:
        print(f"croupier: {problem}", file=sys.stderr)
        return FAILED
    for partition, offset in sorted(places.items()):
        print(f"{options.topic}/{partition} goes on at {offset}")
    return 0


async def _told(store: Store, entry: ControlEntry) -> None:
    await store.append_control([encode_control_entry(entry)])


def _with_topic(options: argparse.Namespace) -> BusInSettings:
    settings = bus_in_section(options.integrations)
    topics = [topic.name for topic in settings.topics]
    if options.topic not in topics:
        raise SettingsInvalid(f"--topic {options.topic}: the section bus_in reads {', '.join(topics)}")
    return settings


def _progress(sent: int, looked_at: int) -> None:
    print(f"{sent} sent back, {looked_at} looked at", file=sys.stderr, flush=True)
