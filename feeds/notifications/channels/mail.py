"""Mail by SMTP. Connections are used again; answers are told apart: of this mail, or of the server."""

import asyncio
import logging
import ssl
import time
from collections.abc import Sequence
from email.errors import MessageError
from email.header import Header
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import formataddr, formatdate
from typing import Final

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from actors.routing.breaker import Breaker
from feeds.credentials import CredentialMissing
from feeds.notifications.channels.channel import Sent
from feeds.notifications.settings import MailSettings
from feeds.notifications.words.wording import Wording
from feeds.reading import SinkFailed

log = logging.getLogger("croupier.notices")

IDLE_MAX_S: Final = 20.0
"""A connection that rested longer is not used again: servers close idle ones."""
ADDRESS_CHARS_MAX: Final = 254
LINE_CHARS_MAX: Final = 900
SHUTTING_DOWN: Final = 421
PERMANENT: Final = 500
_POLICY: Final = compat32.clone(mangle_from_=False, max_line_length=None)
_BREAKS_ADDRESS: Final = frozenset(' \t\r\n<>,;:"()[]\\')


class MailChannel:
    """Implements `Channel`. Belongs to one event loop."""

    once = False

    def __init__(self, settings: MailSettings) -> None:
        self.breaker = Breaker("mail")
        self._settings = settings
        self._password = _password(settings)
        self._tls = _tls(settings)
        self._places = asyncio.Semaphore(settings.connections)
        self._idle: list[tuple[aiosmtplib.SMTP, float]] = []

    def usable(self, addresses: Sequence[str]) -> tuple[str, ...]:
        """The first address of the form of a mail address: one mail has one reader."""
        return tuple(each for each in addresses if _is_address(each))[:1]

    async def reach(self) -> None:
        """Connects as for a mail, with TLS and login, and says goodbye. Raises SMTPException, OSError."""
        client = await self._connected()
        await client.quit()

    async def send(self, addresses: Sequence[str], wording: Wording, message_id: str) -> Sent:
        """See Channel. Only a connection that breaks while the server has the whole mail leaves it `unknown`."""
        try:
            content = self.written(addresses[0], wording, message_id)
        except ValueError as problem:
            self.breaker.gave_up()
            return Sent("refused", f"it can't be written as a mail: {problem}")
        try:
            async with self._places:
                return await self._attempt(addresses[0], content)
        except asyncio.CancelledError:
            self.breaker.gave_up()
            raise

    def written(self, to: str, wording: Wording, message_id: str) -> bytes:
        """The mail. Raises ValueError if a header can't be written."""
        try:
            return self._message(to, wording, message_id).as_bytes(policy=_POLICY)
        except MessageError as problem:
            raise ValueError(f"a header can't be written: {type(problem).__name__}") from problem

    async def close(self) -> None:
        """See Channel."""
        idle, self._idle = self._idle, []
        for client, _ in idle:
            client.close()

    async def _attempt(self, to: str, content: bytes) -> Sent:
        try:
            client = await self._connected()
        except (SMTPException, OSError, ValueError) as problem:
            why = f"the mail server can't be used: {_words(problem)}"
            self.breaker.failed(why)
            return Sent("later", why)
        handed = False
        try:
            await client.mail(self._settings.sender)
            await client.rcpt(to)
            handed = True
            await client.data(content)
        except SMTPResponseException as answer:
            return await self._answered(client, answer)
        except (SMTPException, OSError) as problem:
            client.close()
            why = f"the mail server broke off: {_words(problem)}"
            self.breaker.failed(why)
            return Sent("unknown" if handed else "later", why)
        except BaseException:
            client.close()
            raise
        self.breaker.succeeded()
        self._idle.append((client, time.monotonic()))
        return Sent("sent")

    async def _answered(self, client: aiosmtplib.SMTP, answer: SMTPResponseException) -> Sent:
        """The server refuses, for a while (4xx) or for good; it works, unless it refuses the sender or shuts down."""
        try:
            await client.rset()
            self._idle.append((client, time.monotonic()))
        except (SMTPException, OSError):
            client.close()
        refused_sender = isinstance(answer, aiosmtplib.SMTPSenderRefused)
        why = f"the mail server answers {answer.code}{' to the sender' if refused_sender else ''}"
        if refused_sender or answer.code == SHUTTING_DOWN:
            self.breaker.failed(why)
            return Sent("later", why)
        self.breaker.succeeded()
        return Sent("refused" if answer.code >= PERMANENT else "later", why)

    async def _connected(self) -> aiosmtplib.SMTP:
        while self._idle:
            client, since = self._idle.pop()
            if time.monotonic() - since <= IDLE_MAX_S and await _alive(client):
                return client
            client.close()
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.user,
            password=self._password,
            use_tls=settings.tls == "implicit",
            start_tls=settings.tls == "starttls",
            tls_context=self._tls,
            timeout=settings.timeout_s,
        )
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        return client

    def _message(self, to: str, wording: Wording, message_id: str) -> Message:
        """By the library's older classes: the newer ones parse what they write, which takes milliseconds."""
        message = _body(wording)
        message["From"] = formataddr((self._settings.sender_name, self._settings.sender))
        message["To"] = to
        charset = None if wording.subject.isascii() else "utf-8"
        message["Subject"] = Header(wording.subject, charset, header_name="Subject").encode()
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = message_id
        message["Auto-Submitted"] = "auto-generated"
        if wording.unsubscribe_url:
            message["List-Unsubscribe"] = f"<{wording.unsubscribe_url}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return message


def _body(wording: Wording) -> Message:
    plain = _part(wording.text, "plain")
    if not wording.html:
        return plain
    both = MIMEMultipart("alternative")
    both.attach(plain)
    both.attach(_part(wording.html, "html"))
    return both


def _part(text: str, subtype: str) -> MIMEText:
    """As it is if a mail can carry it so, else encoded."""
    as_is = text.isascii() and all(len(line) <= LINE_CHARS_MAX for line in text.split("\n"))
    return MIMEText(text, subtype, "us-ascii" if as_is else "utf-8")


async def _alive(client: aiosmtplib.SMTP) -> bool:
    try:
        await client.noop()
    except (SMTPException, OSError):
        return False
    return True


def _is_address(text: str) -> bool:
    name, at, domain = text.rpartition("@")
    return bool(
        name and at and domain and len(text) <= ADDRESS_CHARS_MAX and text.isascii() and text.isprintable()
    ) and not (_BREAKS_ADDRESS & set(text) or "@" in name)


def _password(settings: MailSettings) -> str | None:
    try:
        return None if settings.password is None else settings.password.read()
    except CredentialMissing as missing:
        raise SinkFailed(f"notices: the password of the mail server: {missing}") from missing


def _tls(settings: MailSettings) -> ssl.SSLContext | None:
    if settings.tls == "none":
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as problem:
        raise SinkFailed(f"notices: ca_file of the mail server can't be read: {problem}") from problem


def _words(problem: BaseException) -> str:
    code = getattr(problem, "code", None)
    return type(problem).__name__ if code is None else f"{type(problem).__name__}, it answers {code}"
