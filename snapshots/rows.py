"""How both backends write down names and addresses. Empty bytes stand for None."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from snapshots.contract import (
    CONTROL_ENTRY_BYTES_MAX,
    NOTE_KEY_BYTES_MAX,
    NOTE_VALUE_BYTES_MAX,
    PROPOSAL_BYTES_MAX,
    Address,
    CatalogRow,
    FallbackGrant,
    Owner,
)

_SHARD_ID = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_owner = msgspec.msgpack.Decoder(Owner)
_address = msgspec.msgpack.Decoder(Address)
_grant = msgspec.msgpack.Decoder(FallbackGrant)
_catalog = msgspec.msgpack.Decoder(CatalogRow)


def checked_claim(shard_id: str, nonce: str) -> None:
    """Raises ValueError unless the shard id can be part of a file name and of a log id, and the nonce isn't empty."""
    if not _SHARD_ID.fullmatch(shard_id) or shard_id.startswith("."):
        raise ValueError(f"{shard_id!r} is not a shard id: 1 to 80 of A-Z a-z 0-9 _ . -, not starting with a dot")
    if not nonce:
        raise ValueError("a claim needs a nonce")


def checked_trim(checkpoint_seq: int, trim_seq: int) -> None:
    """Raises ValueError if the trim would remove what no snapshot covers."""
    if trim_seq > checkpoint_seq:
        raise ValueError(f"trim {trim_seq} is above checkpoint {checkpoint_seq}")


def checked_notes(notes: Mapping[str, bytes | None]) -> dict[bytes, bytes | None]:
    """The notes by the bytes of their keys. Raises ValueError if one is empty or too long."""
    by_key = {key.encode(): value for key, value in notes.items()}
    for key, value in by_key.items():
        if not 0 < len(key) <= NOTE_KEY_BYTES_MAX:
            raise ValueError(f"a note's key has 1 to {NOTE_KEY_BYTES_MAX} bytes, not {len(key)}")
        if value is not None and len(value) > NOTE_VALUE_BYTES_MAX:
            raise ValueError(f"note {key!r} has {len(value)} bytes; at most {NOTE_VALUE_BYTES_MAX} are possible")
    return by_key


def checked_control(entries: Sequence[bytes]) -> tuple[bytes, ...]:
    """The entries of the control log. Raises ValueError if one is too long."""
    for entry in entries:
        if len(entry) > CONTROL_ENTRY_BYTES_MAX:
            raise ValueError(f"an entry has {len(entry)} bytes; at most {CONTROL_ENTRY_BYTES_MAX} are possible")
    return tuple(entries)


def checked_proposal(summary: bytes, body: bytes) -> None:
    """Raises ValueError if a proposal is too long."""
    size = max(len(summary), len(body))
    if size > PROPOSAL_BYTES_MAX:
        raise ValueError(f"a proposal has {size} bytes; at most {PROPOSAL_BYTES_MAX} are possible")


def log_name(shard_id: str, epoch: int) -> str:
    """The name of the log that an incarnation writes which was claimed with `epoch`."""
    return f"{shard_id}-{epoch}"


def log_origin(log_id: str) -> tuple[str, int]:
    """Shard and epoch of a log id; the inverse of `log_name`. Raises ValueError if it isn't one."""
    shard_id, _, epoch = log_id.rpartition("-")
    return shard_id, int(epoch)


def packed(value: Owner | Address | CatalogRow | FallbackGrant | None) -> bytes:
    """The bytes that the store keeps for an owner, an address, a grant or the catalog in force."""
    return msgspec.msgpack.encode(value) if value is not None else b""


def owner_of(raw: bytes) -> Owner | None:
    """The owner `packed` wrote."""
    return _owner.decode(raw) if raw else None


def address_of(raw: bytes) -> Address | None:
    """The address `packed` wrote."""
    return _address.decode(raw) if raw else None


def grant_of(raw: bytes) -> FallbackGrant | None:
    """The grant `packed` wrote."""
    return _grant.decode(raw) if raw else None


def catalog_of(raw: bytes) -> CatalogRow | None:
    """The catalog in force, as `packed` wrote it."""
    return _catalog.decode(raw) if raw else None
