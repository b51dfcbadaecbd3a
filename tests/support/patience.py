"""How long tests wait for what is promised to them."""

from typing import Final

PATIENCE_S: Final = 45
"""Seconds. Long, because a machine that does much else is no fault: only what never comes is.

It is below the 60 s that end each test, so that a test can say what it waited for.
"""
