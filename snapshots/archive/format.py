"""One record as the archive keeps it: the journal's bytes, with the personal entries cut out and sealed.

`pieces` are the bytes of the payload around each sealed part, so that pieces and opened parts put together are the
payload again, byte by byte. A part is an entry's checksum and data, as they stood in the payload.
"""

from collections.abc import Mapping, Sequence

import msgspec

from engine.events import PlayerErased
from snapshots.archive.personal import may_matter, without_personal
from snapshots.archive.sealing import seal, unseal
from snapshots.codec import KeyedEntry, checksum, decode_batch, decode_entry, encode_entry
from snapshots.errors import CorruptArchive, CorruptLog
from snapshots.records import LogRecord, next_hash

RECORD_FORMAT = 1


class Sealed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A personal entry. `box` holds the original, empty if the player's key was gone; `blanked` takes its place."""

    player_id: str
    version: int
    box: bytes
    blanked: bytes


class ArchivedRecord(msgspec.Struct, frozen=True, array_like=True):
    """A record of the journal and where it stood. `pieces` are one more than `sealed`."""

    format: int
    shard_id: str
    epoch: int
    log_id: str
    seq: int
    previous: bytes
    hash: bytes
    pieces: Sequence[bytes]
    sealed: Sequence[Sealed] = ()


class ReadRecord(LogRecord, frozen=True):
    """A record that was read from the archive.

    If it names players in `erased`, their personal fields are gone for good: the payload holds the entries without
    them, and `hash` is the hash of the payload as it was.
    """

    erased: tuple[str, ...] = ()


class Personal(msgspec.Struct, frozen=True):
    """A personal entry of a batch, and the transition without what is personal, encoded."""

    entry: KeyedEntry
    blanked: bytes


class Found(msgspec.Struct, frozen=True):
    """What a batch holds that concerns persons: entries with personal fields, players who are erased."""

    personal: Sequence[Personal] = ()
    erased: Sequence[str] = ()


NOTHING = Found()
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ArchivedRecord)
_block = msgspec.msgpack.Decoder(list[ArchivedRecord])
_ARRAY_32 = b"\xdd"


def encode_record(record: ArchivedRecord) -> bytes:
    """The bytes of a segment, one record after the other."""
    return _encoder.encode(record)


def decode_record(encoded: bytes | memoryview) -> ArchivedRecord:
    """Raises CorruptArchive if the bytes are damaged or of another format."""
    try:
        record = _decoder.decode(encoded)
    except msgspec.DecodeError as error:
        raise CorruptArchive(f"not a record of the archive: {error}") from None
    _check(record)
    return record


def encode_block(records: Sequence[bytes]) -> bytes:
    """Encoded records as one MessagePack array."""
    return b"".join((_ARRAY_32, len(records).to_bytes(4, "big"), *records))


def decode_block(raw: bytes) -> list[ArchivedRecord]:
    """The records of one array. Raises CorruptArchive as `decode_record`."""
    try:
        records = _block.decode(raw)
    except msgspec.DecodeError as error:
        raise CorruptArchive(f"not a block of the archive: {error}") from None
    for record in records:
        _check(record)
    return records


def _check(record: ArchivedRecord) -> None:
    if record.format != RECORD_FORMAT or len(record.pieces) != len(record.sealed) + 1:
        raise CorruptArchive(f"a record of format {record.format}; this version of Croupier reads {RECORD_FORMAT} only")


def search(payload: bytes) -> Found:
    """What the batch holds of persons. Nearly all batches are told apart by one look at their bytes."""
    if not may_matter(payload):
        return NOTHING
    personal: list[Personal] = []
    erased: list[str] = []
    for entry in decode_batch(payload):
        if may_matter(entry.data):
            _search_entry(entry, personal, erased)
    return Found(personal, erased)


def _search_entry(entry: KeyedEntry, personal: list[Personal], erased: list[str]) -> None:
    """A damaged entry may hold anything: all of it is sealed."""
    try:
        transition = decode_entry(entry)
    except CorruptLog:
        personal.append(Personal(entry, b""))
        return
    if any(isinstance(event, PlayerErased) for event in transition.events):
        erased.append(entry.player_id)
    blanked = without_personal(transition)
    if blanked is not None:
        personal.append(Personal(entry, encode_entry(blanked)))


def archived(
    place: tuple[str, int, str], record: LogRecord, personal: Sequence[Personal], keys: Mapping[str, bytes | None]
) -> ArchivedRecord:
    """The record as the archive keeps it. `place` is shard, epoch and log; `keys` has the key of each personal entry's
    player, None if it was destroyed.
    """
    pieces: list[bytes] = []
    sealed: list[Sealed] = []
    begin = 0
    for found in personal:
        entry = found.entry
        part = _part(entry.crc, entry.data)
        at = record.payload.find(part, begin)
        if at < 0:
            raise CorruptLog(f"entry {entry.player_id!r} version {entry.version} is not where its batch says")
        pieces.append(record.payload[begin:at])
        key = keys[entry.player_id]
        box = b"" if key is None else seal(key, _bound(entry.player_id, entry.version), part)
        replacement = _part(checksum(found.blanked), found.blanked)
        sealed.append(Sealed(entry.player_id, entry.version, box, replacement))
        begin = at + len(part)
    pieces.append(record.payload[begin:])
    shard_id, epoch, log_id = place
    return ArchivedRecord(
        format=RECORD_FORMAT,
        shard_id=shard_id,
        epoch=epoch,
        log_id=log_id,
        seq=record.seq,
        previous=record.previous,
        hash=record.hash,
        pieces=pieces,
        sealed=sealed,
    )


def opened(record: ArchivedRecord, keys: Mapping[str, bytes | None]) -> ReadRecord:
    """The record as it stood in the journal, as far as `keys` has the keys; its hash is verified if it has them all.

    Raises CorruptArchive if the bytes are not those that were archived.
    """
    erased = dict.fromkeys(part.player_id for part in record.sealed if not part.box or not keys.get(part.player_id))
    parts = [part.blanked if part.player_id in erased else _open(part, keys) for part in record.sealed]
    payload = _joined(record.pieces, parts)
    if not erased and next_hash(record.previous, payload) != record.hash:
        raise CorruptArchive(f"log {record.log_id} record {record.seq}: its archived bytes fail their hash")
    return ReadRecord(record.seq, record.previous, record.hash, payload, tuple(erased))


def public_payload(record: ArchivedRecord) -> bytes:
    """The payload without personal fields: what can be read of it without any key."""
    if not record.sealed:
        return record.pieces[0]
    return _joined(record.pieces, [part.blanked for part in record.sealed])


def _joined(pieces: Sequence[bytes], parts: Sequence[bytes]) -> bytes:
    return b"".join(piece + part for piece, part in zip(pieces, (*parts, b""), strict=True))


def _open(part: Sealed, keys: Mapping[str, bytes | None]) -> bytes:
    key = keys[part.player_id]
    original = unseal(key, _bound(part.player_id, part.version), part.box) if key is not None else None
    if original is None:
        raise CorruptArchive(f"entry {part.player_id!r} version {part.version} can't be opened with its player's key")
    return original


def _part(crc: int, data: bytes) -> bytes:
    return _encoder.encode(crc) + _encoder.encode(data)


def _bound(player_id: str, version: int) -> str:
    return f"{version}:{player_id}"
