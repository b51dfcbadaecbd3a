"""What a reader takes for certain while the store may still lose its tail (rule 15)."""

from feeds.following.view import JournalView
from snapshots.contract import LogInfo, Position

HORIZON_MS = 2_000


class Watching:
    """A view whose clock the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.view = JournalView(HORIZON_MS)
        self.view._clock = lambda: self.now_s

    def saw(self, *infos: LogInfo, after_s: float = 0.0) -> None:
        self.now_s += after_s
        self.view.saw(infos)


def _log(epoch: int, last_seq: int, *, sealed: bool = False) -> LogInfo:
    return LogInfo(f"s0-{epoch}", "s0", sealed, 0, 0, last_seq)


async def test_a_record_is_safe_once_it_was_seen_for_as_long_as_the_store_may_lose_it() -> None:
    watching = Watching()
    watching.saw(_log(1, 40))
    watching.saw(_log(1, 50), after_s=1.5)
    assert watching.view.safe_seq("s0-1") == 0
    watching.saw(_log(1, 50), after_s=1.0)
    assert watching.view.safe_seq("s0-1") == 40
    watching.saw(_log(1, 50), after_s=1.0)
    assert watching.view.safe_seq("s0-1") == 50


async def test_what_comes_in_place_of_a_lost_tail_is_as_young_as_it_is() -> None:
    watching = Watching()
    watching.saw(_log(1, 50))
    watching.saw(_log(1, 30), after_s=1.0)
    watching.saw(_log(1, 50), after_s=0.9)
    watching.now_s += 0.2
    assert watching.view.safe_seq("s0-1") == 0
    watching.now_s += 0.9
    assert watching.view.safe_seq("s0-1") == 30
    watching.now_s += 1.0
    assert watching.view.safe_seq("s0-1") == 50


async def test_a_tail_that_was_safe_and_is_lost_all_the_same_is_not_safe_any_more() -> None:
    watching = Watching()
    watching.saw(_log(1, 50))
    watching.now_s += 2.5
    assert watching.view.safe_seq("s0-1") == 50
    watching.saw(_log(1, 20))
    assert watching.view.ends()["s0"] == Position(1, 20)
    watching.now_s += 2.5
    assert watching.view.safe_seq("s0-1") == 20


async def test_a_sealed_log_is_over_once_the_store_can_not_lose_the_claim_that_sealed_it() -> None:
    watching = Watching()
    watching.saw(_log(1, 50, sealed=True), _log(2, 0))
    watching.now_s += 1.9
    assert not watching.view.is_over("s0-1")
    watching.saw(_log(1, 50))  # the claim is lost: the former owner writes on
    watching.saw(_log(1, 54, sealed=True), _log(2, 0), after_s=1.0)
    assert not watching.view.is_over("s0-1")
    watching.now_s += 2.0
    assert watching.view.is_over("s0-1")
    assert not watching.view.is_over("s0-2")


async def test_a_log_that_is_gone_is_forgotten() -> None:
    watching = Watching()
    watching.saw(_log(1, 50, sealed=True), _log(2, 0))
    watching.saw(_log(2, 3), after_s=5.0)
    assert not watching.view.is_over("s0-1")
    assert watching.view.safe_seq("s0-1") == 0
