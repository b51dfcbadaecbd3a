"""The soak's verdict: who grows is found, who came and went is not taken for one that grew, and the page tells it."""

from pathlib import Path

import pytest

from benchmarks.soak import found
from benchmarks.soak.found import Books, PlaySample, Sample, Soak, StoreSample, Watched
from benchmarks.soak.judging import ended, failures, judge, passing
from benchmarks.soak.page import page
from benchmarks.soak.picture import draw
from benchmarks.soak.watching import name_of, parse_memory

STEP_S, WARM_UP_S, LASTED_S = 5, 100, 600
TIMES = range(0, LASTED_S + 1, STEP_S)
MACHINE = {"cores": "2", "cpu": "C", "python": "3.11", "redis_server": "7"}
SETTINGS = {"shards": 2, "gateways": 2, "residents": 400, "seats": 40, "rate": 300, "rush": 900}


def watched(name: str, grows: float = 0.0, begins: int = 0, ends: int = LASTED_S, wave_kb: int = 0) -> Watched:
    """A process of 100 MB whose memory grows by so large a share from the warm-up to the end; it doubles before."""

    def memory(at_s: int) -> int:
        if at_s < WARM_UP_S:
            return 50_000
        return round(100_000 * (1 + grows * (at_s - WARM_UP_S) / (LASTED_S - WARM_UP_S))) + wave_kb * (at_s // 5 % 2)

    samples = [Sample(at_s, kb := memory(at_s), kb // 2, kb // 2, 30, 8) for at_s in TIMES if begins <= at_s <= ends]
    return Watched(1, name, samples)


def soak(*processes: Watched, retries: int = 0, books: Books | None = None) -> Soak:
    return Soak(
        "2026-01-02T00:00:00",
        MACHINE,
        LASTED_S,
        WARM_UP_S,
        SETTINGS,
        list(processes),
        [StoreSample(at_s, 10_000_000 + 1_000 * at_s, 900, at_s) for at_s in TIMES],
        [PlaySample(at_s, STEP_S, 1_500, retries if at_s == 300 else 0, 900, 2_500, 9_000) for at_s in TIMES],
        books or Books(600, 90, 180_000),
    )


def test_growth_beyond_the_limit_fails_and_what_the_warm_up_does_is_not_looked_at() -> None:
    told = failures(soak(watched("flat"), watched("slow", 0.04), watched("leak", 0.07), watched("falls", -0.5)))
    assert len(told) == 1 and told[0].startswith("leak (1) grew by")


def test_a_saw_of_a_tenth_is_flat_and_one_step_is_not() -> None:
    assert failures(soak(watched("saw", wave_kb=10_000))) == []
    step = watched("step")
    for sample in step.samples[70:90]:
        sample.rss_kb += 6_000
    (judged,) = judge(soak(step))
    assert not judged.flat and judged.grown == pytest.approx(0.06) and judged.slope < 0.05


def test_one_that_ends_fails_and_one_that_comes_later_does_not() -> None:
    dead, child = watched("shard", ends=400), watched("child of redis", grows=0.5, begins=300, ends=330)
    run = soak(watched("gateway"), dead, child, watched("starts", ends=50))
    assert (ended(run), passing(run)) == ([dead], [child])
    assert failures(run) == ["shard (1) ended"]


def test_redis_is_not_judged_because_its_players_stay() -> None:
    assert failures(soak(watched("redis", grows=2.0))) == []


def test_a_refused_request_or_a_difference_fails() -> None:
    books = Books(600, 90, 180_000, lost=1, doubled=2, differences=["soak-1: real money: expected 5, got 6"])
    assert failures(soak(watched("gateway"), retries=3, books=books)) == [
        "1 lost",
        "2 doubled",
        "3 requests were refused or not answered",
        "soak-1: real money: expected 5, got 6",
    ]


def test_too_few_samples_are_no_verdict() -> None:
    short = watched("gateway")
    short.samples = short.samples[::20]
    with pytest.raises(ValueError, match="judge nothing"):
        judge(soak(short))


def test_page_and_picture_tell_what_was_found(tmp_path: Path) -> None:
    run = soak(watched("gateway"), watched("shard s0", 0.2))
    text = page(run)
    assert "## Verdict: FAIL: shard s0 (1) grew by" in text
    assert "| gateway | 97.7 | 97.7 | +0.0% | +0.0% | +0.0 | 48.8 | 30 → 30 | 8 → 8 | flat |" in text
    assert "1.0 KB for each" in text
    assert "180,000 spins of 600 players, 90 of whom came again" in text
    draw(run, tmp_path / "soak.png")
    assert (tmp_path / "soak.png").stat().st_size > 10_000
    found.write(run, tmp_path / "samples.json")
    assert found.read(tmp_path / "samples.json") == run


def test_what_a_process_is() -> None:
    titles = {
        "ray::PlayerShard.live": "shard",
        "/venv/bin/python -m croupier gateway --fd 3": "gateway",
        "/venv/ray/core/src/ray/raylet/raylet --raylet_socket_name=x": "ray raylet",
        "/venv/ray/core/src/ray/gcs/gcs_server --log_dir=x": "ray gcs_server",
        "ray::DashboardAgent": "ray::DashboardAgent",
        "redis-server 127.0.0.1:1": "redis",
    }
    assert {title: name_of(title) for title in titles} == titles


def test_memory_is_read_by_its_names() -> None:
    rollup = "5598-7ffe ---p 00000000 00:00 0   [rollup]\nRss:   1668 kB\nPss:  247 kB\nPss_Anon:  112 kB\nSwap: 0 kB\n"
    assert parse_memory(rollup) == {"rss_kb": 1668, "pss_kb": 247, "anon_kb": 112}
