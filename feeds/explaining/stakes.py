"""A stake, step by step: whose money it was, what counted towards wagering and why, the limit, turnover and points."""

from collections.abc import Iterator

from engine import events as e
from engine.amounts import MICRO
from engine.catalog import Catalog
from engine.state import GrantTerms
from feeds.explaining import rules as r
from feeds.explaining.amounts import euros, micro, points
from feeds.explaining.line import HIDDEN, Line
from feeds.explaining.movements import Movement
from feeds.explaining.scene import Scene, contribution_of


def free_spin(event: e.BetPlaced, scene: Scene) -> Iterator[Line]:
    """The steps of a stake that took nothing."""
    stake = scene.purse.said(event.amount)
    yield Line(
        f"A free spin of package {event.package_id} on {event.game_id} at a stake of {stake}: no money was taken, "
        "nothing counted towards wagering, and it earned no points.",
        (r.FREE_SPIN,),
    )


def paid_stake(event: e.BetPlaced, scene: Scene) -> Iterator[Line]:
    """The steps of a stake of real money, bonus money or both."""
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
    yield Line(f"The stake is turnover of {turnover}.", (r.CONVERTED, r.TURNOVER), instead=HIDDEN)
    if not event.points_micro:
        yield Line("It earned no points.", (r.POINTS,))
        return
    earned = f"It earned {points(event.points_micro)}"
    moved = Movement(points=event.points_micro)
    yield Line(f"{earned}{_factor(event, scene)}.", (r.POINTS,), moved, instead=f"{earned}.")


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
