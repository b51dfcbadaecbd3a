"""Java's partitioner, by the values of its own tests."""

import pytest

from feeds.bus.placing import KNOWN_MAX, Placing, murmur2


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_that_of_kafka_in_java(key: bytes, hashed: int) -> None:
    """The values are in the tests of Kafka's `Utils.murmur2`."""
    assert murmur2(key) == hashed % 2**32


def test_a_player_stays_where_it_is_and_all_partitions_are_used() -> None:
    placing = Placing(6)
    places = [placing.of(f"player-{number}") for number in range(500)]
    assert set(places) == set(range(6))
    assert places == [placing.of(f"player-{number}") for number in range(500)]


def test_memory_is_bounded_and_forgetting_moves_nobody() -> None:
    placing = Placing(5)
    first = placing.of("anna")
    for number in range(KNOWN_MAX):
        placing.of(str(number))
    assert len(placing._known) <= KNOWN_MAX
    assert placing.of("anna") == first
