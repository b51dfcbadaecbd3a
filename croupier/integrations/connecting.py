"""Tries what `integrations.yaml` names: brokers, bucket, endpoints, PAM, mail server. Nothing is written or sent there.

Every attempt has a time-out, and all of them run at the same time.
"""

import asyncio
import os
import ssl
from collections.abc import Awaitable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from aiosmtplib import SMTPException
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from feeds.archive.settings import ArchiveSettings
from feeds.audit.publishing.settings import Destination, KafkaTopic
from feeds.bus.brokers import Brokers
from feeds.bus.incoming.settings import BusInSettings
from feeds.bus.settings import BusSettings
from feeds.credentials import CredentialMissing
from feeds.integrations import Integrations
from feeds.notifications.asking.asked import Asked, NoAnswer
from feeds.notifications.channels.mail import MailChannel
from feeds.notifications.settings import AskedSettings, MailSettings, NoticesSettings
from feeds.reading import SinkFailed
from feeds.reports.schedules.settings import ReportsSettings
from feeds.webhooks.addresses import AddressGuard, AddressRefused
from feeds.webhooks.settings import EndpointSettings
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace
from snapshots.errors import StoreError

TIMEOUT_S: Final = 10.0
NOBODY: Final = "croupier-check"
"""The player that services are asked for: whether they know one of that id does not matter."""
ADDRESSES_MAX: Final = 4
"""Addresses of an endpoint that are tried one after the other."""


class Attempt(NamedTuple):
    """What was tried, and how it went: `failure` is None if it answered as it should."""

    what: str
    failure: str | None
    found: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.found}" if self.failure is None else f"{self.what}: FAILED: {self.failure}"


class NotAsItShould(Exception):
    """It answered, but not so that it could be used. The message says why."""


async def try_all(integrations: Integrations) -> Sequence[Attempt]:
    """One attempt for each thing that the file names, in the file's order."""
    trials: list[tuple[str, Awaitable[str]]] = []
    if integrations.archive is not None:
        trials.append((f"archive at {integrations.archive.place.url}", _archive(integrations.archive)))
    if integrations.audit is not None:
        for name, destination in integrations.audit.publish.items():
            trials.append((f"audit destination {name}", _destination(destination)))
    if integrations.bus is not None:
        trials.append((_brokers_name("bus", integrations.bus), _bus(integrations.bus)))
    if integrations.bus_in is not None:
        trials.append((_brokers_name("bus_in", integrations.bus_in), _bus_in(integrations.bus_in)))
    if integrations.webhooks is not None:
        for name, endpoint in integrations.webhooks.endpoints.items():
            trials.append((f"webhook {name} at {urlsplit(endpoint.url).netloc}", _endpoint(endpoint)))
    if integrations.notices is not None:
        trials += _notices(integrations.notices)
    if integrations.reports is not None:
        trials += _reports(integrations.reports)
    return await asyncio.gather(*(_attempt(what, trial) for what, trial in trials))


async def _attempt(what: str, trial: Awaitable[str]) -> Attempt:
    try:
        async with asyncio.timeout(TIMEOUT_S + 2):
            return Attempt(what, None, await trial)
    except TimeoutError:
        return Attempt(what, f"no answer within {TIMEOUT_S:g} s")
    except (OSError, StoreError, SMTPException, CredentialMissing, NoAnswer, NotAsItShould, SinkFailed) as problem:
        return Attempt(what, str(problem) or type(problem).__name__)


# --- the archive


async def _archive(settings: ArchiveSettings) -> str:
    place = settings.place
    for folder in [settings.spool, *([] if "://" in place.url else [place.url])]:
        _check_folder(Path(folder))
    if "://" not in place.url:
        return "folder and spool can be written"
    days = await open_bucket(place).folders("segments")
    return f"the bucket answers ({'nothing is archived yet' if not days else f'archived from {days[0]} on'}); " \
        "the spool can be written"  # fmt: skip


def _check_folder(folder: Path) -> None:
    """Whether the folder can be written, or made where it is to be."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise NotAsItShould(f"{folder} can't be written: {there} is no folder, or not one of this user's")


# --- where checkpoints go


async def _destination(settings: Destination) -> str:
    if settings.bucket is not None:
        if "://" not in settings.bucket.url:
            _check_folder(Path(settings.bucket.url))
            return "the folder can be written"
        days = await open_bucket(settings.bucket).folders("checkpoints")
        return f"the bucket answers ({'it has no checkpoints yet' if not days else f'checkpoints from {days[0]} on'})"
    if settings.webhook is not None:
        return await _endpoint(settings.webhook)
    if settings.mail is not None:
        return await _mail(settings.mail.server)
    topic: KafkaTopic = settings.topic  # type: ignore[assignment]  # it is one of the four
    return await asyncio.to_thread(_topics, topic, [topic.topic])


# --- where reports go


def _reports(settings: ReportsSettings) -> list[tuple[str, Awaitable[str]]]:
    trials: list[tuple[str, Awaitable[str]]] = [
        (f"scheduled report {name} to {each.place.url}", _report_place(each.place))
        for name, each in settings.schedules.items()
        if each.place is not None
    ]
    if settings.mail is not None:
        trials.append((f"mail server of reports at {settings.mail.host}:{settings.mail.port}", _mail(settings.mail)))
    return trials


async def _report_place(place: ArchivePlace) -> str:
    if "://" not in place.url:
        _check_folder(Path(place.url))
        return "the folder can be written"
    await open_bucket(place).folders("")
    return "the bucket answers"


# --- brokers


def _brokers_name(section: str, brokers: Brokers) -> str:
    return f"{section} at {', '.join(brokers.brokers)}"


async def _bus(settings: BusSettings) -> str:
    wanted = {topic for topic in settings.by_family().values() if topic is not None}
    return await asyncio.to_thread(_topics, settings, wanted)


async def _bus_in(settings: BusInSettings) -> str:
    names = [topic.name for topic in settings.topics]
    return await asyncio.to_thread(_topics, settings, {*names, *map(settings.dead_letters_of, names)})


def _topics(settings: Brokers, wanted: Iterable[str]) -> str:
    """Asks the brokers for their topics. Raises NotAsItShould if there are not all."""
    heard: list[str] = []
    asking: dict[str, Any] = {"error_cb": lambda error: heard.append(error.str()), "log_level": 0}
    client = AdminClient(settings.client("croupier-check") | asking)
    try:
        known = client.list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as problem:
        client.poll(0)  # hands out why
        raise NotAsItShould(f"no broker answers: {heard[0] if heard else problem.args[0].str()}") from problem
    absent = sorted(topic for topic in wanted if topic not in known)
    if absent:
        raise NotAsItShould(f"the brokers answer, but have no topic {', '.join(absent)}")
    counts = ", ".join(f"{topic} ({len(known[topic].partitions)} partitions)" for topic in sorted(wanted))
    return f"the brokers answer, and have {counts}"


# --- endpoints


async def _endpoint(settings: EndpointSettings) -> str:
    """Connects as a delivery would, to addresses that are allowed only, and says goodbye without a request."""
    parts = urlsplit(settings.url)
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
    guard, problem = AddressGuard(settings.networks), OSError("its name has no address")
    for info in infos[:ADDRESSES_MAX]:
        address = str(info[4][0])
        try:
            guard.check(address)
            await _connect(address, port, host if parts.scheme == "https" else None)
        except (AddressRefused, OSError) as failure:
            problem = failure
        else:
            return f"{address} accepts connections{' with TLS' if parts.scheme == 'https' else ''}; nothing was sent"
    raise problem


async def _connect(address: str, port: int, tls_name: str | None) -> None:
    context = ssl.create_default_context() if tls_name is not None else None
    async with asyncio.timeout(TIMEOUT_S):
        _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=tls_name)
    writer.close()


# --- notices


def _notices(settings: NoticesSettings) -> list[tuple[str, Awaitable[str]]]:
    trials: list[tuple[str, Awaitable[str]]] = [
        (f"pam at {urlsplit(settings.pam.url).netloc}", _asked("pam", settings.pam, "/players/{id}/contact"))
    ]
    if settings.engine is not None:
        trials.append((f"engine at {urlsplit(settings.engine.url).netloc}",
                       _asked("engine", settings.engine, "/loyalty/{id}")))  # fmt: skip
    if settings.mail is not None:
        trials.append((f"mail server at {settings.mail.host}:{settings.mail.port}", _mail(settings.mail)))
    return trials


async def _asked(name: str, settings: AskedSettings, path: str) -> str:
    """Asks for a player who need not exist: what is tried is whether this caller is answered."""
    service = Asked(name, settings)
    try:
        answer = await service.about(NOBODY, path)
    finally:
        await service.close()
    return f"it answers, and knows {'no' if answer is None else 'a'} player {NOBODY}"


async def _mail(settings: MailSettings) -> str:
    channel = MailChannel(settings)
    try:
        await channel.reach()
    finally:
        await channel.close()
    return f"it accepts this client{' and its password' if settings.user is not None else ''}; nothing was sent"
