"""Players and batches as checksummed, versioned bytes. What decodes is what was encoded, or `Corrupt` is raised.

A batch is the MessagePack array `[format, [[player_id, version, crc32, entry]…], released slots, released players]`;
an entry is an encoded `Transition`. A snapshot blob is one byte of format, eight of checksum, then MessagePack. The
format says how the checksum is made; whatever was written once is read.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b, sha256
from typing import Final
from zlib import crc32

import msgspec

from engine.state import Player, PlayerState
from engine.state.window import Window
from engine.transition import Transition
from snapshots.contract import SnapshotRecord
from snapshots.errors import CorruptLog, CorruptSnapshot

BATCH_FORMAT = 1
SNAPSHOT_FORMAT = 2
_CHECKSUM_SIZE = 8
_BODY = 1 + _CHECKSUM_SIZE
_FORMAT_BYTE = bytes((SNAPSHOT_FORMAT,))

WindowParts = tuple[list[tuple[int, bytes]], bytes, bytes, int]


class KeyedEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One player's entry of a batch, still encoded. `version` is the player's version after it."""

    player_id: str
    version: int
    crc: int
    data: bytes


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """One log record. `released_*`: this log has no entry of those slots and dedicated players after this batch."""

    format: int
    entries: list[KeyedEntry]
    released_slots: list[int] = []
    released_players: list[str] = []


class _Format(msgspec.Struct, array_like=True):
    format: int


class _Inner(msgspec.Struct, array_like=True):
    player_id: str


_encoder = msgspec.msgpack.Encoder()
_transition = msgspec.msgpack.Decoder(Transition)
_batch = msgspec.msgpack.Decoder(Batch)
_format = msgspec.msgpack.Decoder(_Format)
_inner = msgspec.msgpack.Decoder(_Inner)
_state = msgspec.msgpack.Decoder(PlayerState)
_window = msgspec.msgpack.Decoder(WindowParts)


def encode_entry(transition: Transition) -> bytes:
    """A transition as it rests in the journal."""
    return _encoder.encode(transition)


def checksum(data: bytes) -> int:
    """The checksum of an encoded entry."""
    return crc32(data)


def encode_batch(
    entries: Sequence[tuple[str, int, bytes]],
    released_slots: Sequence[int] = (),
    released_players: Sequence[str] = (),
) -> bytes:
    """The payload of one append: (player_id, version, encoded entry) each, then what the shard lets go of (rule 6)."""
    keyed = [(player_id, version, crc32(data), data) for player_id, version, data in entries]
    return _encoder.encode((BATCH_FORMAT, keyed, released_slots, released_players))


def read_batch(payload: bytes) -> Batch:
    """The whole batch, entries still encoded and unchecked. Raises CorruptLog if the outer array can't be read."""
    try:
        batch = _batch.decode(payload)
    except msgspec.DecodeError:
        raise CorruptLog(_unreadable(payload)) from None
    if batch.format != BATCH_FORMAT:
        raise CorruptLog(_unreadable(payload))
    return batch


def decode_batch(payload: bytes) -> list[KeyedEntry]:
    """The entries of a batch, still encoded and unchecked: cheap. Raises CorruptLog as `read_batch`."""
    return read_batch(payload).entries


def _unreadable(payload: bytes) -> str:
    try:
        found = _format.decode(payload).format
    except msgspec.DecodeError:
        return "not a batch: its bytes are damaged"
    if found == BATCH_FORMAT:
        return f"a batch of format {found} with damaged bytes"
    return f"a batch of format {found}, but this version of Croupier reads format {BATCH_FORMAT} only"


def decode_entry(keyed: KeyedEntry) -> Transition:
    """The transition. Raises CorruptLog naming player and version if checksum or identity don't match."""
    name = f"entry {keyed.player_id!r} version {keyed.version}"
    if crc32(keyed.data) != keyed.crc:
        raise CorruptLog(f"{name}: checksum mismatch")
    try:
        transition = _transition.decode(keyed.data)
    except msgspec.DecodeError as error:
        raise CorruptLog(f"{name}: can't be decoded: {error}") from None
    if (transition.player_id, transition.version) != (keyed.player_id, keyed.version):
        raise CorruptLog(f"{name}: holds {transition.player_id!r} version {transition.version}")
    return transition


def owners(keyed: KeyedEntry) -> set[str]:
    """Every player a possibly damaged entry may belong to: the outer id and, where readable, the inner one."""
    try:
        return {keyed.player_id, _inner.decode(keyed.data).player_id}
    except msgspec.DecodeError:
        return {keyed.player_id}


def encode_snapshot(player: Player) -> SnapshotRecord:
    """Both parts of a player as they stand. The checksums bind them to the player's id and version."""
    state = player.state
    key = _key(state.player_id, state.version)
    return SnapshotRecord(
        player_id=state.player_id,
        version=state.version,
        state=_seal(key, _encoder.encode(state)),
        window=_seal(key, _encoder.encode(player.window.parts())),
    )


def decode_snapshot(record: SnapshotRecord) -> Player:
    """The player. Raises CorruptSnapshot naming player and version if a part is damaged or belongs elsewhere."""
    name = f"snapshot {record.player_id!r} version {record.version}"
    key = _key(record.player_id, record.version)
    try:
        state = _state.decode(_unseal(name, key, record.state))
        window = Window.from_parts(*_window.decode(_unseal(name, key, record.window)))
    except msgspec.DecodeError as error:
        raise CorruptSnapshot(f"{name}: can't be decoded: {error}") from None
    if (state.player_id, state.version) != (record.player_id, record.version):
        raise CorruptSnapshot(f"{name}: holds {state.player_id!r} version {state.version}")
    return Player(state, window)


def _key(player_id: str, version: int) -> bytes:
    return f"{version}:{player_id}".encode()


def _blake2b(key: bytes, body: bytes) -> bytes:
    return blake2b(key + body, digest_size=_CHECKSUM_SIZE).digest()


def _sha256(key: bytes, body: bytes) -> bytes:
    """A third of the time of blake2b where the processor has instructions for it."""
    return sha256(key + body).digest()[:_CHECKSUM_SIZE]


_CHECKSUMS: Final[Mapping[int, Callable[[bytes, bytes], bytes]]] = {1: _blake2b, SNAPSHOT_FORMAT: _sha256}
"""By format."""


def _seal(key: bytes, body: bytes) -> bytes:
    return b"".join((_FORMAT_BYTE, _sha256(key, body), body))


def _unseal(name: str, key: bytes, blob: bytes) -> bytes:
    checksum = _CHECKSUMS.get(blob[0]) if blob else None
    if checksum is None:
        known = " or ".join(f"{format_:02x}" for format_ in _CHECKSUMS)
        raise CorruptSnapshot(f"{name}: format {blob[:1].hex() or 'missing'}, expected {known}")
    body = blob[_BODY:]
    if blob[1:_BODY] != checksum(key, body):
        raise CorruptSnapshot(f"{name}: checksum mismatch")
    return body
