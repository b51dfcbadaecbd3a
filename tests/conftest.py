"""Profiles of the property tests, and which tests run one after the other in one process.

`HYPOTHESIS_PROFILE=nightly` plays much longer than what every commit pays for; `quick` less, for one's own loop.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile(
    "commit", max_examples=120, stateful_step_count=40, deadline=None, print_blob=True, suppress_health_check=SLOW
)
settings.register_profile(
    "nightly", max_examples=2_000, stateful_step_count=80, deadline=None, print_blob=True, suppress_health_check=SLOW
)
settings.register_profile(
    "quick", max_examples=25, stateful_step_count=30, deadline=None, print_blob=True, suppress_health_check=SLOW
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "commit"))

SHARED_SERVERS = {"server", "sandbox"}
"""Fixtures that are servers for many modules (tests/e2e/conftest.py)."""
SLOW_FIRST = ("e2e", "integration", "simulation", "property")
"""Folders whose tests begin first, so that no process is left with a slow one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A module's tests run in one process, because they share what is costly. So do all that share the servers of
    `tests/e2e`: each Croupier that idles takes a tenth of a core from the tests.
    """
    for item in items:
        shares = not SHARED_SERVERS.isdisjoint(getattr(item, "fixturenames", ()))
        item.add_marker(pytest.mark.xdist_group("the shared servers" if shares else item.nodeid.partition("::")[0]))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    folders = Path(item.nodeid.partition("::")[0]).parts
    return next((turn for turn, folder in enumerate(SLOW_FIRST) if folder in folders), len(SLOW_FIRST))
