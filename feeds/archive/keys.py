"""Players' keys for writing: made when they are first needed, and destroyed when the player is erased."""

import asyncio
import base64
import logging
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path

from feeds.archive.settings import ArchiveSettings
from feeds.reading import Notes, SinkFailed
from snapshots.archive.sealing import ERASED, KEY_SIZE, NOTE_PREFIX, read_key, unwrap, wrap
from snapshots.credentials import CredentialMissing

log = logging.getLogger("croupier.archive")

KEYS_CACHED_MAX = 20_000


class KeyBook:
    """Keys by player. New ones and erasures are handed out as notes, to be written before, or after, the records."""

    def __init__(self, notes: Notes, kek: bytes) -> None:
        self._notes, self._kek = notes, kek
        self._known: OrderedDict[str, bytes | None] = OrderedDict()
        self._unwritten: dict[str, bytes] = {}
        self._one_by_one = asyncio.Lock()

    async def keys(self, players: Iterable[str]) -> Mapping[str, bytes | None]:
        """The key of each; None if it was destroyed. Who has none yet gets one. Raises StoreError, CorruptArchive."""
        async with self._one_by_one:
            return {player_id: await self._key(player_id) for player_id in players}

    def erase(self, player_id: str) -> None:
        """From now on the player has no key. What keeps it so is a note: the caller writes `erasures`."""
        self._unwritten.pop(player_id, None)
        self._know(player_id, None)

    def take_new(self) -> dict[str, bytes]:
        """Notes of the keys that were made since the last call."""
        taken, self._unwritten = self._unwritten, {}
        return taken

    async def _key(self, player_id: str) -> bytes | None:
        if player_id in self._known:
            self._known.move_to_end(player_id)
            return self._known[player_id]
        name = note_name(player_id)
        note = self._unwritten.get(player_id) or (await self._notes.read(name, limit=1)).get(name)
        key = os.urandom(KEY_SIZE) if note is None else unwrap(self._kek, player_id, note)
        if note is None and key is not None:
            self._unwritten[player_id] = wrap(self._kek, player_id, key)
        self._know(player_id, key)
        return key

    def _know(self, player_id: str, key: bytes | None) -> None:
        self._known[player_id] = key
        if len(self._known) > KEYS_CACHED_MAX:
            self._known.popitem(last=False)


def note_name(player_id: str) -> str:
    """Under which name a player's key is noted."""
    return NOTE_PREFIX + player_id


def erasures(players: Iterable[str]) -> dict[str, bytes]:
    """Notes that take the place of keys for good."""
    return {note_name(player_id): ERASED for player_id in players}


def key_encryption_key(settings: ArchiveSettings) -> bytes:
    """The key that wraps all others. Raises SinkFailed if there is none where the settings say."""
    try:
        text = _made(Path(str(settings.key_file))) if settings.key is None else settings.key.read()
        return read_key(text)
    except (CredentialMissing, OSError, ValueError) as error:
        raise SinkFailed(f"The archive has no key: {error}") from error


def _made(path: Path) -> str:
    if path.exists():
        return path.read_text()
    text = base64.b64encode(os.urandom(KEY_SIZE)).decode()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, text.encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    log.warning(
        "made the archive's key in %s: keep a copy elsewhere, personal data in the archive can't be read without it",
        path,
    )
    return text
