"""A real Croupier of their own for the tests of countries and of the bonus metrics; it must end cleanly, too."""

from collections.abc import Iterator

import pytest

from tests.e2e.abroad.house import catalog_abroad
from tests.e2e.sandbox import Sandbox
from tests.support.croupier_up import CroupierUp


@pytest.fixture(scope="package")
def abroad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """With campaigns and a geo database of its own, see `house.py`; nobody else moves its clock or its metrics."""
    folder = tmp_path_factory.mktemp("abroad")
    catalog = catalog_abroad(folder / "catalog")
    options = ("--shards", "1", "--spares", "0", "--sandbox", "--catalog", str(catalog))
    running = CroupierUp(folder / "up", f"sqlite:{folder / 'store'}", *options)
    yield Sandbox(running, catalog)
    assert running.stop() == 0
    assert "Traceback" not in running.stderr()
