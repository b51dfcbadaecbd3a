"""The report of a chaos run: its figures stand between the marks of the page, and the picture beside it."""

from pathlib import Path

from tests.chaos.reckoning import Reckoning
from tests.chaos.report import summary, write
from tests.chaos.run import Found, Wanted
from tests.chaos.timeline import Outage, Trouble
from tests.chaos.verifying import Verified

PAGE = "# Chaos\n\nbefore\n\n<!-- chaos:begin -->\nold figures\n<!-- chaos:end -->\n\nafter\n"
OUTAGES = [
    Outage(Trouble("kill-shard", "s1", began=110.0, over=110.0, whole=113.5), 0.4, "spin", 0),
    Outage(Trouble("kill-master", "store-1", began=120.0, over=125.0, whole=131.0), 5.25, "deposit", 7),
]


def found(**lost: list[str]) -> Found:
    return Found(
        wanted=Wanted(minutes=1, seed=7, players=2, think_ms=1, kinds=("kill-shard", "kill-master")),
        outages=OUTAGES,
        began=100.0,
        seconds=60.0,
        answers=[50] * 20 + [0] * 5 + [50] * 35,
        counts={"reconciled": 2, "asks": 2_750},
        differences=[],
        reckoning=Reckoning(acknowledged=3, entries={"p": 2, "q": 1}, **lost),  # type: ignore[arg-type]
        verified=Verified(exit_code=0, entries=3, players=2, compared=2, leaves=3, checkpoints=1, faults=[]),
        exit_code=0,
    )


def test_each_fault_is_told_with_its_outage(tmp_path: Path) -> None:
    (tmp_path / "chaos.md").write_text(PAGE)
    write(found(), tmp_path)
    page = (tmp_path / "chaos.md").read_text()
    assert page.startswith("# Chaos\n\nbefore\n") and page.endswith("<!-- chaos:end -->\n\nafter\n")
    assert "old figures" not in page and "**Passed: 0 lost, 0 doubled" in page
    assert "| 2 | 20 s | kill-master | store-1 | 5.0 s | 11.0 s | 5.2 s | deposit | 7 |" in page
    assert (tmp_path / "chaos.png").stat().st_size > 10_000


def test_what_is_lost_stands_first(tmp_path: Path) -> None:
    (tmp_path / "chaos.md").write_text(PAGE)
    unsound = found(lost=["p/p-2"])
    write(unsound, tmp_path)
    assert "**Failed:**\n- 1 commands acknowledged, but not there: p/p-2" in (tmp_path / "chaos.md").read_text()
    assert "FAILED: 1 commands acknowledged, but not there: p/p-2" in summary(unsound)
