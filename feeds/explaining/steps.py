"""One round's stakes, wins and reversals, step by step: whose money, what counted, points, each with its arithmetic.

Amounts are those that the entry states. Terms are the grant's own; the catalog only says why.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from engine import events as e
from engine.amounts import MICRO
from engine.catalog import Catalog, Game
from engine.deciding.funds import contribution
from engine.state import Grant, GrantTerms
from feeds.explaining import rules as r
from feeds.explaining.amounts import Purse, euros, micro, points, times
from feeds.explaining.line import Line
from feeds.explaining.movements import Movement
from feeds.explaining.words import said


class Scene(NamedTuple):
    """What is known beside the event.

    `bets` are the stakes of the round that stood before, `won` what it had won by then. `in_wager`: the grant in wager
    after the entry, if the entry says so; `remaining` what it still had to wager.
    """

    purse: Purse
    grants: Mapping[str, Grant]
    catalog: Catalog | None
    bets: tuple[e.BetPlaced, ...] = ()
    won: Movement = Movement()
    in_wager: str | None = None
    remaining: int = 0

    def game(self, game_id: str) -> Game | None:
        """The game as the catalog of that time has it."""
        return None if self.catalog is None else self.catalog.games.get(game_id)

    def terms(self, grant_id: str | None) -> GrantTerms | None:
        """The grant's frozen terms."""
        grant = None if grant_id is None else self.grants.get(grant_id)
        return None if grant is None else grant.terms


def steps(event: e.AnyEvent, scene: Scene) -> Iterator[Line]:
    """The steps of an event. Their movements add up to the event's."""
    if isinstance(event, e.BetPlaced):
        yield from _free_spin(event, scene) if event.package_id is not None else _bet(event, scene)
    elif isinstance(event, e.WinCredited):
        yield from _win(event, scene)
    elif isinstance(event, e.RoundReversed):
        yield from _reversal(event, scene)
    else:
        yield said(event, scene.purse)


def _free_spin(event: e.BetPlaced, scene: Scene) -> Iterator[Line]:
    stake = scene.purse.said(event.amount)
    yield Line(
        f"A free spin of package {event.package_id} on {event.game_id} at a stake of {stake}: no money was taken, "
        "nothing counted towards wagering, and it earned no points.",
        (r.FREE_SPIN,),
    )


def _bet(event: e.BetPlaced, scene: Scene) -> Iterator[Line]:
    yield from _funds(event, scene)
    yield from _wagering(event, scene)
    yield from _limit(event, scene)
    yield from _points(event, scene)


def _funds(event: e.BetPlaced, scene: Scene) -> Iterator[Line]:
    """Whose money the stake was."""
    purse, order = scene.purse, _order(event, scene)
    stake = purse.said(event.amount)
    if not event.bonus:
        yield Line(f"The whole stake of {stake} came from real money{_only_real(event, scene)}.",
                   (r.FUNDS_ORDER, r.IN_WAGER_ONLY), Movement(-event.real))  # fmt: skip
        return
    if event.real:
        why = {
            "real_first": "real money goes first, and this was all of it that could be staked",
            "bonus_first": "bonus money goes first, and this is what it did not cover",
        }.get(order, "the order of funds that was in force splits it so")
        yield Line(f"Of the stake of {stake}, {purse.bare(event.real)} came from real money because {why}.",
                   (r.FUNDS_ORDER,), Movement(-event.real))  # fmt: skip
    why = {
        "real_first": "no more real money could be staked",
        "bonus_first": "bonus money goes first",
    }.get(order, "the order of funds that was in force splits it so")
    yield Line(
        f"Of the stake of {stake}, {purse.bare(event.bonus)} came from bonus {event.grant_id}, which was in wager, "
        f"because {why}.",
        (r.FUNDS_ORDER, r.IN_WAGER_ONLY), Movement(0, -event.bonus),
    )  # fmt: skip


def _order(event: e.BetPlaced, scene: Scene) -> str:
    terms = scene.terms(event.grant_id)
    if terms is not None and terms.funds_order is not None:
        return terms.funds_order
    return "" if scene.catalog is None else scene.catalog.funds_order


def _only_real(event: e.BetPlaced, scene: Scene) -> str:
    grant_id = event.grant_id or scene.in_wager
    terms = scene.terms(grant_id)
    if grant_id is None:
        return ": no bonus was in wager"
    if terms is not None and event.game_id in terms.excluded_games and terms.excluded_policy == "real_only":
        return f": the money of bonus {grant_id} can't be staked on {event.game_id}"
    return ": real money goes first and covered it" if _order(event, scene) == "real_first" else ""


def _wagering(event: e.BetPlaced, scene: Scene) -> Iterator[Line]:
    """What counted towards wagering, and why."""
    grant_id, purse = event.grant_id or scene.in_wager, scene.purse
    if grant_id is None:
        yield Line("Nothing counted towards wagering: no bonus was in wager.", (r.IN_WAGER_ONLY,))
    elif event.counted:
        yield Line(_counted(event, scene) + _left(event, scene), (r.COUNTED,))
    else:
        why, rule = _not_counted(event, scene)
        yield Line(
            f"Of {purse.said(event.amount)} nothing counted towards the wagering of bonus {grant_id}: {why}.", (rule,)
        )


def _counted(event: e.BetPlaced, scene: Scene) -> str:
    purse, percent = scene.purse, _percent(event, scene)
    counted = f"{purse.said(event.counted)} counted towards the wagering of bonus {event.grant_id}"
    if percent is None:
        return f"{counted}."
    full = event.amount * percent // 100
    how = f"stake {purse.bare(event.amount)} × contribution {percent} % = {purse.bare(full)}"
    if full > event.counted:
        return f"{counted}: {how}, but no more than {purse.bare(event.counted)} remained to be wagered."
    return f"{counted}: {how}."


def _left(event: e.BetPlaced, scene: Scene) -> str:
    if scene.in_wager != event.grant_id:
        return ""
    return f" {scene.purse.said(scene.remaining)} remained to be wagered after this step."


def _percent(event: e.BetPlaced, scene: Scene) -> int | None:
    terms = scene.terms(event.grant_id or scene.in_wager)
    return None if terms is None else contribution_of(terms, scene.catalog, event.game_id)


def contribution_of(terms: GrantTerms, catalog: Catalog | None, game_id: str) -> int | None:
    """Percent of a stake that counts: the terms' own for the game; else what needs the catalog of that time."""
    game = None if catalog is None else catalog.games.get(game_id)
    return terms.contribution_games.get(game_id) if game is None else contribution(terms, game)


def _not_counted(event: e.BetPlaced, scene: Scene) -> tuple[str, r.Rule]:
    terms, purse = scene.terms(event.grant_id or scene.in_wager), scene.purse
    if terms is None:
        return "the bonus's terms are no longer known", r.COUNTED
    if event.game_id in terms.excluded_games:
        return f"{event.game_id} is excluded by its terms", r.EXCLUDED
    if terms.min_bet is not None and event.amount < terms.min_bet:
        return f"a stake counts from {purse.said(terms.min_bet)} on", r.COUNTED
    if terms.over_max_bet == "not_counted" and _is_over(event, terms, scene):
        return (
            f"the stake is over the limit of {purse.said(terms.max_bet or 0)}, and such stakes don't count",
            r.MAX_BET,
        )
    if _percent(event, scene) == 0:
        return f"the contribution of {event.game_id} is 0 %", r.COUNTED
    return "nothing remained to be wagered, or the bonus came into wager after this stake", r.COUNTED


def _is_over(event: e.BetPlaced, terms: GrantTerms, scene: Scene) -> bool:
    return terms.max_bet is not None and _together(event, terms, scene) > terms.max_bet


def _together(event: e.BetPlaced, terms: GrantTerms, scene: Scene) -> int:
    """What the limit looks at: the stake, or all stakes of its round."""
    return event.amount + (sum(bet.amount for bet in scene.bets) if terms.max_bet_counts == "round" else 0)


def _limit(event: e.BetPlaced, scene: Scene) -> Iterator[Line]:
    """The grant's limit on bets, where it has one."""
    grant_id, purse = event.grant_id or scene.in_wager, scene.purse
    terms = scene.terms(grant_id)
    if terms is None or terms.max_bet is None:
        return
    what = "The stakes of the round together are" if terms.max_bet_counts == "round" else "The stake is"
    told = f"{what} {purse.said(_together(event, terms, scene))}; bonus {grant_id} allows {purse.said(terms.max_bet)}"
    if event.voids_grant:
        yield Line(f"{told}: the bonus is cancelled once the round is settled.", (r.MAX_BET,))
    elif _is_over(event, terms, scene):
        yield Line(f"{told}: the stake was taken without progress.", (r.MAX_BET,))
    else:
        yield Line(f"{told}: the limit was kept.", (r.MAX_BET,))


def _points(event: e.BetPlaced, scene: Scene) -> Iterator[Line]:
    """Turnover and points, by the game's factor and the multiplier of a promotion."""
    turnover = euros(event.turnover_micro)
    yield Line(f"The stake is turnover of {turnover}.", (r.CONVERTED, r.TURNOVER))
    if not event.points_micro:
        yield Line("It earned no points.", (r.POINTS,))
        return
    moved = Movement(points=event.points_micro)
    yield Line(f"It earned {points(event.points_micro)}{_factor(event, scene)}.", (r.POINTS,), moved)


def _factor(event: e.BetPlaced, scene: Scene) -> str:
    game = scene.game(event.game_id)
    loyalty = None if scene.catalog is None else scene.catalog.loyalty
    if game is None or loyalty is None or not event.turnover_micro:
        return ""
    factor = loyalty.points.factors.get(game.type, 0)
    how = f": {euros(event.turnover_micro)} × {points(factor)} per EUR on {game.type} games"
    if event.turnover_micro * factor // MICRO == event.points_micro:
        return how
    promotion = _promotion(event, factor, scene.catalog)
    return f"{how} × {promotion}" if promotion else ""


def _promotion(event: e.BetPlaced, factor: int, catalog: Catalog | None) -> str:
    """The campaign whose multiplier gives the points that the entry states."""
    for campaign in () if catalog is None else catalog.campaigns.values():
        multiplier = campaign.points_multiplier_micro
        if multiplier and event.turnover_micro * factor * multiplier // MICRO**2 == event.points_micro:
            return f"{micro(multiplier)} of campaign {campaign.campaign_id}"
    return ""


def _win(event: e.WinCredited, scene: Scene) -> Iterator[Line]:
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


def _reversal(event: e.RoundReversed, scene: Scene) -> Iterator[Line]:
    """What came back, kind by kind."""
    purse = scene.purse
    what = "The round was cancelled" if not event.tombstones else f"{times(len(event.tombstones), 'bet')} rolled back"
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
