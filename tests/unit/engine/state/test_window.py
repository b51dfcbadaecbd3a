"""Remembered commands: 128 with answers, 24 hours as digests, tombstones at least as long as the bet's answer."""

from engine.state.window import DIGESTS_MAX, HOUR_MS, REMEMBERED_MAX, Window, id_digest


def filled(count: int, time_ms: int = 0) -> Window:
    window = Window()
    for number in range(count):
        window.remember(id_digest(f"gs:{number}"), b"content!", time_ms, b"answer")
    return window


def test_the_129th_command_turns_the_first_into_a_digest() -> None:
    window = filled(REMEMBERED_MAX + 1)
    assert window.find(id_digest("gs:0")) is None
    assert list(window.older) == [id_digest("gs:0")]
    assert len(window.recent) == REMEMBERED_MAX


def test_digests_beyond_24_hours_go() -> None:
    window = filled(REMEMBERED_MAX + 1)
    window.remember(id_digest("late"), b"content!", 26 * HOUR_MS, b"answer")
    assert not window.older


def test_digests_are_bounded_and_losses_counted() -> None:
    window = filled(REMEMBERED_MAX + DIGESTS_MAX + 3)
    assert (len(window.older), window.dropped) == (DIGESTS_MAX, 3)
    assert id_digest("gs:2") not in window.older
    assert id_digest("gs:3") in window.older


def test_a_tombstone_stays_as_long_as_its_bet_is_remembered() -> None:
    window = filled(1)
    window.tombstone("gs:0", 0)
    window.tombstone("unknown", 0)
    window.tombstone("other", 30 * HOUR_MS)
    assert id_digest("gs:0") in window.tombstones
    assert id_digest("unknown") not in window.tombstones


def test_parts_rebuild_the_window() -> None:
    window = filled(REMEMBERED_MAX + 5, 7 * HOUR_MS)
    window.tombstone("x", 7 * HOUR_MS)
    rebuilt = Window.from_parts(*window.parts())
    assert rebuilt.parts() == window.parts()
    assert rebuilt.find(id_digest("gs:9")) == window.find(id_digest("gs:9"))
