"""The ring of acknowledged records takes as much memory as it is allowed, and no more."""

import os
import tracemalloc

import pytest

from actors.shard.ring import Ring
from snapshots.contract import LogHead, Tallies, next_hash

BYTES_MAX = 1_000_000


def fill(ring: Ring, payload_bytes: int, tallies: Tallies) -> None:
    """Adds twice as much as it holds, as a shard does: each batch brings a dict of its own, mostly an empty one."""
    head = LogHead()
    for _ in range(2 * BYTES_MAX // payload_bytes):
        payload = os.urandom(payload_bytes)
        ring.add(head, payload, dict(tallies))
        head = LogHead(head.seq + 1, next_hash(head.hash, payload))


@pytest.mark.parametrize("tallies", [{}, {"campaign:welcome-100:awarded": 1, "registered": 1, "points": 10_000}])
@pytest.mark.parametrize("payload_bytes", [100, 300, 5_000])
def test_it_takes_the_memory_that_it_may(payload_bytes: int, tallies: Tallies) -> None:
    ring = Ring(BYTES_MAX)
    tracemalloc.start()
    fill(ring, payload_bytes, tallies)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.8 * BYTES_MAX < taken < 1.1 * BYTES_MAX
