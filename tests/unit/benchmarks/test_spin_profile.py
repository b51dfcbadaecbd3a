"""Samples by function: what a function does itself, and what it calls."""

from benchmarks.spin_profile import folded, page

RAW = [
    "run (a.py:1);spin (b.py:10);stake (b.py:20) 6",
    "run (a.py:1);spin (b.py:11) 3",
    "run (a.py:2);walk (c.py:5);walk (c.py:6) 1",
]


def test_a_function_is_one_whatever_its_line_and_counts_once_in_a_stack() -> None:
    profile = folded(RAW)
    assert profile.samples == 10
    assert profile.alone == {"stake (b.py)": 6, "spin (b.py)": 3, "walk (c.py)": 1}
    assert profile.whole == {"run (a.py)": 10, "spin (b.py)": 9, "stake (b.py)": 6, "walk (c.py)": 1}


def test_the_page_shows_shares_in_order() -> None:
    written = page([("over HTTP", "shard", 9_999, folded(RAW))], "A machine")
    assert "## The shard, spins over HTTP\n\n9,999 spins/s" in written
    assert written.splitlines()[-3:] == [
        "| `stake (b.py)` | 60.0% | 60.0% |",
        "| `spin (b.py)` | 30.0% | 90.0% |",
        "| `walk (c.py)` | 10.0% | 10.0% |",
    ]
