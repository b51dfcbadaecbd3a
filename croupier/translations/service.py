"""What a translation service must offer, and how its texts are fetched and read."""

import json
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from urllib.request import urlopen

DOWNLOAD_BYTES_MAX: Final = 32 << 20
TIMEOUT_S: Final = 60
Translations = dict[str, dict[str, str]]


class TextsFailed(Exception):
    """One sentence for whoever typed the command: what is missing, or what the service said."""


class Access(NamedTuple):
    """How a project of a service is reached. `api_url` None: the vendor's own."""

    token: str
    project: str
    api_url: str | None = None


class TranslationService(Protocol):
    """A translation service. Both methods raise TextsFailed."""

    def push(self, source: Path) -> None:
        """Sends the English file."""

    def pull(self) -> Translations:
        """All translations by language. English may be among them; a text that nobody has translated may be empty."""


def download(url: str) -> bytes:
    """Downloads the file at a URL that a service gave. Raises TextsFailed."""
    if not url.startswith(("https://", "http://")):
        raise TextsFailed("the service gave an address that is not http or https")
    try:
        with urlopen(url, timeout=TIMEOUT_S) as response:
            content: bytes = response.read(DOWNLOAD_BYTES_MAX + 1)
    except OSError as failure:
        raise TextsFailed(f"the texts could not be downloaded: {failure}") from failure
    if len(content) > DOWNLOAD_BYTES_MAX:
        raise TextsFailed(f"the service sent more than {DOWNLOAD_BYTES_MAX} bytes of texts")
    return content


def parse_texts(name: str, content: bytes) -> dict[str, str]:
    """A flat JSON object of texts; null stands for a text that nobody has written. Raises TextsFailed."""
    try:
        found = json.loads(content)
    except ValueError as error:
        raise TextsFailed(f"the service sent {name}, which is not JSON: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(text, str | None) for text in found.values()):
        raise TextsFailed(f"the service sent {name}, which is not a flat object of texts")
    return {key: text or "" for key, text in found.items()}
