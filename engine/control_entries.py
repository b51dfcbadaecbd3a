"""Entries of the control log: what was done to the platform, or asked of it, that belongs to no player's journal.

Who did what, when and why, and what it was before. Gateways and the command line write them, the store keeps them in
their order, the audit proves them.
"""

from typing import Any

import msgspec

WHO_BYTES_MAX = 256
REASON_BYTES_MAX = 1_024
CHANGE_BYTES_MAX = 65_536
"""Of `before` and `after`, as JSON."""


class ControlEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation.

    `operation` is the route (`POST /catalog/deploy`) or the command (`croupier bus redrive`); `subject` what it was
    about, for example a catalog's version or a flag's id. `outcome` is `asked` before it is done, then `done`,
    `waiting` (for a second person) or the code of the refusal. `count` is above 1 where many refused attempts of one
    caller are told by one entry.
    """

    time_ms: int
    """Unix ms, of the process that wrote it."""
    who: str
    """The client's id or the token's subject; empty if nobody proved who they are."""
    role: str
    operation: str
    outcome: str = "done"
    subject: str = ""
    player_id: str = ""
    before: Any = None
    """Plain JSON, as `after`."""
    after: Any = None
    reason: str = ""
    request_id: str = ""
    approved_by: str = ""
    """The second person, where the platform asks for four eyes."""
    count: int = 1


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ControlEntry)


def encode_control_entry(entry: ControlEntry) -> bytes:
    """The entry as the store and the audit keep it."""
    return _encoder.encode(entry)


def decode_control_entry(encoded: bytes) -> ControlEntry:
    """Raises msgspec.DecodeError if the bytes are no entry."""
    return _decoder.decode(encoded)
