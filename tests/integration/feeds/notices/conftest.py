"""A world of its own for each test of notices."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.notice_world import World, notice_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with notice_world(tmp_path) as made:
        yield made
