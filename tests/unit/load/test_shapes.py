"""How the number of users changes over a run."""

from tests.load.shapes import Plan, ramp, spike, steady

PLAN = Plan(users=50, spawn_rate=5.0, seconds=60.0)


def test_steady_has_all_users_until_the_end() -> None:
    assert [steady(PLAN, at_s) for at_s in (0.0, 59.9, 60.0)] == [(50, 5.0), (50, 5.0), None]


def test_a_ramp_climbs_in_ten_steps_and_holds() -> None:
    users = [stage[0] for second in range(60) if (stage := ramp(PLAN, float(second)))]
    assert len(users) == 60
    assert users == sorted(users)
    assert sorted(set(users)) == [5, 10, 15, 20, 25, 30, 35, 40, 45, 50]
    assert users.count(50) >= 12
    assert ramp(PLAN, 60.0) is None


def test_a_spike_brings_all_at_once_in_the_middle_third() -> None:
    assert [spike(PLAN, at_s) for at_s in (0.0, 19.9, 20.0, 39.9, 40.0, 60.0)] == [
        (10, 5.0),
        (10, 5.0),
        (50, 50.0),
        (50, 50.0),
        (10, 5.0),
        None,
    ]


def test_there_is_always_somebody() -> None:
    alone = Plan(users=1, spawn_rate=1.0, seconds=10.0)
    assert {ramp(alone, 0.0), spike(alone, 0.0)} == {(1, 1.0)}
