"""How many users there are at a time, as plain functions of the seconds since the start.

Each answers (users, users started per second), or None once the time is over. Numbers change in steps, because locust
moves users for every number that differs from the last one.
"""

from typing import NamedTuple

RAMP_STEPS = 10
RAMP_SHARE = 0.8
"""The part of the time in which a ramp climbs; then it holds its height."""
SPIKE_BASE = 5
"""Outside the spike there is one of so many users."""
SPIKE_RATE = 10
"""How many times faster than usual the users of a spike come."""

Stage = tuple[int, float]


class Plan(NamedTuple):
    """`users` at the most, of which `spawn_rate` start each second, for `seconds`."""

    users: int
    spawn_rate: float
    seconds: float


def steady(plan: Plan, at_s: float) -> Stage | None:
    """All users, from the start to the end."""
    return None if at_s >= plan.seconds else (plan.users, plan.spawn_rate)


def ramp(plan: Plan, at_s: float) -> Stage | None:
    """A tenth of the users more in each of ten steps, then all of them: at which number does p99 leave the bar?"""
    if at_s >= plan.seconds:
        return None
    step = min(RAMP_STEPS, 1 + int(at_s / (plan.seconds * RAMP_SHARE) * RAMP_STEPS))
    return max(1, plan.users * step // RAMP_STEPS), plan.spawn_rate


def spike(plan: Plan, at_s: float) -> Stage | None:
    """A fifth of the users; all of them, at once, for the middle third; then a fifth again."""
    if at_s >= plan.seconds:
        return None
    few = max(1, plan.users // SPIKE_BASE), plan.spawn_rate
    return (plan.users, plan.spawn_rate * SPIKE_RATE) if 1 / 3 <= at_s / plan.seconds < 2 / 3 else few
