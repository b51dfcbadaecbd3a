"""One question over HTTP with a proof of who asks, behind a breaker. Answers are read up to a limit."""

import hmac
import time
from typing import Final
from urllib.parse import quote, urlsplit

import aiohttp

from actors.routing.breaker import Breaker
from feeds.credentials import CredentialMissing
from feeds.notifications.settings import AskedSettings
from feeds.reading import SinkFailed

ANSWER_BYTES_MAX: Final = 65_536
CONNECTIONS_MAX: Final = 16
NOT_FOUND: Final = 404


class NoAnswer(Exception):
    """Nothing that can be used was answered, or nobody was asked because the breaker is open. The message says why."""


class Asked:
    """A service that answers for a player. It belongs to one event loop."""

    def __init__(self, name: str, settings: AskedSettings) -> None:
        self.breaker = Breaker(name)
        self._settings = settings
        self._base = settings.url.rstrip("/")
        self._secret = _secret(name, settings)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
            timeout=aiohttp.ClientTimeout(total=settings.timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers={"accept": "application/json", "user-agent": "croupier-notices/1"},
        )

    async def about(self, player_id: str, path: str) -> bytes | None:
        """The answer to a GET of `path`, in which `{id}` is the player; None if it knows no such player.

        Raises NoAnswer.
        """
        if not self.breaker.allows():
            raise NoAnswer(f"{self.breaker.name} is not asked for {self.breaker.left_s:.0f} s: it does not answer")
        try:
            answer = await self._get(self._base + path.format(id=quote(player_id, safe="")))
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as problem:
            why = f"{self.breaker.name} does not answer: {type(problem).__name__}"
            self.breaker.failed(why)
            raise NoAnswer(why) from problem
        except NoAnswer as refused:
            self.breaker.failed(str(refused))
            raise
        except BaseException:
            self.breaker.gave_up()
            raise
        self.breaker.succeeded()
        return answer

    async def close(self) -> None:
        """Closes all connections."""
        await self._session.close()

    async def _get(self, url: str) -> bytes | None:
        async with self._session.get(url, headers=self._proof(url), allow_redirects=False) as response:
            if response.status == NOT_FOUND:
                return None
            if response.status != 200:
                raise NoAnswer(f"{self.breaker.name} answers {response.status}")
            content = bytearray()
            async for chunk in response.content.iter_chunked(8_192):
                content += chunk
                if len(content) > ANSWER_BYTES_MAX:
                    raise NoAnswer(f"{self.breaker.name} answers more than {ANSWER_BYTES_MAX} bytes")
            return bytes(content)

    def _proof(self, url: str) -> dict[str, str]:
        if self._settings.signature is None:
            return {"authorization": f"Bearer {self._secret}"} if self._secret else {}
        now, parts = str(int(time.time())), urlsplit(url)
        message = f"{now}\nGET\n{parts.path}\n\n".encode()
        return {
            "x-api-key": self._settings.signature.key_id,
            "x-request-timestamp": now,
            "x-request-sign": hmac.new(self._secret.encode(), message, "sha256").hexdigest(),
        }


def _secret(name: str, settings: AskedSettings) -> str:
    place = settings.signature.secret if settings.signature else settings.bearer
    try:
        return "" if place is None else place.read()
    except CredentialMissing as missing:
        raise SinkFailed(f"notices: the secret of {name}: {missing}") from missing
