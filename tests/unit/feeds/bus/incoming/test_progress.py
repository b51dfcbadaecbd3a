"""Which offsets may be committed."""

from feeds.bus.incoming.cloud_events import EventRefused
from feeds.bus.incoming.progress import Progress, Taken
from feeds.bus.incoming.record import Record


def take(progress: Progress, *offsets: int) -> list[Taken]:
    return [
        progress.take(Record("t", 0, offset, None, b"", (), 0), EventRefused("undecodable", "")) for offset in offsets
    ]


def test_the_lowest_unfinished_offset_is_committed() -> None:
    progress = Progress(("t", 0), 10)
    assert progress.committable == 10
    first, second, third = take(progress, 10, 11, 12)
    second.mark.done = True
    assert progress.committable == 10
    first.mark.done = True
    assert progress.committable == 12
    third.mark.done = True
    assert (progress.committable, progress.open) == (13, 0)


def test_offsets_that_the_broker_leaves_out_are_passed() -> None:
    progress = Progress(("t", 0), 0)
    first, second = take(progress, 5, 9)
    assert progress.committable == 5
    first.mark.done = second.mark.done = True
    assert progress.committable == 10


async def test_waiting_ends_when_the_partition_goes() -> None:
    progress = Progress(("t", 0), 0)
    assert not await progress.gone_within(0.001)
    progress.gone.set()
    assert await progress.gone_within(60)
