"""Which campaigns a command triggers (rules §6). Matching only: the gate and the award come after.

A trigger that fails eligibility or `per_player` simply doesn't match and leaves no record.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from engine import commands as c
from engine import events as e
from engine.awarding.eligibility import refusal_reason
from engine.calendar import DAY_MS
from engine.catalog import Campaign, Catalog, ascii_upper
from engine.catalog.index import Campaigns, awaiting, index_of
from engine.commands import Command
from engine.expiry import is_over
from engine.loyalty.turnover import settled_turnover
from engine.state import PlayerState


class Proposal(NamedTuple):
    """A campaign that matches. `deposit` is (deposit id, minor units), if one triggered it.

    `climbed` is the level whose climbing did. `amount` (minor units) is given for cashback and redemptions, which have
    none in their terms; `redeemed` is (redemption id, whole points).
    """

    campaign: Campaign
    deposit: tuple[str, int] | None = None
    climbed: str | None = None
    amount: int | None = None
    redeemed: tuple[str, int] | None = None


def may_trigger(state: PlayerState, catalog: Catalog, command: Command, events: Sequence[e.AnyEvent]) -> bool:
    """Whether the accepted command with its own `events` can trigger anything: on the path of every spin mostly not,
    and soon found out.
    """
    kind = type(command.body)
    if kind not in BY_PLAY:
        return kind in MATCHERS
    if not events or state.currency not in catalog.currencies:
        return False  # without its currency the catalog has nothing for the player
    thresholds = index_of(catalog).thresholds
    return type(events[-1]) is e.LevelUpDue or bool(thresholds and _may_cross(state, thresholds, events[0]))


def _may_cross(state: PlayerState, thresholds: tuple[int, ...], first: e.AnyEvent) -> bool:
    """Whether a threshold lies above what is settled, but not above all turnover with the `first` event's stake."""
    above = bisect_right(thresholds, settled_turnover(state))
    if above == len(thresholds):
        return False
    staked = first.turnover_micro if type(first) is e.BetPlaced or type(first) is e.BetReported else 0
    return thresholds[above] <= state.turnover_micro + staked


def proposals(state: PlayerState, catalog: Catalog, command: Command, events: Sequence[e.AnyEvent]) -> list[Proposal]:
    """What the accepted command with its own `events` triggers, in order of campaign ids.

    Nothing while the player is blocked, and nothing that is switched off. What is owed by then is paid all the same:
    the worth of points that were redeemed, and cashback.
    """
    match = MATCHERS.get(type(command.body))
    if match is None or state.blocked is not None:
        return []
    matched, off = match(state, catalog, command, events), command.facts.off
    if off is None or type(command.body) in _OWED:
        return matched
    if off.stops(state.player_id):
        return []
    return [proposal for proposal in matched if proposal.campaign.campaign_id not in off.campaigns]


def eligible(
    state: PlayerState,
    catalog: Catalog,
    campaigns: Sequence[Campaign],
    time_ms: int,
    deposit: tuple[str, int] | None = None,
    climbed: str | None = None,
) -> list[Proposal]:
    """Those that are for this player, now."""
    amount = None if deposit is None else deposit[1]
    return [
        Proposal(campaign, deposit, climbed)
        for campaign in campaigns
        if refusal_reason(state, catalog, campaign, time_ms, amount, climbed) is None
    ]


def _deposit(state: PlayerState, catalog: Catalog, command: Command, events: Sequence[e.AnyEvent]) -> list[Proposal]:
    """First deposits, nth deposits, and deposit totals crossed; if the first one isn't eligible the chance is gone."""
    made = events[0]
    if not isinstance(made, e.DepositMade):
        return []
    before = state.deposited_micro
    after = before + made.micro_eur
    matched = [
        *(awaiting(catalog, "first_deposit") if made.nth == 1 else ()),
        *(campaign for campaign in awaiting(catalog, "deposit") if campaign.condition.nth in (None, made.nth)),
        *_crossed(awaiting(catalog, "deposit_total_reached"), before, after),
    ]
    matched.sort(key=lambda campaign: campaign.campaign_id)
    return eligible(state, catalog, matched, command.time_ms, (made.deposit_id, made.amount))


def _crossed(campaigns: Campaigns, before: int, after: int) -> list[Campaign]:
    """Campaigns whose threshold lies in before < eur ≤ after, micro-EUR."""
    return [campaign for campaign in campaigns if before < (campaign.condition.eur_micro or 0) <= after]


def _session(state: PlayerState, catalog: Catalog, command: Command, events: Sequence[e.AnyEvent]) -> list[Proposal]:
    return eligible(state, catalog, awaiting(catalog, "session_start"), command.time_ms)


def _event(state: PlayerState, catalog: Catalog, command: Command, events: Sequence[e.AnyEvent]) -> list[Proposal]:
    name = command.body.name  # type: ignore[union-attr]
    named = [campaign for campaign in awaiting(catalog, "custom_event") if campaign.condition.name == name]
    return eligible(state, catalog, named, command.time_ms)


def with_code(catalog: Catalog, code: str) -> list[Campaign]:
    """Campaigns of that code, without regard to ASCII case (rules §6)."""
    wanted = ascii_upper(code)
    return [campaign for campaign in awaiting(catalog, "code") if campaign.condition.code == wanted]


def _code(state: PlayerState, catalog: Catalog, command: Command, events: Sequence[e.AnyEvent]) -> list[Proposal]:
    """At most one: campaigns that run at the same time don't share a code."""
    return eligible(state, catalog, with_code(catalog, command.body.code), command.time_ms)[:1]  # type: ignore[union-attr]


def _manual(state: PlayerState, catalog: Catalog, command: Command, events: Sequence[e.AnyEvent]) -> list[Proposal]:
    campaign_id = command.body.campaign_id  # type: ignore[union-attr]
    named = [campaign for campaign in awaiting(catalog, "manual") if campaign.campaign_id == campaign_id]
    return eligible(state, catalog, named, command.time_ms)


def _inactive(state: PlayerState, catalog: Catalog, command: Command, events: Sequence[e.AnyEvent]) -> list[Proposal]:
    noticed = {event.campaign_id for event in events if isinstance(event, e.SilenceNoticed)}
    named = [campaign for campaign in awaiting(catalog, "inactive") if campaign.campaign_id in noticed]
    return eligible(state, catalog, named, command.time_ms)


def _play(state: PlayerState, catalog: Catalog, command: Command, events: Sequence[e.AnyEvent]) -> list[Proposal]:
    """Levels climbed, in order, and turnover crossed by what has been settled with this command (rules §3, §6)."""
    found: list[Proposal] = []
    for event in events:
        if isinstance(event, e.LevelUpDue):
            for level in event.levels:
                climbing = level_campaigns(state, catalog, level)
                found += eligible(state, catalog, climbing, command.time_ms, None, level)
    campaigns = awaiting(catalog, "turnover_reached")
    more = newly_settled(state, events) if campaigns else 0
    if more:
        before = settled_turnover(state)
        found += eligible(state, catalog, _crossed(campaigns, before, before + more), command.time_ms)
    return found


def _redemption(state: PlayerState, catalog: Catalog, command: Command, events: Sequence[e.AnyEvent]) -> list[Proposal]:
    """What the confirmed points are worth, under the redemption's own terms (rules §8)."""
    rules = catalog.loyalty.redemption if catalog.loyalty is not None else None
    confirmed = events[0] if events else None
    if rules is None or not isinstance(confirmed, e.RedemptionConfirmed):
        return []
    redeemed = (confirmed.redemption_id, confirmed.points)
    return [Proposal(rules.campaign, amount=confirmed.amount, redeemed=redeemed)]


def _cashback(state: PlayerState, catalog: Catalog, command: Command, events: Sequence[e.AnyEvent]) -> list[Proposal]:
    rules = catalog.loyalty.cashback if catalog.loyalty is not None else None
    settled = events[0] if events else None
    if rules is None or not isinstance(settled, e.CashbackSettled) or not settled.amount:
        return []
    return [Proposal(rules.campaign, amount=settled.amount)]


def newly_settled(state: PlayerState, events: Sequence[e.AnyEvent]) -> int:
    """Micro-EUR of turnover that the events settle: stakes of rounds they close, and bets of other verticals."""
    placed = settled = 0
    for event in events:
        if isinstance(event, e.BetPlaced):
            placed += event.turnover_micro
        elif isinstance(event, e.BetReported):
            settled += event.turnover_micro
        elif (session_id := settled_round(event)) is not None:
            round_ = state.rounds.get(session_id)
            settled += placed + (0 if round_ is None else sum(bet.turnover_micro for bet in round_.bets))
    return settled


def settled_round(event: e.AnyEvent) -> str | None:
    """The round whose stakes the event settles: it ends the round and leaves them standing. None: it settles none."""
    closes = (isinstance(event, e.WinCredited) and event.closes) or (
        isinstance(event, e.RoundTimedOut) and event.action == "close"
    )
    return event.session_id if closes else None  # type: ignore[union-attr]


def level_campaigns(state: PlayerState, catalog: Catalog, level: str) -> list[Campaign]:
    """Campaigns for climbing to `level` by play, in order of their ids; the award itself is the caller's (rules §6)."""
    return [campaign for campaign in awaiting(catalog, "level_up") if campaign.condition.to in (None, level)]


def silence_due(state: PlayerState, catalog: Catalog) -> tuple[int, str] | None:
    """When the next `inactive` campaign fires if the player stays silent (Unix ms), and its id (rules §6).

    Silence is no bet, session or deposit for more than `days` days, counting from registration.
    """
    found: tuple[int, str] | None = None
    if not state.currency or state.blocked is not None:
        return None
    for campaign in awaiting(catalog, "inactive"):
        had = state.awarded.get(campaign.campaign_id, 0) >= campaign.per_player
        if had or state.silence_fired.get(campaign.campaign_id) == state.active_ms:
            continue
        due_ms = max(state.active_ms + (campaign.condition.days or 0) * DAY_MS + 1, campaign.valid_from_ms)
        if not is_over(campaign, due_ms) and (found is None or due_ms < found[0]):
            found = (due_ms, campaign.campaign_id)
    return found


def silence_terms(catalog: Catalog) -> list[tuple[str, int, int, int, int]]:
    """All that `silence_due` reads of the catalog: id, window (Unix ms), days and `per_player` of its campaigns."""
    return [
        (each.campaign_id, each.valid_from_ms, each.valid_to_ms, each.condition.days or 0, each.per_player)
        for each in awaiting(catalog, "inactive")
    ]


Matcher = Callable[[PlayerState, Catalog, Any, Sequence[e.AnyEvent]], list[Proposal]]
MATCHERS: dict[type, Matcher] = {
    c.Deposit: _deposit,
    c.StartSession: _session,
    c.PostEvent: _event,
    c.EnterCode: _code,
    c.GrantCampaign: _manual,
    c.Inactive: _inactive,
    c.Spin: _play,
    c.Result: _play,
    c.ExpireRound: _play,
    c.ReportBet: _play,
    c.ConfirmRedemption: _redemption,
    c.PayCashback: _cashback,
}
_OWED = frozenset({c.ConfirmRedemption, c.PayCashback})
"""Bodies whose award the player has earned or paid for already."""
BY_PLAY = frozenset(kind for kind, matcher in MATCHERS.items() if matcher is _play)
"""Bodies that trigger by turnover only."""
