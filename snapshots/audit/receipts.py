"""Receipts: what proves to anybody that an entry is part of the log, about a kilobyte of JSON.

The leaf is the entry as the archive holds it; the path leads from its hash to the root; the note is the signed root.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from snapshots.audit.leaves import EntryLeaf, read_entry_leaf
from snapshots.audit.merkle import HASH_SIZE, ProofInvalid, check_inclusion, leaf_hash
from snapshots.audit.notes import Checkpoint, NoteInvalid, VerifierKey, verified_checkpoint
from snapshots.codec import KeyedEntry, checksum, decode_entry
from snapshots.errors import CorruptArchive, CorruptLog

FORMAT: Final = 1


class ProvenEntry(msgspec.Struct, frozen=True):
    """An entry: the leaf in base64, its number in the tree, and the path to the root, from below, in base64."""

    version: int
    leaf: str
    index: int
    path: Sequence[str]


class Receipt(msgspec.Struct, frozen=True):
    """All entries of a round that `checkpoint`, a signed note, covers. `more`: others are not covered yet."""

    format: int
    player_id: str
    session_id: str
    entries: Sequence[ProvenEntry]
    checkpoint: str
    more: bool = False


class ReceiptInvalid(Exception):
    """A receipt does not prove what it says. The message is one sentence."""


class Checked(NamedTuple):
    """What a receipt proves."""

    checkpoint: Checkpoint
    entries: Sequence[EntryLeaf]


_decoder = msgspec.json.Decoder(Receipt)


def proven(leaf: bytes, version: int, index: int, path: Sequence[bytes]) -> ProvenEntry:
    """An entry and its proof, ready for a receipt."""
    return ProvenEntry(version, _text(leaf), index, [_text(each) for each in path])


def read_receipt(content: bytes) -> Receipt:
    """Raises ReceiptInvalid."""
    try:
        receipt = _decoder.decode(content)
    except msgspec.DecodeError as error:
        raise ReceiptInvalid(f"it is not a receipt: {error}") from None
    if receipt.format != FORMAT:
        raise ReceiptInvalid(f"it is a receipt of format {receipt.format}; this version reads {FORMAT} only")
    return receipt


def check_receipt(receipt: Receipt, keys: Sequence[VerifierKey]) -> Checked:
    """The entries that it proves to be part of the tree that one of the keys has signed. Raises ReceiptInvalid."""
    try:
        checkpoint = verified_checkpoint(receipt.checkpoint, keys)
        entries = [_check(receipt, each, checkpoint) for each in receipt.entries]
    except (NoteInvalid, ProofInvalid, CorruptArchive, CorruptLog) as error:
        raise ReceiptInvalid(str(error)) from error
    if not entries:
        raise ReceiptInvalid("it has no entries")
    if len({entry.version for entry in entries}) < len(entries):
        raise ReceiptInvalid("it has an entry twice")
    return Checked(checkpoint, entries)


def _check(receipt: Receipt, entry: ProvenEntry, checkpoint: Checkpoint) -> EntryLeaf:
    leaf = _bytes(entry.leaf)
    path = [_bytes(each) for each in entry.path]
    if any(len(each) != HASH_SIZE for each in path):
        raise ProofInvalid("its path is not made of hashes")
    check_inclusion(entry.index, checkpoint.size, leaf_hash(leaf), path, checkpoint.root)
    found = read_entry_leaf(leaf)
    if (found.player_id, found.version) != (receipt.player_id, entry.version):
        raise ProofInvalid(f"its leaf is version {found.version} of player {found.player_id}")
    if not is_of(found, receipt.session_id):
        raise ProofInvalid(f"version {found.version} of player {found.player_id} is of another round")
    return found


def is_of(entry: EntryLeaf, session_id: str) -> bool:
    """Whether an event of the entry names the round. Raises CorruptLog."""
    if session_id.encode() not in entry.data:
        return False
    transition = decode_entry(KeyedEntry(entry.player_id, entry.version, checksum(entry.data), entry.data))
    return any(getattr(event, "session_id", None) == session_id for event in transition.events)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise ProofInvalid("it is not written in base64") from None
