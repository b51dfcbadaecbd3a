"""What the supervisor's handle on Ray makes of what an actor raises, and which actors are spares."""

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from ray.exceptions import RayTaskError

from actors.ray import shard_actor
from actors.ray.cluster import RayShard
from actors.supervision.ports import ActivationFailed, Adopted, Found, ShardHeld
from snapshots.errors import FallbackHeld, Fenced


class Actor:
    """One whose every method raises, as Ray tells it."""

    def __init__(self, cause: Exception) -> None:
        self._cause = cause

    def __getattr__(self, name: str) -> "Actor":
        return self

    async def remote(self, *_: Any) -> None:
        raise RayTaskError("method", "traceback", self._cause).as_instanceof_cause()


@pytest.mark.parametrize(
    ("cause", "raised"),
    [
        (Adopted("a later term"), Adopted),
        (Fenced("claimed by another one"), ActivationFailed),
        (FallbackHeld("its file is elsewhere"), ShardHeld),
        (ValueError("anything else"), ActivationFailed),
    ],
)
async def test_why_a_process_does_not_become_a_shard(cause: Exception, raised: type[Exception]) -> None:
    with pytest.raises(raised, match=str(cause)) as failure:
        await RayShard(Actor(cause), "settings").activate("s0", "", 1)
    assert type(failure.value) is raised


async def test_rule_07_a_process_that_a_later_supervisor_counts_on_is_not_adopted() -> None:
    with pytest.raises(Adopted) as failure:
        await RayShard(Actor(Adopted("a later term")), "settings").adopt(1)
    assert type(failure.value) is Adopted, "a StoreError: whoever starts is told"


@pytest.mark.parametrize(
    ("asked", "settings", "spare"), [(False, "same", True), (True, "same", False), (False, "other", False)]
)
def test_rule_07_a_spare_was_never_asked_and_has_the_same_settings(
    monkeypatch: pytest.MonkeyPatch, asked: bool, settings: str, spare: bool
) -> None:
    heeded: list[int] = []

    async def heed(term: int) -> None:
        heeded.append(term)

    monkeypatch.setattr(shard_actor, "node_id", lambda: "node-one")
    actor = object.__new__(shard_actor.PlayerShard)  # the whole of it needs Ray
    actor._process = SimpleNamespace(asked=asked, incarnation=None, heed=heed)  # type: ignore[assignment]
    actor._thread = SimpleNamespace(call=asyncio.run)  # type: ignore[assignment]
    actor._settings = "same"
    found = msgspec.msgpack.decode(actor.adopt(7, settings), type=Found)
    assert (found.spare, found.identity.incarnation, heeded) == (spare, None, [7])
