"""Money that comes, goes, and is given as bonus, counted from the events of transitions that are no plain spins.

Stakes and wins are not counted here: a plain spin passes by (rules §2). What was staked and won is told by the reports.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, Metric

from engine import events as e
from engine.catalog import Currency
from engine.holdings import find_ended_grant, find_grant
from engine.state import PlayerState
from engine.transition import Transition

PAIRS_MAX: Final = 2_000
"""Pairs of campaign and currency that are shown apart; what comes beyond is counted as the campaign `others`."""
OTHERS: Final = "others"

_CASH: Final = {
    "money_deposited": "Deposits, in units of the currency",
    "money_withdrawn": "Confirmed withdrawals, in units of the currency",
}
_BONUS: Final = {
    "bonus_money_granted": "Bonus money granted, in units of the currency",
    "bonus_money_released": "Bonus money that became real money, in units of the currency: what bonuses cost",
    "bonus_money_taken_back": "Released bonus money that reversals took back, in units of the currency",
}


class MoneyCounts:
    """Counters in minor units, shown in units of each currency. Written by the shard's loop, read by a scrape.

    A counter is shown as 0 as soon as its currency, or its campaign, is known: Prometheus can't tell by how much one
    has grown whose first value it sees is not 0.
    """

    def __init__(self) -> None:
        self._exponents: dict[str, int] = {}
        self._cash: dict[str, Counter[str]] = {name: Counter() for name in _CASH}
        self._bonus: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in _BONUS}

    def knows(self, currency: str, exponent: int) -> None:
        """In which units amounts of the currency are."""
        if currency not in self._exponents:
            for counted in self._cash.values():
                counted[currency] = 0
        self._exponents[currency] = exponent

    def cash(self, name: str, currency: str, amount: int) -> None:
        """Adds minor units to a counter of `_CASH`."""
        self._cash[name][currency] += amount

    def bonus(self, name: str, campaign_id: str, currency: str, amount: int) -> None:
        """Adds minor units to a counter of `_BONUS`."""
        pair = (campaign_id, currency)
        if pair not in self._bonus[name]:
            pair = pair if len(self._bonus[name]) < PAIRS_MAX else (OTHERS, currency)
            for counts in self._bonus.values():
                counts[pair] += 0
        self._bonus[name][pair] += amount

    def collect(self) -> Iterator[Metric]:
        """Everything, for a scrape."""
        for name, counted in self._cash.items():
            family = CounterMetricFamily(name, _CASH[name], labels=("currency",))
            for currency, amount in list(counted.items()):
                family.add_metric((currency,), self._units(currency, amount))
            yield family
        for name, pairs in self._bonus.items():
            family = CounterMetricFamily(name, _BONUS[name], labels=("campaign", "currency"))
            for (campaign_id, currency), amount in list(pairs.items()):
                family.add_metric((campaign_id, currency), self._units(currency, amount))
            yield family

    def _units(self, currency: str, amount: int) -> float:
        return float(amount / 10 ** self._exponents[currency])


def count_money(counts: MoneyCounts, state: PlayerState, currencies: Mapping[str, Currency], done: Transition) -> None:
    """Adds a transition's events; `state` is the player's after it.

    A currency that is no longer in the catalog is not counted: nobody could say how many units its amounts are.
    """
    for event in done.events:
        count = _COUNTED.get(type(event))
        if count is not None and (currency := currencies.get(state.currency)) is not None:
            counts.knows(state.currency, currency.exponent)
            count(counts, state, event)


def _deposited(counts: MoneyCounts, state: PlayerState, event: e.DepositMade) -> None:
    counts.cash("money_deposited", state.currency, event.amount)


def _withdrawn(counts: MoneyCounts, state: PlayerState, event: e.WithdrawalConfirmed) -> None:
    counts.cash("money_withdrawn", state.currency, event.amount)


def _created(counts: MoneyCounts, state: PlayerState, event: e.GrantCreated) -> None:
    grant = event.grant
    if grant.state == "granted" and grant.amount:
        counts.bonus("bonus_money_granted", grant.campaign_id, state.currency, grant.amount)


def _granted(counts: MoneyCounts, state: PlayerState, event: e.BonusGranted) -> None:
    counts.bonus("bonus_money_granted", event.campaign_id, state.currency, event.amount)


def _redeemed(counts: MoneyCounts, state: PlayerState, event: e.BonusRedeemed) -> None:
    counts.bonus("bonus_money_released", event.campaign_id, state.currency, event.released)


def _reopened(counts: MoneyCounts, state: PlayerState, event: e.GrantReopened) -> None:
    _corrected(counts, state, event.grant_id, -event.real)


def _reversed(counts: MoneyCounts, state: PlayerState, event: e.RoundReversed) -> None:
    for delta in event.grants:
        _corrected(counts, state, delta.grant_id, delta.released)


def _corrected(counts: MoneyCounts, state: PlayerState, grant_id: str, released: int) -> None:
    """What a grant released has changed by so much. A grant that is no longer kept can't be named any more."""
    grant = find_grant(state, grant_id) or find_ended_grant(state, grant_id)
    if released and grant is not None:
        name = "bonus_money_released" if released > 0 else "bonus_money_taken_back"
        counts.bonus(name, grant.campaign_id, state.currency, abs(released))


_COUNTED: dict[type[e.Event], Callable[[MoneyCounts, PlayerState, Any], None]] = {
    e.DepositMade: _deposited,
    e.WithdrawalConfirmed: _withdrawn,
    e.GrantCreated: _created,
    e.BonusGranted: _granted,
    e.BonusRedeemed: _redeemed,
    e.GrantReopened: _reopened,
    e.RoundReversed: _reversed,
}
