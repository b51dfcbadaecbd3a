"""The keys callers prove themselves with: read from a JSON file, checked as a whole, frozen."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import jwt
import msgspec

from gateway.access.roles import Role
from gateway.http.duplicates import refuse_duplicates
from gateway.http.errors import Refused

CallerId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,64}(?!\n)$")]
"""Clients name the space of their idempotency keys; without a colon, so that `<client>:<key>` has one reading."""
Algorithm = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"
]
RATE_MAX: Final = 1_000_000
HMAC_BYTES_MIN: Final = {"HS256": 32, "HS384": 48, "HS512": 64}


class KeysInvalid(Exception):
    """The key file can't be used: one sentence that names the file and the field."""


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A machine's key. `secret` has at least 16 characters and never shows up in a log.

    `client` is whose key it is. Several keys of one client are the same caller, so that keys can be rotated.
    """

    id: CallerId
    secret: Annotated[str, msgspec.Meta(min_length=16, max_length=1024)]
    role: Role
    client: CallerId | None = None
    """None: a client of the key's own name."""
    rate_per_s: Annotated[int, msgspec.Meta(ge=1, le=RATE_MAX)] | None = None
    """Requests a second that each gateway process takes of the client; None: as many as come."""
    burst: Annotated[int, msgspec.Meta(ge=1, le=RATE_MAX)] | None = None
    """How many of them may come at once; None: as many as in a second."""

    @property
    def owner(self) -> str:
        """The client: idempotency, rollbacks and audit go by it (rules §3)."""
        return self.client or self.id

    @property
    def limit(self) -> tuple[int, int] | None:
        """Requests a second, and the burst; None: no limit."""
        return None if self.rate_per_s is None else (self.rate_per_s, self.burst or self.rate_per_s)

    def __repr__(self) -> str:
        return f"ApiKey({self.id!r}, role={self.role!r}, client={self.owner!r})"


class TokenKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key bearer tokens are signed with: a PEM public key, or the shared secret of an HS algorithm."""

    kid: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    algorithm: Algorithm
    key: Annotated[str, msgspec.Meta(min_length=1)]

    def __repr__(self) -> str:
        return f"TokenKey({self.kid!r}, {self.algorithm})"

    def prepared(self) -> Any:
        """The key as PyJWT wants it. Raises ValueError or InvalidKeyError if it is none of this algorithm."""
        if len(self.key.encode()) < HMAC_BYTES_MIN.get(self.algorithm, 0):
            raise ValueError(f"{self.algorithm} needs at least {HMAC_BYTES_MIN[self.algorithm]} bytes")
        return jwt.get_algorithm_by_name(self.algorithm).prepare_key(self.key)


class TokenIssuer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose tokens are believed. The claim `role_claim` holds a role or a list of roles."""

    issuer: Annotated[str, msgspec.Meta(min_length=1)]
    keys: Annotated[tuple[TokenKey, ...], msgspec.Meta(min_length=1)]
    audience: str | None = None
    role_claim: str = "role"


class ApiKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    api_keys: tuple[ApiKey, ...] = ()
    jwt: TokenIssuer | None = None


def load_keys(path: Path) -> ApiKeys:
    """Reads and checks a key file. Raises KeysInvalid."""
    return parse_keys(path, read_keys(path))


def read_keys(path: Path) -> bytes:
    """The bytes of a key file. Raises KeysInvalid."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeysInvalid(f"{path}: can't be read ({error.strerror})") from error


def parse_keys(path: Path, raw: bytes) -> ApiKeys:
    """Checks what was read from `path`. Raises KeysInvalid."""
    try:
        refuse_duplicates(raw)
        keys = msgspec.json.decode(raw, type=ApiKeys)
    except (Refused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise KeysInvalid(f"{path}: {error}") from error
    _check(path, keys)
    _check_clients(path, keys.api_keys)
    return keys


def _check_clients(path: Path, keys: tuple[ApiKey, ...]) -> None:
    first: dict[str, ApiKey] = {}
    for key in keys:
        other = first.setdefault(key.owner, key)
        if other.role != key.role:
            raise KeysInvalid(
                f"{path}: the API keys {other.id!r} ({other.role}) and {key.id!r} ({key.role}) belong to the client "
                f"{key.owner!r}, and a client has one role: give one of them another `client`"
            )
        if other.limit != key.limit:
            raise KeysInvalid(
                f"{path}: the API keys {other.id!r} and {key.id!r} belong to the client {key.owner!r}, and a client "
                f"has one limit: give them the same `rate_per_s` and `burst`"
            )
        if key.burst is not None and key.rate_per_s is None:
            raise KeysInvalid(f"{path}: the API key {key.id!r} has a `burst` without a `rate_per_s`")


def _check(path: Path, keys: ApiKeys) -> None:
    issuer_keys = keys.jwt.keys if keys.jwt else ()
    for field, names in (
        ("api_keys[].id", [key.id for key in keys.api_keys]),
        ("jwt.keys[].kid", [k.kid for k in issuer_keys]),
    ):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise KeysInvalid(f"{path}: {field} {twice[0]!r} occurs more than once")
    for index, key in enumerate(issuer_keys):
        try:
            key.prepared()
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise KeysInvalid(f"{path}: jwt.keys[{index}].key is no {key.algorithm} key ({error})") from error
