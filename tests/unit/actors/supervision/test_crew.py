"""Where a process is started for a shard that only one node can take."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from actors.supervision.crew import Crew
from actors.supervision.ports import NOBODY, ShardHeld
from actors.supervision.tasks import Tasks

FILE_ON = "old"


class Process:
    """One that can become the shard where its fallback file lies."""

    def __init__(self, node: str) -> None:
        self.node, self.killed = node, False

    async def activate(self, shard_id: str, history: str, term: int) -> None:
        if self.node != FILE_ON:
            raise ShardHeld(f"the file of {shard_id} is not here")

    async def identity(self) -> Any:
        return self

    async def dead(self) -> None:
        await asyncio.Event().wait()

    def kill(self) -> None:
        self.killed = True


class Nodes:
    async def nodes(self) -> Mapping[str, str]:
        return {FILE_ON: "10.0.0.1", "new": "10.0.0.2"}

    def launch(self, avoided: Collection[str] = (), crowd: Mapping[str, int] = NOBODY) -> Process:
        return Process(next(node for node in (FILE_ON, "new") if node not in avoided))


async def test_rule_16_a_shard_whose_file_lies_on_a_node_that_is_being_drained_is_taken_there() -> None:
    """Nothing else is started on such a node; but nobody else can take the shard, and the drain goes on with it."""
    tasks, nodes = Tasks(), Nodes()
    crew = Crew(nodes, 1, tasks)  # type: ignore[arg-type]
    crew.avoided = [FILE_ON]
    crew.fill()
    await crew.activate("s0")
    assert crew.live["s0"].node == FILE_ON and [spare.node for spare in crew.spares] == ["new"]
    tasks.cancel()


async def test_rule_07_spares_that_are_found_are_kept_as_far_as_they_are_wanted() -> None:
    found = [Process(node) for node in (FILE_ON, "new", "new")]
    crew = Crew(Nodes(), 1, Tasks())  # type: ignore[arg-type]
    crew.avoided = [FILE_ON]
    for process in found:
        crew.keep(process)  # type: ignore[arg-type]
    assert crew.spares == [found[1]]
    assert [process.killed for process in found] == [True, False, True], "on a node that is drained; one too many"
