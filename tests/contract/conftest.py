"""Each test of this folder runs once per backend, on empty data."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from snapshots.contract import Store
from tests.contract.backends import Backend, RedisBackend, SqliteBackend
from tests.support.redis_server import RedisServer


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"), appendfsync="always").start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "redis"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    if request.param == "sqlite":
        return SqliteBackend(tmp_path / "store")
    return RedisBackend(request.getfixturevalue("redis_server"))


@pytest.fixture
async def store(backend: Backend) -> AsyncIterator[Store]:
    opened = backend.store()
    await opened.open()
    yield opened
    await opened.close()
