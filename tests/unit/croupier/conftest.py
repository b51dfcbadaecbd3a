"""What the tests of the command line's package share."""

from pathlib import Path

import pytest

from tests.support.example_catalog import write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small catalog on disk, to be broken."""
    return write(tmp_path)
