"""The golden house's steps, and what each of its events moved."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from engine import events as e
from tests.support.golden_house import GoldenHouse, Step

Rows = dict[tuple[Any, ...], dict[str, Any]]


class Window(NamedTuple):
    """A period, and the time zone of its days."""

    from_ms: int
    to_ms: int
    time_zone: str = "UTC"

    def day(self, time_ms: int) -> str:
        return datetime.fromtimestamp(time_ms / 1_000, UTC).astimezone(ZoneInfo(self.time_zone)).strftime("%Y-%m-%d")

    def month(self, time_ms: int) -> str:
        return self.day(time_ms)[:7]


class Books:
    """The house's steps, with what several reports need of them."""

    def __init__(self, house: GoldenHouse) -> None:
        self.house = house
        self.campaign: dict[tuple[str, str], str] = {}
        self.grant: dict[tuple[str, str], Any] = {}
        self.package: dict[tuple[str, str], Any] = {}
        self.spun: dict[tuple[str, str], str] = {}
        """By player and round: the package of a free spin."""
        for step in house.steps:
            for event in step.transition.events:
                if isinstance(event, e.GrantCreated):
                    self.grant[step.player_id, event.grant.grant_id] = event.grant
                elif isinstance(event, e.FreeSpinsGranted):
                    self.package[step.player_id, event.package.package_id] = event.package
                elif isinstance(event, e.BetPlaced) and event.package_id is not None:
                    self.spun[step.player_id, event.session_id] = event.package_id

    def steps(self, window: Window) -> Iterator[Step]:
        for step in self.house.steps:
            if window.from_ms <= step.time_ms < window.to_ms:
                yield step

    def before(self, window: Window) -> Iterator[Step]:
        for step in self.house.steps:
            if step.time_ms < window.to_ms:
                yield step

    def events(self, window: Window) -> Iterator[tuple[Step, Any]]:
        for step in self.steps(window):
            for event in step.transition.events:
                yield step, event


def released(event: Any) -> int:
    match event:
        case e.BonusRedeemed():
            return event.released
        case e.GrantReopened():
            return -event.real
        case e.RoundReversed():
            return sum(delta.released for delta in event.grants)
    return 0


def removed(event: Any) -> int:
    match event:
        case e.BonusRedeemed() | e.GrantExpired() | e.GrantCancelled():
            return event.removed
        case e.GrantReopened():
            return event.real - event.balance
        case e.RoundReversed():
            return sum(delta.removed for delta in event.grants)
    return 0


def granted(event: Any) -> int:
    match event:
        case e.GrantCreated():
            return event.grant.balance
        case e.BonusGranted():
            return event.amount
    return 0


def transferred(event: Any) -> int:
    match event:
        case e.DepositMade():
            return event.amount
        case e.WithdrawalConfirmed():
            return -event.amount
    return 0


def ggr(step: Step) -> tuple[int, int]:
    """GGR of a step on real and on bonus funds: what the purse lost that nothing else took."""
    events = step.transition.events
    out = sum(map(released, events))
    real = sum(map(transferred, events)) + out - (step.after.real - step.before.real)
    bonus = sum(map(granted, events)) - out - sum(map(removed, events)) - (step.after.bonus - step.before.bonus)
    return real, bonus


def by_grant(event: Any) -> Iterator[tuple[str, int]]:
    """Grants and what the event released of each."""
    if isinstance(event, e.RoundReversed):
        yield from ((delta.grant_id, delta.released) for delta in event.grants)
    elif (amount := released(event)) != 0:
        yield event.grant_id, amount
