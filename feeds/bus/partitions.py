"""The number of partitions of each topic is kept: a new one would move players with events under way."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Final

from feeds.bus.producing import Producing, Stopped
from feeds.reading import Notes

log = logging.getLogger("croupier.bus")

NOTE: Final = "partitions:"


async def counted(
    producing: Producing, topics: Iterable[str], notes: Notes, acknowledged: Mapping[str, int], timeout_s: float
) -> dict[str, int]:
    """The partitions of each topic, noted if they are new or acknowledged. Raises Stopped if others are noted."""
    noted = {key.removeprefix(NOTE): int(value) for key, value in (await notes.read(NOTE)).items()}
    found = {topic: await asyncio.to_thread(producing.partitions, topic, timeout_s) for topic in topics}
    fresh: dict[str, bytes | None] = {}
    for topic, count in found.items():
        before = noted.get(topic)
        if before == count:
            continue
        if before is not None and acknowledged.get(topic) != count:
            raise changed(topic, before, count)
        log.info("bus: topic %s has %d partitions%s", topic, count, "" if before is None else f", {before} before")
        fresh[f"{NOTE}{topic}"] = str(count).encode()
    if fresh:
        await notes.write(fresh)
    return found


def changed(topic: str, before: int, now: int) -> Stopped:
    """Why the bus stops, and what to do."""
    return Stopped(
        "partitions",
        f"topic {topic} had {before} partitions and has {now}: players would move to other partitions, before or behind"
        f" events that are not consumed yet. Let the consumers catch up, then set partitions_acknowledged: {topic}:"
        f" {now}.",
    )
