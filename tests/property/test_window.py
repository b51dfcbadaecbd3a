"""Rules §3, idempotency, on the window alone: 128 answers, 24 hours of digests, at most 65 536, through snapshots."""

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.state.window import DIGESTS_MAX, HOUR_MS, REMEMBERED_MAX, Window, id_digest

DAY_MS = 24 * HOUR_MS
STEPS = st.lists(
    st.tuples(st.sampled_from([0, 0, 1, 1_000, HOUR_MS, 7 * HOUR_MS, DAY_MS, 30 * HOUR_MS]), st.integers(1, 150)),
    min_size=1,
    max_size=12,
)


class Told(NamedTuple):
    command_id: str
    time_ms: int


def play(steps: list[tuple[int, int]]) -> tuple[Window, list[Told]]:
    """Each step waits, then accepts some commands and tombstones one unknown id."""
    window, told, now = Window(), [], 1_767_225_600_123
    for number, (wait_ms, count) in enumerate(steps):
        now += wait_ms
        window.tombstone(f"late:{number}", now)
        for index in range(count):
            command_id = f"gs:{number}-{index}"
            window.remember(id_digest(command_id), b"content!", now, command_id.encode())
            told.append(Told(command_id, now))
    return window, told


@settings(max_examples=min(60, 3 * settings().max_examples))
@given(STEPS)
def test_the_last_128_answer_and_the_last_24_hours_are_known(steps: list[tuple[int, int]]) -> None:
    window, told = play(steps)
    recent, beyond, now = told[-REMEMBERED_MAX:], told[:-REMEMBERED_MAX], told[-1].time_ms
    assert len(window.recent) == len(recent)
    for command_id, time_ms in recent:
        assert window.find(id_digest(command_id)) == (b"content!", time_ms // HOUR_MS, command_id.encode())
    for command_id, time_ms in beyond:
        digest = id_digest(command_id)
        assert window.find(digest) is None
        if now - time_ms <= DAY_MS:
            assert digest in window.older
    assert window.dropped == 0


@settings(max_examples=min(60, 3 * settings().max_examples))
@given(STEPS)
def test_nothing_is_known_much_longer(steps: list[tuple[int, int]]) -> None:
    """Digests age by the hour, whenever another joins them."""
    window, told = play([*steps, (0, REMEMBERED_MAX + 1)])
    last_ms = told[-1].time_ms
    oldest_kept = last_ms // HOUR_MS - 24
    assert all(hour >= oldest_kept for hour in window.older.values())
    window.tombstone("late:last", last_ms + DAY_MS + HOUR_MS)
    assert list(window.tombstones) == [id_digest("late:last")]


@settings(max_examples=min(60, 3 * settings().max_examples))
@given(STEPS, STEPS)
def test_a_rebuilt_window_goes_on_exactly_like_the_first(
    before: list[tuple[int, int]], after: list[tuple[int, int]]
) -> None:
    window, told = play(before)
    rebuilt = Window.from_parts(*window.parts())
    now = told[-1].time_ms
    for number, (wait_ms, count) in enumerate(after):
        now += wait_ms
        for index in range(count):
            for one in (window, rebuilt):
                one.remember(id_digest(f"gs:after-{number}-{index}"), b"content!", now, b"answer")
                one.tombstone(f"gs:{number}-{index}", now)
    assert rebuilt.parts() == window.parts()
    assert list(rebuilt.older) == list(window.older)


@pytest.mark.parametrize("more", [0, 1, 200])
def test_the_65_536_bound_drops_the_oldest_and_counts(more: int) -> None:
    window = Window()
    for number in range(REMEMBERED_MAX + DIGESTS_MAX + more):
        window.remember(id_digest(f"gs:{number}"), b"content!", 0, b"")
    assert (len(window.older), window.dropped) == (DIGESTS_MAX, more)
    for number in range(more):
        assert id_digest(f"gs:{number}") not in window.older
    assert next(iter(window.older)) == id_digest(f"gs:{more}")
    rebuilt = Window.from_parts(*window.parts())
    assert (len(rebuilt.older), rebuilt.dropped) == (DIGESTS_MAX, more)
