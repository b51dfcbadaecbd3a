"""Keys of players, and what is sealed under them.

A player's key is 32 random bytes. It is kept in a note of the reader `archive`, wrapped by the key-encryption key. When
the player is erased, a mark takes its place for good: what was sealed under it can't be read any more, by anybody. The
keys are spread over 65 536 notes, because a store keeps many players, but not that many notes.
"""

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from zlib import crc32

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from snapshots.contract import Store
from snapshots.errors import CorruptArchive

READER = "archive"
KEY_SIZE = 32
NOTE_PREFIX = "keys:"
ERASED = b"\x00"
_WRAPPED = b"\x01"
_NONCE_SIZE = 12
_note = msgspec.msgpack.Decoder(dict[str, bytes])


def read_key(text: str) -> bytes:
    """The key-encryption key from its text: 32 bytes in base64, or as 64 hexadecimal digits. Raises ValueError."""
    text = text.strip()
    try:
        key = bytes.fromhex(text) if len(text) == 2 * KEY_SIZE else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_SIZE:
        raise ValueError("the key-encryption key must be 32 bytes, in base64 or as 64 hexadecimal digits")
    return key


def wrap(kek: bytes, player_id: str, key: bytes) -> bytes:
    """The player's key as it rests in a note."""
    return _WRAPPED + seal(kek, _bound(player_id), key)


def unwrap(kek: bytes, player_id: str, wrapped: bytes, previous: Sequence[bytes] = ()) -> bytes | None:
    """The player's key; None if it was destroyed. `previous` are former key-encryption keys.

    Raises CorruptArchive if it was wrapped under yet another key.
    """
    if wrapped == ERASED:
        return None
    if wrapped[:1] == _WRAPPED:
        for candidate in (kek, *previous):
            key = unseal(candidate, _bound(player_id), wrapped[1:])
            if key is not None:
                return key
    raise CorruptArchive(f"the archive's key of player {player_id} is not wrapped under this key-encryption key")


def rewrapped(kek: bytes, player_id: str, wrapped: bytes, previous: Sequence[bytes]) -> bytes | None:
    """The player's key wrapped under `kek`; None if it is so already, or was destroyed. Raises CorruptArchive."""
    if wrapped == ERASED or unseal(kek, _bound(player_id), wrapped[1:]) is not None:
        return None
    key = unwrap(kek, player_id, wrapped, previous)
    return None if key is None else wrap(kek, player_id, key)


def _bound(player_id: str) -> str:
    return f"key:{player_id}"


def note_name(player_id: str) -> str:
    """In which note a player's key is."""
    return f"{NOTE_PREFIX}{crc32(player_id.encode()) & 0xFFFF:04x}"


def encode_note(keys: Mapping[str, bytes]) -> bytes:
    """Wrapped keys by player, as one note."""
    return msgspec.msgpack.encode(keys)


def decode_note(note: bytes | None) -> dict[str, bytes]:
    """Wrapped keys by player; none if there is no such note. Raises CorruptArchive."""
    try:
        return {} if note is None else _note.decode(note)
    except msgspec.DecodeError as error:
        raise CorruptArchive(f"a note with the archive's keys can't be read: {error}") from None


def seal(key: bytes, bound: str, content: bytes) -> bytes:
    """AES-256-GCM under a random nonce. What is sealed can be opened for the same `bound` only."""
    nonce = os.urandom(_NONCE_SIZE)
    return nonce + AESGCM(key).encrypt(nonce, content, bound.encode())


def unseal(key: bytes, bound: str, box: bytes) -> bytes | None:
    """The content; None if key or `bound` are others, or the box was changed."""
    try:
        return AESGCM(key).decrypt(box[:_NONCE_SIZE], box[_NONCE_SIZE:], bound.encode())
    except (InvalidTag, ValueError):
        return None


class KeyRing:
    """Keys of players, read from their notes each time: a key that was destroyed must not live on in a memory."""

    def __init__(self, store: Store, kek: bytes, previous: Sequence[bytes] = ()) -> None:
        self._store, self._kek, self._previous = store, kek, previous

    async def key(self, player_id: str) -> bytes | None:
        """The player's key; None if it was destroyed. Raises StoreError, CorruptArchive."""
        name = note_name(player_id)
        notes = await self._store.reader_notes(READER, name, limit=1)
        return unwrap(self._kek, player_id, decode_note(notes.get(name)).get(player_id, ERASED), self._previous)
