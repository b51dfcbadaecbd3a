"""Where `--fallback` makes no sense it is refused in one sentence; where it does, shards and supervisor know."""

from pathlib import Path

import pytest

from croupier.settings import Settings, SettingsInvalid, checked, default_fallback


def test_a_sqlite_store_has_nothing_to_fall_back_to() -> None:
    with pytest.raises(SettingsInvalid, match="--fallback is for Redis"):
        checked(Settings(store="sqlite:/tmp/x", catalog=Path("."), fallback=True))


def test_shards_get_a_folder_and_the_supervisor_grants() -> None:
    settings = checked(Settings(store="redis://r/0", catalog=Path("."), fallback=True, fallback_dir=Path("/data/f")))
    assert settings.shard("h").fallback_dir == "/data/f" and settings.supervisor().fallback
    without = checked(Settings(store="redis://r/0", catalog=Path("."), fallback_dir=Path("/data/f")))
    assert without.shard("h").fallback_dir == "" and not without.supervisor().fallback


def test_the_folder_is_one_that_stays() -> None:
    assert default_fallback({"HOME": "/home/c"}) == Path("/home/c/.local/state/croupier-fallback")
