"""Garbage collection on the spin path: objects that live long are never looked at again, and the others rarely."""

import gc

YOUNG_OBJECTS = 50_000
"""Allocations between collections of young objects. The spin path makes no cycles, so there is little to collect."""


def rarely_collect_garbage() -> None:
    """Call it once a process is set up: a full collection in the middle of a spin costs tens of milliseconds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 100)
