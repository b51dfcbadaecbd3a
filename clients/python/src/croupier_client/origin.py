"""Which Croupier a client talks to, and how."""

import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from croupier_client.retrying import Chance, RetryPolicy
from croupier_client.signing import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where it is, whom to sign as, and how patient to be. `base_url` has no final slash; `tls` None trusts the usual
    authorities.
    """

    base_url: str
    signer: Signer
    policy: RetryPolicy
    tls: ssl.SSLContext | None = None
    clock: Callable[[], float] = time.monotonic
    chance: Chance = random.random


def origin(
    base_url: str, key_id: str, secret: str, retry: RetryPolicy | None, tls: ssl.SSLContext | None = None
) -> Origin:
    """Checks what a caller says of it. Raises ValueError."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ValueError(f"base_url is no URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise ValueError("base_url must be http://host[:port] or https://host[:port]")
    signer = Signer(key_id, secret)
    return Origin(base_url=base_url.rstrip("/"), signer=signer, policy=retry or RetryPolicy(), tls=tls)
