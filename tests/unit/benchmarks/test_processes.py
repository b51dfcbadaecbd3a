"""CPU per spin by process: /proc is parsed right, and every process finds its family and its name."""

from pathlib import Path

import pytest

from benchmarks.processes import (
    TICK_S,
    CpuTimes,
    Process,
    family,
    parse_busy_s,
    parse_stat,
    process_table,
    role,
    us_per_spin,
)

STAT = "71 (a (b) c) S 70 71 71 0 -1 4194560 5122 0 0 0 250 150 7 9 20 0 4 0 1199 240 1 0 0\n"


def test_a_name_with_blanks_and_brackets_does_not_shift_the_fields() -> None:
    assert parse_stat(STAT, "t") == Process(71, 70, 400 * TICK_S, "t")


def test_a_family_is_the_root_and_all_below_it() -> None:
    table = [Process(pid, parent, 0, "") for pid, parent in ((5, 4), (4, 2), (3, 2), (2, 1), (9, 1), (10, 9))]
    assert [process.pid for process in family(table, [2])] == [5, 4, 3, 2]


def test_what_was_used_since_by_role() -> None:
    before = CpuTimes([Process(1, 0, 5, "redis-server *:1"), Process(2, 1, 7, "croupier gateway --fd 3")])
    table = [Process(1, 0, 6, "redis-server *:1"), Process(2, 1, 9, "croupier gateway --fd 3")]
    after = CpuTimes([*table, Process(3, 2, 0.5, "ray::PlayerShard.live"), Process(8, 0, 99, "redis-server *:2")])
    used = after.since(before, [1])
    assert used == {"redis": 1, "gateway": 2, "shard": 0.5}
    assert us_per_spin(used, 10_000) == {"gateway": 200, "redis": 100, "shard": 50}


def test_the_machine_is_busy_with_everything_but_idling_and_waiting_for_disks() -> None:
    text = "cpu  1 2 4 8000 9000 8 16 32 64 128\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
    assert parse_busy_s(text) == (1 + 2 + 4 + 8 + 16 + 32) * TICK_S


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("ray::PlayerShard", "shard"),
        ("ray::PlayerActor.spin", "actors"),
        ("ray::DashboardAgent", "ray"),
        ("/x/site-packages/ray/core/src/ray/gcs/gcs_server --log_dir=/tmp", "ray"),
        ("/x/python -m croupier gateway --fd 3 --store redis://127.0.0.1:1/0", "gateway"),
        ("/x/python /x/croupier up --store redis://127.0.0.1:1/0", "croupier up"),
        ("redis-server 127.0.0.1:6379", "redis"),
        ("postgres: bench postgres [local] idle", "postgres backends"),
        ("postgres: walwriter", "postgres (others)"),
        ("/usr/lib/postgresql/15/bin/postgres -D /tmp/x", "postgres (others)"),
        ("/x/python -m benchmarks.peers p2 --store postgresql://x", "uvicorn"),
        ("sh", "others"),
    ],
)
def test_what_a_process_is(title: str, expected: str) -> None:
    assert role(title) == expected


def test_a_process_that_ends_while_its_table_is_read_is_left_out(tmp_path: Path) -> None:
    for pid in ("70", "71"):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_bytes(b"redis-server\0--port\x001\0")
    (tmp_path / "71" / "stat").write_text(STAT)
    (tmp_path / "self").mkdir()
    assert process_table(tmp_path) == [Process(71, 70, 400 * TICK_S, "redis-server --port 1")]
