"""Keys of the load test, from the environment."""

from pathlib import Path

import pytest

from tests.load.asking import Request
from tests.load.settings import SHIPPED_CATALOG, read_settings

SPIN = Request("spin", "game_server", "POST", "/spin", "k")


def test_keys_token_and_catalog_come_from_the_environment() -> None:
    read = read_settings(
        {"LOAD_GAME_KEY": "game:a:b", "LOAD_PLATFORM_KEY": "desk:x", "LOAD_STAFF_TOKEN": "t", "LOAD_CATALOG": "/c"}
    )
    assert read.catalog == Path("/c")
    assert read.proof.staff_token == "t"
    ids = [read.proof.headers(SPIN._replace(role=role))["x-api-key"] for role in ("game_server", "platform")]
    assert ids == ["game", "desk"]


def test_without_keys_nothing_is_signed() -> None:
    read = read_settings({})
    assert read.proof.headers(SPIN) == {"idempotency-key": "k"}
    assert read.catalog == SHIPPED_CATALOG


@pytest.mark.parametrize("said", ["game", "game:", ":secret"])
def test_half_a_key_is_refused_without_saying_it(said: str) -> None:
    with pytest.raises(ValueError, match="LOAD_GAME_KEY must be id:secret"):
        read_settings({"LOAD_GAME_KEY": said})
