"""C2SP signed notes and the checkpoints in them: who signed which size and root.

A checkpoint is three lines (origin, size, root in base64), an empty line, and a line per signature. A verifier key is
text, too: `NAME+ID+BASE64`. Both are what `golang.org/x/mod/sumdb/note` and others read.
"""

import base64
import binascii
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from snapshots.audit.merkle import HASH_SIZE

NOTE_BYTES_MAX: Final = 65_536
SIGNATURES_MAX: Final = 100
SIZE_MAX: Final = 2**62
ORIGIN: Final = r"[!-*,-~]{1,128}"
"""The form of an origin: no spaces, no plus sign."""
_ED25519: Final = b"\x01"
_ID_SIZE: Final = 4
_DASH: Final = "\u2014 "


class NoteInvalid(Exception):
    """A note or a key is not what it should be. The message is one sentence."""


class Checkpoint(NamedTuple):
    """The tree of `origin` had `size` leaves and this root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


class VerifierKey(NamedTuple):
    """A public key and the name it signs under."""

    name: str
    id: bytes
    key: Ed25519PublicKey

    @classmethod
    def parsed(cls, text: str) -> "VerifierKey":
        """From `NAME+ID+BASE64`. Raises NoteInvalid."""
        name, _, rest = text.strip().partition("+")
        shown, _, encoded = rest.partition("+")
        raw = _unbase64(encoded)
        if not name or raw[:1] != _ED25519 or len(raw) != 33 or key_id(name, raw[1:]).hex() != shown:
            raise NoteInvalid(f"{text.strip()[:80]!r} is no Ed25519 verifier key of the form NAME+ID+BASE64")
        return cls(name, bytes.fromhex(shown), Ed25519PublicKey.from_public_bytes(raw[1:]))

    def __str__(self) -> str:
        raw = _ED25519 + self.key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(raw).decode()}"


class Signer:
    """An Ed25519 key that signs checkpoints under the name `origin`; without one, under a name made of its key."""

    def __init__(self, seed: bytes, origin: str = "") -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._key.public_key()
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.origin = origin or f"croupier/{sha256(raw).hexdigest()[:16]}"
        self.verifier = VerifierKey(self.origin, key_id(self.origin, raw), public)

    def sign(self, size: int, root: bytes) -> str:
        """The note of a checkpoint. The same checkpoint makes the same note."""
        return self.sign_text(Checkpoint(self.origin, size, root).text())

    def sign_text(self, text: str) -> str:
        """The note of any text that ends with a line break. With a number as its second line it were a checkpoint."""
        signature = base64.b64encode(self.verifier.id + self._key.sign(text.encode())).decode()
        return f"{text}\n{_DASH}{self.origin} {signature}\n"


def key_id(name: str, public: bytes) -> bytes:
    """The first bytes of SHA-256(name ‖ newline ‖ kind of key ‖ key)."""
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_ID_SIZE]


def opened(note: str, keys: Sequence[VerifierKey]) -> str:
    """The note's text, if one of the keys has signed it. Raises NoteInvalid."""
    text, signatures = _parts(note)
    for name, raw in signatures:
        for key in keys:
            if (name, raw[:_ID_SIZE]) == (key.name, key.id):
                _check(key, raw[_ID_SIZE:], text)
                return text
    signers = ", ".join(f"{name}+{raw[:_ID_SIZE].hex()}" for name, raw in signatures)
    raise NoteInvalid(f"it is signed by {signers}, and by none of the keys that are asked for")


def _check(key: VerifierKey, signature: bytes, text: str) -> None:
    try:
        key.key.verify(signature, text.encode())
    except InvalidSignature:
        raise NoteInvalid(f"its signature by {key.name}+{key.id.hex()} is wrong") from None


def _parts(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    text, gap, lines = note.rpartition("\n\n")
    signatures = [_signature(line) for line in lines.split("\n")[:-1]]
    sound = gap and text and lines.endswith("\n") and len(note) <= NOTE_BYTES_MAX
    if not sound or not 1 <= len(signatures) <= SIGNATURES_MAX:
        raise NoteInvalid("it is not a signed note")
    return text + "\n", signatures


def _signature(line: str) -> tuple[str, bytes]:
    name, gap, encoded = line.removeprefix(_DASH).partition(" ")
    raw = _unbase64(encoded)
    if not line.startswith(_DASH) or not name or not gap or len(raw) <= _ID_SIZE:
        raise NoteInvalid(f"{line[:80]!r} is not the line of a signature")
    return name, raw


def read_checkpoint(text: str) -> Checkpoint:
    """The checkpoint of a note's text, or of the whole note: signatures are not looked at. Raises NoteInvalid."""
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0] or not lines[1].isascii() or not lines[1].isdigit():
        raise NoteInvalid("it is not a checkpoint: origin, size and root are three lines")
    root = _unbase64(lines[2])
    if len(lines[1]) > 19 or str(int(lines[1])) != lines[1] or int(lines[1]) > SIZE_MAX or len(root) != HASH_SIZE:
        raise NoteInvalid("it is not a checkpoint: its size or its root is not one")
    return Checkpoint(lines[0], int(lines[1]), root)


def verified_checkpoint(note: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint of a note that one of the keys has signed under its own name. Raises NoteInvalid."""
    checkpoint = read_checkpoint(opened(note, keys))
    if checkpoint.origin not in {key.name for key in keys}:
        raise NoteInvalid(f"it is of {checkpoint.origin!r}, which is no name of the keys that are asked for")
    return checkpoint


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
