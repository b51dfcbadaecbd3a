"""Profiles of the property tests, and which tests run one after the other in one process.

`HYPOTHESIS_PROFILE=nightly` plays much longer than what every commit pays for; `quick` less, for one's own loop.
"""

import gc
import os
import re
from collections.abc import Generator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support.redis_server import KINDS, choose_kind

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile(
    "commit", max_examples=80, stateful_step_count=40, deadline=None, print_blob=True, suppress_health_check=SLOW
)
settings.register_profile(
    "nightly", max_examples=2_000, stateful_step_count=80, deadline=None, print_blob=True, suppress_health_check=SLOW
)
settings.register_profile(
    "quick", max_examples=8, stateful_step_count=30, deadline=None, print_blob=True, suppress_health_check=SLOW
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "commit"))

ROOT = Path(__file__).parents[1]
SHARES_SERVERS = re.compile(
    r"^(?:async )?def test_\w+\([^)]*?\b(?:server|sandbox|api|new_player): |\bgetfixturevalue\(\"sandbox\"\)",
    re.MULTILINE,
)
"""How a module of `tests/e2e` asks for the servers that are shared there."""
SHARED_IN = ("tests/e2e/abroad/", "tests/e2e/proof/")
"""Folders whose tests all share one server."""
OWN_SERVER = re.compile(r"^def (?:server|sandbox)\(", re.MULTILINE)
"""A fixture that takes the place of a shared one."""
SLOW_FIRST = ("e2e", "integration", "simulation", "property")
"""Folders whose tests begin first, so that no process is left with a slow one at the end."""
WITH_PROCESSES = ("tests/e2e/", "tests/integration/")
"""Where a test may wait for a server to start, which takes a minute on a busy machine: its limit is 240 s, not 60."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--redis-server", choices=KINDS, default=KINDS[0], help="which server the tests start")


def pytest_configure(config: pytest.Config) -> None:
    choose_kind(config.getoption("--redis-server"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Without collection of garbage: nothing of what is made here is, and looking for some took a quarter of the time.

    It all stays to the end, so nobody looks at it later, either.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_turn)
    for item in items:
        if item.nodeid.startswith(WITH_PROCESSES) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(240))


def _turn(item: pytest.Item) -> int:
    folders = Path(item.nodeid.partition("::")[0]).parts
    return next((turn for turn, folder in enumerate(SLOW_FIRST) if folder in folders), len(SLOW_FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return TogetherScheduling(config, log)


class TogetherScheduling(LoadScopeScheduling):
    """A module's tests run in one process, because they share what is costly.

    So do all that share the servers of `tests/e2e`: each Croupier that idles takes a tenth of a core from the tests.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return _shared(module) if module.startswith("tests/e2e/") else module


@cache
def _shared(module: str) -> str:
    """The server that tests of this module of `tests/e2e` share with others, or the module itself."""
    for folder in SHARED_IN:
        if module.startswith(folder):
            return folder
    text = (ROOT / module).read_text()
    return "the shared servers" if SHARES_SERVERS.search(text) and not OWN_SERVER.search(text) else module
