"""Players' keys for writing: made when they are first needed, and destroyed when the player is erased."""

import asyncio
import base64
import logging
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

from feeds.archive.settings import ArchiveSettings
from feeds.reading import Notes, SinkFailed
from snapshots.archive.sealing import (
    ERASED,
    KEY_SIZE,
    KeyRing,
    decode_note,
    encode_note,
    note_name,
    read_key,
    rewrapped,
    unwrap,
    wrap,
)
from snapshots.contract import Store
from snapshots.credentials import Credential, CredentialMissing
from snapshots.errors import CorruptArchive

log = logging.getLogger("croupier.archive")

KEYS_CACHED_MAX = 20_000
NOTES_CACHED_MAX = 4_096
LOST = "without it personal data in the archive is lost"


class KeyBook:
    """Keys by player, and the notes in which they are kept.

    What changed is handed out with `changes`, for the caller to write; `written` says that it is in the store. A key
    that one of the `previous` key-encryption keys wraps can be read.
    """

    def __init__(self, notes: Notes, kek: bytes, previous: Sequence[bytes] = ()) -> None:
        self._notes, self._kek, self._previous = notes, kek, previous
        self._keys: OrderedDict[str, bytes | None] = OrderedDict()
        self._kept: OrderedDict[str, dict[str, bytes]] = OrderedDict()
        """The last notes that were needed, by name."""
        self._changed: set[str] = set()
        self._on_their_way: set[str] = set()
        self._one_by_one = asyncio.Lock()

    async def keys(self, players: Iterable[str]) -> Mapping[str, bytes | None]:
        """The key of each; None if it was destroyed. Who has none yet gets one. Raises StoreError, CorruptArchive."""
        async with self._one_by_one:
            return {player_id: await self._key(player_id) for player_id in players}

    async def erase(self, player_id: str) -> bool:
        """From now on the player has no key. Answers whether that is new. Raises as `keys`."""
        async with self._one_by_one:
            note = await self._note(player_id)
            if note.get(player_id) == ERASED:
                return False
            self._change(player_id, note, ERASED, None)
            return True

    async def rewrap(self, name: str) -> tuple[int, list[str]]:
        """Wraps the keys of a note anew that a former key-encryption key wraps. Answers how many there were, and the
        players whose keys none of ours opens: those stay as they are. Raises StoreError, CorruptArchive.
        """
        done, lost = 0, list[str]()
        async with self._one_by_one:
            note = await self._note_named(name)
            for player_id, wrapped in list(note.items()):
                try:
                    again = rewrapped(self._kek, player_id, wrapped, self._previous)
                except CorruptArchive:
                    lost.append(player_id)
                    continue
                if again is not None:
                    note[player_id] = again
                    done += 1
            if done:
                self._changed.add(name)
        return done, lost

    @property
    def changed(self) -> bool:
        """Whether `changes` has something."""
        return bool(self._changed)

    @property
    def unwritten(self) -> bool:
        """Whether something is not in the store yet."""
        return bool(self._changed or self._on_their_way)

    def changes(self) -> dict[str, bytes]:
        """The notes that changed since the last call."""
        self._on_their_way, self._changed = self._changed, set()
        return {name: encode_note(self._kept[name]) for name in self._on_their_way}

    def written(self) -> None:
        """What `changes` handed out is in the store: it can be read again from there."""
        self._on_their_way = set()

    async def _key(self, player_id: str) -> bytes | None:
        if player_id in self._keys:
            self._keys.move_to_end(player_id)
            return self._keys[player_id]
        note = await self._note(player_id)
        wrapped = note.get(player_id)
        if wrapped is not None:
            key = unwrap(self._kek, player_id, wrapped, self._previous)
            self._know(player_id, key)
            return key
        key = os.urandom(KEY_SIZE)
        self._change(player_id, note, wrap(self._kek, player_id, key), key)
        return key

    async def _note(self, player_id: str) -> dict[str, bytes]:
        return await self._note_named(note_name(player_id))

    async def _note_named(self, name: str) -> dict[str, bytes]:
        if name not in self._kept:
            self._kept[name] = decode_note((await self._notes.read(name, limit=1)).get(name))
            self._let_go()
        self._kept.move_to_end(name)
        return self._kept[name]

    def _change(self, player_id: str, note: dict[str, bytes], wrapped: bytes, key: bytes | None) -> None:
        note[player_id] = wrapped
        self._changed.add(note_name(player_id))
        self._know(player_id, key)

    def _know(self, player_id: str, key: bytes | None) -> None:
        self._keys[player_id] = key
        if len(self._keys) > KEYS_CACHED_MAX:
            self._keys.popitem(last=False)

    def _let_go(self) -> None:
        """The oldest notes, but none that the store does not have yet."""
        for name in list(islice(self._kept, max(0, len(self._kept) - NOTES_CACHED_MAX))):
            if name not in self._changed and name not in self._on_their_way:
                del self._kept[name]


def key_encryption_key(settings: ArchiveSettings) -> bytes:
    """The key that wraps all others. Raises SinkFailed if there is none where the settings say."""
    try:
        text = made_key(Path(str(settings.key_file)), LOST) if settings.key is None else settings.key.read()
        return read_key(text)
    except (CredentialMissing, OSError, ValueError) as error:
        raise SinkFailed(f"The archive has no key: {error}") from error


def previous_keys(settings: ArchiveSettings) -> tuple[bytes, ...]:
    """The former key-encryption keys. Raises SinkFailed if one is not there."""
    return tuple(map(_former, settings.previous_keys))


def _former(where: Credential) -> bytes:
    try:
        return read_key(where.read())
    except (CredentialMissing, ValueError) as error:
        raise SinkFailed(f"The archive has not all previous_keys: {error}") from error


def key_ring(settings: ArchiveSettings, store: Store) -> KeyRing:
    """Players' keys for reading the archive. Raises SinkFailed."""
    return KeyRing(store, key_encryption_key(settings), previous_keys(settings))


def made_key(path: Path, lost: str) -> str:
    """The file's text. Of several processes that make it at once, one does: a file is there whole or not at all.

    `lost` says to the operator what is lost without it. Raises OSError.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
        _write_secret(new, base64.b64encode(os.urandom(KEY_SIZE)) + b"\n")
        try:
            os.link(new, path)
            log.warning("made a key in %s: keep a copy elsewhere, %s", path, lost)
        except FileExistsError:
            pass
        finally:
            new.unlink()
    return path.read_text()


def _write_secret(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
