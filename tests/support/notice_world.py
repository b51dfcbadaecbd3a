"""What notices meet, on real sockets: a mail server, a service that Apprise posts to, the platform, a gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session
from prometheus_client import CollectorRegistry

from engine import events as e
from engine.catalog import Privileges
from engine.events import AnyEvent
from engine.transition import Transition
from feeds.notifications.metrics import NoticeMetrics
from feeds.notifications.settings import NoticesSettings
from feeds.notifications.sink import NoticesSink
from feeds.reading import Followed
from snapshots.codec import KeyedEntry, checksum, encode_entry
from snapshots.records import GENESIS, LogRecord, Position
from tests.support.notes import MemoryNotes
from tests.support.patience import PATIENCE_S

MORNING_MS = 1_772_353_800_000
"""2026-03-01 08:30 UTC."""
HOUR_MS = 3_600_000
TEXTS = {
    "notice.level_changed.subject": "You are {{ level }} now",
    "notice.level_changed.text": "Hello {{ player_id }}, {{ old_level }} became {{ level }}. {{ unsubscribe_url }}",
    "notice.level_changed.html": "<p>{{ level }}</p>",
    "notice.level_changed.short": "{{ level }}!",
    "notice.bonus_granted.subject": "{{ campaign }}",
    "notice.bonus_granted.text": "{{ amount }} until {{ expires }}",
    "notice.bonus_granted.short": "{{ amount }}",
    "notice.bonus_expiring.subject": "{{ campaign }} ends",
    "notice.bonus_expiring.text": "{{ amount }} until {{ expires }}",
    "notice.points_expiring.subject": "Your points",
    "notice.points_expiring.text": "{{ points }} until {{ expires }}",
    "notice.withdrawal_confirmed.subject": "Your withdrawal",
    "notice.withdrawal_confirmed.text": "{{ amount }} is on its way",
    "notice.withdrawal_confirmed.short": "{{ amount }}",
    "level.gold.name": "Gold",
    "campaign.welcome.name": "Welcome",
}
GERMAN = {
    "notice.format.date": "%d.%m.%Y %H:%M",
    "notice.format.decimal_point": ",",
    "notice.bonus_granted.subject": "{{ campaign }}",
    "notice.bonus_granted.text": "{{ amount }} bis {{ expires }}",
    "campaign.welcome.name": "Willkommen",
}
CONTACT: dict[str, Any] = {
    "language": "en",
    "time_zone": "UTC",
    "currency": "EUR",
    "addresses": {"email": "anna@players.example", "sms": "+4915550100", "push": ["token-1", "token-2"]},
    "consents": {"casino": {"email": True, "sms": True, "push": True}},
}


class MailServer:
    """An SMTP server. `script` may answer a DATA instead of "250 OK"; `mails` were accepted."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.attempts: list[EmailMessage] = []
        self.script: Callable[[int], str | None] = lambda _: None
        self.rcpt_script: Callable[[str], str | None] = lambda _: None
        self.hold = asyncio.Event()
        self.hold.set()
        self.port = 0
        self.options: dict[str, Any] = {}
        """Of the library's server: TLS, logins."""
        self._connections: list[SMTP] = []
        self._server: asyncio.Server | None = None

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """The library's name for what answers RCPT."""
        said = self.rcpt_script(address)
        if said is not None:
            return said
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """The library's name for what answers DATA."""
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.attempts.append(mail)
        await self.hold.wait()
        said = self.script(len(self.attempts))
        if said == "break":
            assert server.transport is not None
            server.transport.abort()
            return "250 never heard"
        if said is not None:
            return said
        self.mails.append(mail)
        return "250 OK"

    async def start(self) -> None:
        """Listens, on the port it had before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Ends the server and its connections."""
        self.hold.set()
        if self._server is not None:
            self._server.close()
            for connection in self._connections:
                if connection.transport is not None:
                    connection.transport.abort()
            await self._server.wait_closed()

    def _connected(self) -> SMTP:
        made = SMTP(self, hostname="mail.example", loop=asyncio.get_running_loop(), **self.options)
        self._connections.append(made)
        return made


class World:
    """One deployment. Its sinks follow each other over the same notes and settings."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now_ms = folder, MORNING_MS
        self.mail = MailServer()
        self.notes, self.registry = MemoryNotes(), CollectorRegistry()
        self.contacts: dict[str, dict[str, Any] | int] = {}
        self.loyalty: dict[str, dict[str, Any] | int] = {}
        self.asked: list[web.Request] = []
        self.posted: list[dict[str, Any]] = []
        self.post_status, self.post_delay_s = 200, 0.0
        self.url = ""
        self._metrics = NoticeMetrics(self.registry)
        self._seq = 0

    def settings(self, **changed: object) -> NoticesSettings:
        """Mail, `sms` and `push`; `changed` are fields as in JSON."""
        made: dict[str, object] = {
            "pam": {"url": self.url, "timeout_s": 0.5},
            "product": "casino",
            "catalog": str(self.folder),
            "kinds": {"level_changed": {"channels": ["email"]}},
            "mail": {"host": "127.0.0.1", "port": self.mail.port, "tls": "none", "sender": "no-reply@casino.example"},
            "channels": {
                "sms": {"url": self.secret("sms", f"json://{self.url.removeprefix('http://')}/post/{{to}}")},
                "push": {"url": self.secret("push", f"json://{self.url.removeprefix('http://')}/post/{{to}}")},
            },
            "unsubscribe": {
                "url": "https://casino.example/out?p={player}&t={token}",
                "key": self.secret("key", "unguessable"),
            },
        }
        return msgspec.convert(made | changed, NoticesSettings)

    def secret(self, name: str, value: str) -> dict[str, str]:
        """A credential in a file."""
        path = self.folder / f"{name}.secret"
        path.write_text(value)
        return {"file": str(path)}

    def write_texts(self, language: str, texts: Mapping[str, str]) -> None:
        """One file of `locales`."""
        (self.folder / "locales").mkdir(exist_ok=True)
        (self.folder / "locales" / f"{language}.json").write_text(json.dumps(texts))

    @asynccontextmanager
    async def sink(self, **changed: object) -> AsyncIterator[NoticesSink]:
        """An open sink whose clock is the world's."""
        made = NoticesSink(self.settings(**changed), self.notes, self._metrics, lambda: self.now_ms)
        try:
            await made.open()
            yield made
        finally:
            await made.close()

    def count(self, channel: str, outcome: str, category: str = "marketing") -> float:
        """`notices_total`."""
        labels = {"channel": channel, "category": category, "outcome": outcome}
        return self.registry.get_sample_value("notices_total", labels) or 0.0

    def happens(self, player_id: str, *events: AnyEvent, version: int = 1, seq: int | None = None) -> Followed:
        """A record in which this happens to the player, now."""
        self._seq = self._seq + 1 if seq is None else seq
        transition = Transition(
            player_id=player_id,
            version=version,
            time_ms=self.now_ms,
            command_id=f"test:{version}",
            content=b"c" * 8,
            events=events,
            answer=b"",
        )
        data = encode_entry(transition)
        entry = KeyedEntry(player_id, version, checksum(data), data)
        record = LogRecord(self._seq, GENESIS, GENESIS, b"")
        return Followed("s0", "s0-1", Position(1, self._seq), record, [entry])

    async def until(self, what: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
        """Waits until it is so."""
        async with asyncio.timeout(seconds):
            while not what():
                await asyncio.sleep(0.01)

    # --- what the sockets answer

    async def contact(self, request: web.Request) -> web.StreamResponse:
        """`GET /players/{id}/contact`; a number is a status, 0 never answers."""
        return await self._answer(request, self.contacts.get(request.match_info["id"], CONTACT))

    async def standing(self, request: web.Request) -> web.StreamResponse:
        """`GET /loyalty/{id}`."""
        return await self._answer(request, self.loyalty.get(request.match_info["id"], 404))

    async def _answer(self, request: web.Request, answer: dict[str, Any] | int) -> web.StreamResponse:
        self.asked.append(request)
        if answer == 0:
            await asyncio.sleep(3)
        return web.Response(status=answer) if isinstance(answer, int) else web.json_response(answer)

    async def post(self, request: web.Request) -> web.StreamResponse:
        """What Apprise sends."""
        self.posted.append({"to": request.match_info["to"], **await request.json()})
        await asyncio.sleep(self.post_delay_s)
        return web.Response(status=self.post_status)


@asynccontextmanager
async def notice_world(folder: Path) -> AsyncIterator[World]:
    """A world with English texts, that ends its servers."""
    world = World(folder)
    world.write_texts("en", TEXTS)
    app = web.Application()
    app.router.add_get("/players/{id}/contact", world.contact)
    app.router.add_get("/loyalty/{id}", world.standing)
    app.router.add_post("/post/{to}", world.post)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    world.url = f"http://{host}:{port}"
    await world.mail.start()
    try:
        yield world
    finally:
        await world.mail.stop()
        await runner.cleanup()


def level_changed(new: str = "gold", old: str = "silver", reason: str = "forced") -> e.LevelChanged:
    """The player's level is another one."""
    return e.LevelChanged(old, new, reason, Privileges(1_000_000, 0, "shared", 0, "standard", ()), True, "")


def bonus_granted(until_ms: int, grant_id: str = "g1", amount: int = 1_000) -> e.BonusGranted:
    """A bonus that waited before is in the wallet, to be wagered until then."""
    return e.BonusGranted(grant_id, "welcome", amount, until_ms, 0)


def words(part: Message | None) -> str:
    """The text of a mail, or of a part of it."""
    assert isinstance(part, EmailMessage)
    content: str = part.get_content()
    return content.rstrip()
