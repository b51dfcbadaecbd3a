"""Wins and reversals, step by step: how a win is shared, and what came back when bets were undone."""

from collections.abc import Iterator

from engine import events as e
from feeds.explaining import rules as r
from feeds.explaining.amounts import Purse, points, times
from feeds.explaining.line import Line
from feeds.explaining.movements import Movement
from feeds.explaining.scene import Scene
from feeds.explaining.words import said


def win(event: e.WinCredited, scene: Scene) -> Iterator[Line]:
    """The steps of a win: what went where, and why in these parts."""
    line = said(event, scene.purse)
    if not event.real or not event.bonus:
        yield line._replace(text=line.text + _share_of_one(event, scene))
        return
    purse = scene.purse
    real, bonus = _staked(scene)
    before = scene.won.real + scene.won.bonus
    share = (
        f"{purse.bare(before + event.real + event.bonus)} × {purse.bare(bonus)} / {purse.bare(real + bonus)}, "
        "rounded down"
    )
    less = f", less {purse.bare(scene.won.bonus)} that it got before" if scene.won.bonus else ""
    yield Line(
        f"Of the win of {purse.said(event.reported)}, {purse.bare(event.bonus)} went to bonus "
        f"{event.grant_id}, which paid "
        f"{purse.bare(bonus)} of the {purse.bare(real + bonus)} staked: {share}{less}.",
        (r.WIN_SHARED,), Movement(0, event.bonus),
    )  # fmt: skip
    closes = " The round is over." if event.closes else " The round goes on."
    yield Line(
        f"The rest, {purse.said(event.real)}, went to real money.{closes}", (r.WIN_SHARED,), Movement(event.real)
    )


def _share_of_one(event: e.WinCredited, scene: Scene) -> str:
    """Why all of it went one way."""
    real, bonus = _staked(scene)
    if not event.reported or event.wager_added or not real + bonus:
        return ""
    if event.real and not bonus:
        return " No bonus money was staked in the round."
    if event.bonus and not real:
        return " No real money was staked in the round."
    return ""


def _staked(scene: Scene) -> tuple[int, int]:
    return sum(bet.real for bet in scene.bets), sum(bet.bonus for bet in scene.bets)


def reversal(event: e.RoundReversed, scene: Scene) -> Iterator[Line]:
    """What came back, kind by kind."""
    purse = scene.purse
    what = "The round was cancelled" if not event.tombstones else "A bet was rolled back"
    rule = r.CANCEL if not event.tombstones else r.ROLLBACK
    yield Line(
        f"{what}: what it did is undone by the amounts that it recorded, nothing is computed anew.", (rule, r.REVERSAL)
    )
    if event.real:
        word = "went back to" if event.real > 0 else "were taken from"
        yield Line(f"{purse.said(abs(event.real))} {word} real money.", (r.REVERSAL,), Movement(event.real))
    for delta in event.grants:
        yield from _grant_back(delta, purse)
    if event.spins:
        yield Line(f"{times(event.spins, 'free spin')} went back to package {event.package_id}.", (r.REVERSAL,))
    if event.points_micro:
        word = "were taken off again" if event.points_micro < 0 else "came back"
        yield Line(
            f"{points(abs(event.points_micro))} {word}.", (r.REVERSAL, r.BUCKETS), Movement(points=event.points_micro)
        )
    if event.kept_grants:
        yield Line(f"What the bet had triggered stays: {', '.join(event.kept_grants)}.", (r.ROLLBACK,))


def _grant_back(delta: e.GrantDelta, purse: Purse) -> Iterator[Line]:
    if delta.balance:
        word = "went back to" if delta.balance > 0 else "were taken from"
        text = f"{purse.said(abs(delta.balance))} {word} bonus {delta.grant_id}."
        yield Line(text, (r.REVERSAL,), Movement(0, delta.balance))
    if delta.remaining_wager > 0:
        text = f"{purse.said(delta.remaining_wager)} are to be wagered again for bonus {delta.grant_id}."
        yield Line(text, (r.REVERSAL, r.COUNTED))
    if delta.released or delta.removed:
        text = (
            f"Bonus {delta.grant_id} stays ended: what it had paid out is corrected by {purse.said(delta.released)}, "
        )
        yield Line(f"{text}what it had lost by {purse.said(delta.removed)}.", (r.REVERSAL,))
