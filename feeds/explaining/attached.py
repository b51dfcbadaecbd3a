"""The receipts of a dispute on paper: attached to the PDF as files that anybody can check, and listed in it."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from snapshots.audit.receipts import Receipt

RECEIPTS_MAX: Final = 50
_LEAF: Final = b"\x00"
"""What goes before a leaf when it is hashed (RFC 6962)."""


def attachments(receipts: Sequence[Receipt]) -> Mapping[str, bytes]:
    """Files by name, each as its route answers it: `verify.py receipt FILE` checks it without Croupier."""
    return {name: msgspec.json.format(msgspec.json.encode(receipt)) for name, receipt in _named(receipts)}


def listed(receipts: Sequence[Receipt]) -> Mapping[str, Any]:
    """Which entries are proven by which checkpoint, in the order of the rounds; each checkpoint's text once."""
    checkpoints = list(dict.fromkeys(receipt.checkpoint for receipt in receipts))
    rows = [
        [name, receipt.session_id, str(entry.version), str(entry.index), _hash(entry.leaf), str(number)]
        for name, receipt in _named(receipts)
        for number in [checkpoints.index(receipt.checkpoint) + 1]
        for entry in receipt.entries
    ]
    return {"files": [name for name, _ in _named(receipts)], "rows": rows, "checkpoints": checkpoints}


def _named(receipts: Sequence[Receipt]) -> Iterator[tuple[str, Receipt]]:
    for number, receipt in enumerate(receipts, 1):
        yield f"receipt-{number:02}.json", receipt


def _hash(leaf: str) -> str:
    """The leaf's hash in the tree, in hexadecimal digits."""
    return sha256(_LEAF + base64.b64decode(leaf)).hexdigest()
