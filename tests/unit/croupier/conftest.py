"""What the tests of the command line's package share."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
import yaml

from croupier.catalog.readers import notices
from tests.support.example_catalog import write


@pytest.fixture(scope="package", autouse=True)
def _each_text_is_parsed_once() -> Iterator[None]:
    """The same files are read hundreds of times; nobody changes what YAML makes of a text, or what is said of it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(yaml, "compose", lru_cache(maxsize=1_000)(yaml.compose))
        patched.setattr(notices, "complaint", lru_cache(maxsize=1_000)(notices.complaint))
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small catalog on disk, to be broken."""
    return write(tmp_path)
