"""Who failed rests for longer and longer, up to a minute."""

from actors.background.backoff import Rests


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def lengths(rests: Rests, clock: Clock, times: int) -> list[float]:
    """How long `alice` rests after each of so many failures, tried again as soon as allowed; to half a second."""
    found = []
    for _ in range(times):
        rests.failed("alice")
        began = clock.now_s
        while rests.resting("alice"):
            clock.now_s += 0.5
        found.append(clock.now_s - began)
    return found


def test_twice_as_long_each_time_up_to_a_minute_and_again_from_the_start_after_a_success() -> None:
    clock = Clock()
    rests = Rests(clock)
    assert not rests.resting("alice")
    assert lengths(rests, clock, 9) == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert not rests.resting("bob")
    rests.succeeded("alice")
    rests.succeeded("nobody")
    assert lengths(rests, clock, 2) == [1, 2]


def test_whom_nobody_tries_any_more_is_forgotten() -> None:
    clock = Clock()
    rests = Rests(clock)
    rests.failed("alice")
    clock.now_s += 61
    rests.failed("bob")
    rests.forget_old()
    assert len(rests) == 2
    clock.now_s += 0.5
    rests.forget_old()
    assert (len(rests), rests.resting("bob")) == (1, True)
