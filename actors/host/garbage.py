"""Garbage collection on the spin path: what lives long is never looked at again, the rest rarely."""

import gc

YOUNG_OBJECTS = 50_000
"""Allocations between collections of the young: the spin path makes no cycles, so there is little to find."""


def rarely_collect_garbage() -> None:
    """Call it once a process is set up: a full collection in the middle of a spin costs tens of milliseconds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 100)
