"""Where finished reports go. A name that is taken is never written over: then an earlier life has delivered it."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.utils import formataddr, formatdate
from pathlib import Path
from typing import Protocol

import aiosmtplib
import msgspec

from feeds.notifications.settings import MailSettings
from feeds.reports.schedules.settings import Format
from snapshots.archive.place import Bucket
from snapshots.credentials import CredentialMissing
from snapshots.errors import AlreadyStored, ArchiveUnavailable, StoreUnsuitable

FILE_BYTES_MAX = 268_435_456
"""Of a report that is brought to a folder or a bucket."""
ATTACHMENT_BYTES_MAX = 15_728_640
"""Of a report that is sent by mail: many servers take no more than 20 MiB, and a mail's coding adds a third."""
_TYPES: dict[Format, tuple[str, str]] = {
    "pdf": ("application", "pdf"),
    "csv": ("text", "csv"),
    "json": ("application", "json"),
}


class DeliveryFailed(Exception):
    """It could not be delivered now. The message is for the operator."""


class Delivery(msgspec.Struct, frozen=True):
    """A finished report. `name` is that of its file; `remarks` are sentences about how it came."""

    name: str
    format: Format
    title: str
    file: Path
    remarks: tuple[str, ...] = ()


class Destination(Protocol):
    """`once`: a second delivery of the same name does nothing, whoever makes it."""

    once: bool

    async def deliver(self, delivery: Delivery) -> None:
        """Returns when it is there for good. Raises DeliveryFailed."""


class PlaceDestination:
    """A folder or a bucket. It is opened when something is first brought there: a destination whose key is gone fails
    its own schedules, and nothing else.
    """

    once = True

    def __init__(self, open_place: Callable[[], Bucket]) -> None:
        self._open_place = open_place
        self._bucket: Bucket | None = None

    async def deliver(self, delivery: Delivery) -> None:
        """See Destination. What lies there under the name stays, even if the report would now say something else."""
        bucket = self._opened()
        content = await _content(delivery, FILE_BYTES_MAX, "choose a shorter period")
        try:
            await bucket.put_new(delivery.name, content)
        except AlreadyStored:
            return
        except ArchiveUnavailable as problem:
            raise DeliveryFailed(str(problem).replace("the archive", "the destination")) from problem

    def _opened(self) -> Bucket:
        if self._bucket is None:
            try:
                self._bucket = self._open_place()
            except (StoreUnsuitable, CredentialMissing) as problem:
                raise DeliveryFailed(f"the destination can't be opened: {problem}") from problem
        return self._bucket


class MailDestination:
    """Mailboxes. A mail can't be taken back, and a server that breaks off may have it: then it is sent again, under the
    same Message-ID.
    """

    once = False

    def __init__(self, settings: MailSettings, readers: Sequence[str]) -> None:
        self._settings, self._readers = settings, readers

    async def deliver(self, delivery: Delivery) -> None:
        """See Destination."""
        settings = self._settings
        message = await self._message(delivery)
        try:
            await aiosmtplib.send(
                message,
                recipients=list(self._readers),
                hostname=settings.host,
                port=settings.port,
                username=settings.user,
                password=None if settings.password is None else settings.password.read(),
                use_tls=settings.tls == "implicit",
                start_tls=settings.tls == "starttls",
                tls_context=None if settings.tls == "none" else ssl.create_default_context(cafile=settings.ca_file),
                timeout=settings.timeout_s,
            )
        except (aiosmtplib.SMTPException, OSError, CredentialMissing) as problem:
            raise DeliveryFailed(f"the mail server {settings.host}: {type(problem).__name__}: {problem}") from problem

    async def _message(self, delivery: Delivery) -> EmailMessage:
        message = EmailMessage()
        message["From"] = formataddr((self._settings.sender_name, self._settings.sender))
        message["To"] = ", ".join(self._readers)
        message["Subject"] = delivery.title
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = f"<{delivery.name.replace('/', '.')}@{self._settings.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content("\n\n".join((f"{delivery.title}: see the file in this mail.", *delivery.remarks)) + "\n")
        content = await _content(delivery, ATTACHMENT_BYTES_MAX, "let it go to a folder or a bucket")
        major, minor = _TYPES[delivery.format]
        message.add_attachment(content, maintype=major, subtype=minor, filename=delivery.name.rpartition("/")[2])
        return message


async def _content(delivery: Delivery, longest: int, way_out: str) -> bytes:
    size = delivery.file.stat().st_size
    if size > longest:
        raise DeliveryFailed(f"the report has {size} bytes, and {longest} are possible here: {way_out}")
    return await asyncio.to_thread(delivery.file.read_bytes)
