"""Two real Croupiers on SQLite for all tests that only talk to them, one a sandbox.

They must end cleanly, and do so as soon as a process has done with this folder: one that idles takes time from all.
"""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.e2e.sandbox import Sandbox, git_folder
from tests.support.croupier_up import CLUSTER_SECRET, Api, CroupierUp, register

_numbers = count(1)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CroupierUp]:
    folder = tmp_path_factory.mktemp("server")
    options = ("--shards", "1", "--spares", "0")
    running = CroupierUp(folder, f"sqlite:{folder / 'store'}", *options, CROUPIER_CLUSTER_SECRET=CLUSTER_SECRET)
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.stderr()


@pytest.fixture(scope="package")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """With a clock that can be moved, and following the git folder it has its catalog from."""
    folder = tmp_path_factory.mktemp("sandbox")
    catalog = git_folder(folder / "catalog")
    options = ("--shards", "1", "--spares", "0", "--sandbox", "--catalog-watch", "--catalog", str(catalog))
    running = CroupierUp(folder, f"sqlite:{folder / 'store'}", *options)
    yield Sandbox(running, catalog)
    assert running.stop() == 0
    assert "Traceback" not in running.stderr()


@pytest.fixture
def api(server: CroupierUp) -> Api:
    return server.api


@pytest.fixture
def new_player(api: Api) -> Callable[..., str]:
    """Registers a player who deposits 10.00 (or as said) and gets the welcome bonus."""

    def make(deposit: int = 1_000) -> str:
        player_id = f"e2e-{next(_numbers)}"
        register(api, player_id, deposit)
        return player_id

    return make
