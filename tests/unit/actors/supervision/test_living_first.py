"""Rule 15 without a store: what happens once all living shards follow another history."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from actors.settings import SupervisorSettings
from actors.supervision.living_first import LivingFirst
from snapshots.errors import StoreUnavailable


class Nobody:
    """A store with a history, and a crew without shards."""

    live: Mapping[str, Any] = MappingProxyType({})
    history = "one"

    async def lineage_now(self) -> str:
        return self.history


async def test_rule_15_what_could_not_be_told_again_at_once_is_told_with_the_next_look() -> None:
    nobody: Any = Nobody()
    living_first, told = LivingFirst(nobody, nobody, nobody, SupervisorSettings()), list[str]()

    async def tell() -> None:
        told.append(nobody.history)
        if len(told) == 1:
            raise StoreUnavailable("not yet")

    living_first.on_changed = tell
    await living_first.until_followed()
    nobody.history = "two"
    with pytest.raises(StoreUnavailable):
        await living_first.until_followed()
    assert await living_first.changed()
    await living_first.until_followed()
    assert told == ["two", "two"] and not await living_first.changed()
