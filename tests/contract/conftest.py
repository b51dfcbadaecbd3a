"""Each test of this folder runs once per backend, on empty data."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from snapshots.contract import Store
from tests.contract.backends import Backend, RedisBackend, SqliteBackend
from tests.support.redis_server import RedisServer, chosen_kind

ON_VALKEY = ("test_claims", "test_fencing", "test_journal", "test_snapshots")
"""Modules that every run plays on Valkey too; `make test-valkey` plays them all."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames and not _says_itself(metafunc.definition):
        also = ["valkey"] if metafunc.module.__name__.rpartition(".")[2] in ON_VALKEY else []
        backends = ["sqlite", "redis", *also] if chosen_kind() == "redis" else [chosen_kind()]
        metafunc.parametrize("backend", backends, indirect=True)


def _says_itself(test: pytest.Function) -> bool:
    return any("backend" in mark.args[0] for mark in test.iter_markers("parametrize"))


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"), appendfsync="always").start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("valkey"), appendfsync="always", kind="valkey").start()
    yield server
    server.stop()


@pytest.fixture
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    if request.param == "sqlite":
        return SqliteBackend(tmp_path / "store")
    return RedisBackend(request.getfixturevalue(f"{request.param}_server"))


@pytest.fixture
async def store(backend: Backend) -> AsyncIterator[Store]:
    opened = backend.store()
    await opened.open()
    yield opened
    await opened.close()
