"""Rules §6 and §7: the one gate that every award passes, and what must be looked up or reserved for it."""

from typing import Any

import msgspec
import pytest

from engine.catalog import Campaign, FraudRules, Limits, PeriodLimit, TriggerCondition
from engine.commands import (
    ApproveGrant,
    CancelGrant,
    ClaimGrant,
    Command,
    DeclineGrant,
    Deposit,
    EnterCode,
    GrantCampaign,
    Register,
    Result,
    Spin,
    StartSession,
)
from engine.facts import Needs, ReservationRefusal, Seen, Signals
from engine.needs import reservation_fate, reservation_outcomes
from engine.player import execute, execute_or_ask
from engine.rejections import Rejection
from tests.support.judging import JudgedTable, rules, with_fraud
from tests.support.playing import DAY_MS, MILLION, START_MS, Table, campaign, catalog_with, match, spins, wager

LIMITED = Limits(per_ip=3, per_device=1, budget_micro_eur=100 * MILLION)
SIGNALS = {"ip": "10.0.0.1", "device": "d-1"}


def on_session(fixed: int = 500, **fields: Any) -> Campaign:
    return campaign(fixed=fixed, trigger="session_start", wager=wager(10), **fields)


def at_gate(fraud: FraudRules, *campaigns: Campaign) -> JudgedTable:
    return JudgedTable(with_fraud(catalog_with(*(campaigns or (on_session(),))), fraud))


# --- fraud rules

STRICT = rules(
    shared_device=("review", 1), shared_instrument=("deny", 0), shared_ip=("review", 5), country_mismatch=("review", 0)
)


@pytest.mark.parametrize(
    ("seen", "ip_country", "state", "reasons"),
    [
        (Seen(), "FI", "granted", ()),
        (Seen(device=1), "FI", "granted", ()),
        (Seen(device=2), "FI", "initiated", ("shared_device",)),
        (Seen(ip=5), None, "granted", ()),
        (Seen(ip=6), None, "initiated", ("shared_ip",)),
        (Seen(payment_instrument=1), None, "declined", ("shared_instrument",)),
        (Seen(), "SE", "initiated", ("country_mismatch",)),
        (Seen(2, 2, 1), "SE", "declined", ("shared_device", "shared_instrument", "country_mismatch")),
    ],
)
def test_the_strictest_verdict_wins_and_all_reasons_are_kept(
    seen: Seen, ip_country: str | None, state: str, reasons: tuple[str, ...]
) -> None:
    table = at_gate(STRICT)
    table.seen, table.ip_country = seen, ip_country
    answer = table.do(StartSession(**SIGNALS))
    [award] = answer.granted + answer.declined
    assert (award.state, award.reasons) == (state, reasons)
    assert (answer.declined == ()) == (state != "declined")


def test_a_rule_that_allows_only_leaves_its_name() -> None:
    table = at_gate(rules(shared_ip=("allow", 0)))
    table.seen = Seen(ip=9)
    [award] = table.do(StartSession(**SIGNALS)).granted
    assert (award.state, award.reasons) == ("granted", ("shared_ip",))


def test_a_declined_grant_is_kept_with_its_reasons_moves_nothing_and_uses_up_nothing() -> None:
    table = at_gate(rules(shared_ip=("deny", 0)), on_session(per_player=1, free_spins=spins(5)))
    table.seen = Seen(ip=1)
    table.do(StartSession(**SIGNALS))
    [grant] = table.state.ended_grants
    assert (grant.state, grant.amount, grant.balance, grant.ended_ms) == ("declined", 500, 0, START_MS)
    assert (table.money(), table.state.packages, table.state.awarded) == ((0, 0), [], {})
    table.seen = Seen()
    assert table.do(StartSession(**SIGNALS)).granted[0].state == "granted"


@pytest.mark.parametrize("source", ["manual", "code", "deposit"])
def test_every_source_passes_the_gate(source: Any) -> None:
    """Later awards are judged by the last known signals, looked up anew."""
    gift = campaign(fixed=500, trigger=source, wager=wager(10), condition=TriggerCondition(code="X"))
    table = at_gate(rules(shared_device=("deny", 0)), gift)
    table.do(StartSession(**SIGNALS))
    table.seen = Seen(device=1)
    body = {"manual": GrantCampaign("gift", "r"), "code": EnterCode("X"), "deposit": Deposit(100)}[source]
    answer = table.do(body)
    assert table.asked is not None
    assert (table.asked.signals, table.asked.look_up) == (Signals("10.0.0.1", "d-1"), True)
    declined = answer.granted if source == "manual" else answer.declined[0]
    assert (declined.state, declined.reasons) == ("declined", ("shared_device",))


@pytest.mark.parametrize(
    ("ip_country", "claimed", "account"), [("KP", None, "FI"), (None, "KP", "FI"), (None, None, "KP")]
)
def test_denied_countries_refuse_all_grants(ip_country: str | None, claimed: str | None, account: str) -> None:
    table = at_gate(rules(denied=("KP",)), campaign(fixed=500, wager=wager(10)))
    table.do(Register("EUR", account))
    state = table.player.state
    state.ip_country = table.shadow.state.ip_country = ip_country
    state.signals = table.shadow.state.signals = Signals(country=claimed)
    granted = table.grant()
    assert (granted.state, granted.reasons) == ("declined", ("denied_country",))


def test_a_new_ip_counts_and_not_the_country_of_the_last_one() -> None:
    table = at_gate(rules(country_mismatch=("review", 0)))
    table.ip_country = "SE"
    assert table.do(StartSession(ip="10.0.0.1")).granted[0].state == "initiated"
    table.ip_country = None
    assert table.do(StartSession(ip="10.0.0.2")).granted[0].state == "granted"


@pytest.mark.parametrize(
    ("account", "claimed", "state"),
    [("FI", None, "granted"), ("FI", "FI", "granted"), ("FI", "SE", "initiated"), (None, "SE", "granted")],
)
def test_a_claimed_country_that_differs_from_the_account_s_is_a_signal(
    account: str | None, claimed: str | None, state: str
) -> None:
    """Whatever the IP says; and until another session claims the right one."""
    table = at_gate(STRICT)
    table.ip_country = account
    table.player.state.country = table.shadow.state.country = account
    answer = table.do(StartSession(ip="10.0.0.1", country=claimed))
    assert [(g.state, g.reasons) for g in answer.granted] == [
        (state, ("country_mismatch",) if state == "initiated" else ())
    ]
    assert table.do(StartSession()).granted[0].state == state
    assert table.do(StartSession(country=account)).granted[0].state == "granted"


# --- limits


def test_bonus_money_per_player_in_rolling_utc_days() -> None:
    """At most 10.00 EUR in 7 days: 5 + 5 pass, one cent more does not; on day 7 the first is over."""
    fraud = FraudRules(max_bonus_per_player=PeriodLimit(7, 10 * MILLION))
    table = at_gate(fraud, campaign(fixed=500, wager=wager(10)), campaign("cent", 1, wager=wager(1)))
    table.now += DAY_MS - 1
    assert table.grant().state == "granted"
    table.now += 3 * DAY_MS
    assert table.grant().state == "granted"
    declined = table.grant("cent")
    assert (declined.state, declined.reasons) == ("declined", ("max_bonus_per_player",))
    table.now += 3 * DAY_MS
    assert table.grant("cent").state == "declined"
    table.now += 1
    assert table.grant("cent").state == "granted"


def test_awards_of_one_command_add_up() -> None:
    fraud = FraudRules(max_bonus_per_player=PeriodLimit(1, 8 * MILLION))
    offers = [campaign(name, 500, trigger="session_start", wager=wager(1)) for name in ("a", "b")]
    answer = at_gate(fraud, *offers).do(StartSession())
    assert ([g.campaign_id for g in answer.granted], [g.campaign_id for g in answer.declined]) == (["a"], ["b"])


def test_an_offer_that_is_never_granted_gives_its_share_of_the_period_back() -> None:
    fraud = FraudRules(max_bonus_per_player=PeriodLimit(7, 5 * MILLION))
    offer = campaign(fixed=500, opt_in=True, claim_days=1, wager=wager(1))
    for given_up in (False, True):
        table = at_gate(fraud, offer)
        assert (table.grant().state, table.grant().state) == ("initiated", "declined")
        if given_up:
            table.do(CancelGrant("g2-1"))
        else:
            table.pass_days(1)
        assert table.grant().state == "initiated"


def test_free_spins_are_no_bonus_money() -> None:
    fraud = FraudRules(max_bonus_per_player=PeriodLimit(7, 0))
    assert at_gate(fraud, campaign(free_spins=spins(5))).grant().free_spins == 5


@pytest.mark.parametrize("refusals", [("budget_exhausted",), ("per_ip", "per_device"), ("max_bonus_per_ip",)])
def test_what_the_shared_limits_refuse_is_declined(refusals: tuple[ReservationRefusal, ...]) -> None:
    table = at_gate(FraudRules(), on_session(limits=LIMITED))
    table.refusals = {"gift": refusals}
    answer = table.do(StartSession(**SIGNALS))
    assert [(g.state, g.reasons) for g in answer.declined] == [("declined", refusals)]
    assert reservation_outcomes(table.transitions[-1]) == ((), ())


def test_a_refused_limit_is_declined_even_under_review() -> None:
    table = at_gate(rules(shared_ip=("review", 0)), on_session(limits=LIMITED))
    table.seen, table.refusals = Seen(ip=1), {"gift": ("budget_exhausted",)}
    assert table.do(StartSession(**SIGNALS)).declined[0].reasons == ("shared_ip", "budget_exhausted")


# --- what is looked up


def test_the_reservation_names_player_command_and_campaign_and_the_value() -> None:
    """20 free spins at 0.10 EUR and a match of 12.34 EUR: worth 14.34 EUR, 12.34 of it bonus money."""
    offer = match(100, 5_000, free_spins=spins(20), wager=wager(35), limits=LIMITED)
    table = at_gate(FraudRules(), offer)
    table.do(Deposit(1_234, "card-1", **SIGNALS))
    assert table.asked is not None
    [wanted] = table.asked.awards
    assert (wanted.campaign_id, wanted.reservation_id) == ("welcome", "p1/gs:2/welcome")
    assert (wanted.value_micro_eur, wanted.bonus_micro_eur) == (14_340_000, 12_340_000)
    assert (wanted.budget_micro_eur, wanted.per_ip, wanted.per_device) == (100 * MILLION, 3, 1)
    assert table.asked.signals == Signals("10.0.0.1", "d-1", "card-1")


def test_the_value_in_yen() -> None:
    """750 JPY at 0.0061 EUR are 4.575 EUR."""
    base = campaign(limits=LIMITED, wager=wager(1), fixed=1)
    gift = msgspec.structs.replace(base, bonus=msgspec.structs.replace(base.bonus, fixed={"JPY": 750}))
    table = Table(catalog_with())
    table.catalog = catalog_with(gift)
    table.player.state.currency = "JPY"
    asked = execute_or_ask(table.player, table.catalog, Command("x:1", START_MS, GrantCampaign("gift", "r")))
    assert isinstance(asked, Needs)
    assert asked.awards[0].bonus_micro_eur == 4_575_000


def test_nothing_is_looked_up_where_nothing_is_judged() -> None:
    quiet = JudgedTable(catalog_with(campaign(fixed=500, wager=wager(1))), 1_000)
    for body in (Spin("book", "real", 10, 0), GrantCampaign("gift", "r"), Deposit(10), StartSession()):
        quiet.do(body)
        assert quiet.asked is None


def test_signals_alone_are_looked_up_to_be_seen_by_others_later() -> None:
    table = JudgedTable(catalog_with())
    table.do(StartSession(**SIGNALS))
    assert table.asked is not None
    assert (table.asked.look_up, table.asked.awards) == (True, ())


def test_a_repeat_and_a_refused_command_look_up_nothing() -> None:
    table = at_gate(rules(shared_ip=("deny", 0)), on_session(limits=LIMITED))
    table.do(StartSession(**SIGNALS), key="x:1")
    table.again(StartSession(**SIGNALS), key="x:1")
    assert table.asked is None
    assert table.refused(Deposit(-1, **SIGNALS)).code == "invalid_request"
    assert table.asked is None


@pytest.mark.parametrize(("first", "asked"), [(999, None), (1_000, 1)])
def test_a_spin_asks_only_if_it_triggers(first: int, asked: int | None) -> None:
    condition = TriggerCondition(eur_micro=10 * MILLION)
    offer = campaign(fixed=500, trigger="turnover_reached", condition=condition, limits=LIMITED, wager=wager(1))
    table = JudgedTable(catalog_with(offer), 5_000)
    session = table.spin(first).session_id
    assert table.asked is None
    table.do(Result(session, 0))
    assert (table.asked and len(table.asked.awards)) == asked


@pytest.mark.parametrize("opt_in", [False, True])
def test_a_forgotten_command_that_comes_again_is_reserved_for_again(opt_in: bool) -> None:
    """Two awards must not share one place in the budget."""
    table = JudgedTable(catalog_with(campaign(fixed=500, wager=wager(10), limits=LIMITED, opt_in=opt_in)))
    reserved = []
    for number in range(3):
        table.run(GrantCampaign("gift", "because"), "pms:a")
        assert table.asked is not None
        reserved += [want.reservation_id for want in table.asked.awards]
        table.now += 2 * DAY_MS
        for other in range(130):
            table.do(Register("EUR"), f"pms:{number}-{other}")
    assert len(table.state.grants) == len(set(reserved)) == 3


def test_without_the_reservation_the_command_is_to_be_repeated() -> None:
    """As when the catalog changed between looking up and deciding."""
    table = Table(catalog_with(campaign(fixed=500, limits=LIMITED, wager=wager(1))))
    outcome = execute(table.player, table.catalog, Command("x:1", START_MS, GrantCampaign("gift", "r")))
    assert isinstance(outcome, Rejection)
    assert outcome.code == "overloaded"


# --- what becomes of reservations


def outcome(table: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return reservation_outcomes(table.transitions[-1])


HELD = "p1/gs:2/gift"


@pytest.mark.parametrize("award", [{"fixed": 500}, {"free_spins": spins(3)}, {"fixed": 500, "free_spins": spins(3)}])
def test_granted_at_once(award: Any) -> None:
    table = at_gate(FraudRules(), campaign(limits=LIMITED, wager=wager(1), **award))
    assert reservation_fate(table.state, HELD) == "returned"
    table.grant()
    assert outcome(table) == ((HELD,), ())
    assert reservation_fate(table.state, HELD) == "granted"


def test_declined_by_a_fraud_rule_it_is_returned() -> None:
    table = at_gate(rules(country_mismatch=("deny", 0)), campaign(fixed=500, limits=LIMITED, wager=wager(1)))
    table.player.state.ip_country = table.shadow.state.ip_country = "SE"
    table.grant()
    assert outcome(table) == ((), (HELD,))


@pytest.mark.parametrize("end", ["claimed", "lapsed", "given up", "declined"])
def test_of_an_offer_it_stays_held_until_its_fate_is_known(end: str) -> None:
    offer = campaign(fixed=500, free_spins=spins(1), opt_in=True, claim_days=3, limits=LIMITED, wager=wager(1))
    table = at_gate(FraudRules(), offer)
    table.grant()
    assert (outcome(table), table.state.grants[0].reservation) == (((), ()), HELD)
    assert reservation_fate(table.state, HELD) == "held"
    if end == "lapsed":
        table.pass_days(3)
    else:
        bodies = {"claimed": ClaimGrant("g2-1"), "given up": CancelGrant("g2-1"), "declined": DeclineGrant("g2-1", "r")}
        table.do(bodies[end])
    assert outcome(table) == (((HELD,), ()) if end == "claimed" else ((), (HELD,)))
    assert reservation_fate(table.state, HELD) == ("granted" if end == "claimed" else "returned")


def test_the_end_of_a_granted_bonus_returns_nothing() -> None:
    table = at_gate(FraudRules(), campaign(fixed=500, limits=LIMITED, wager=wager(1)))
    table.grant()
    table.do(CancelGrant("g2-1"))
    assert outcome(table) == ((), ())


def test_approval_grants_what_was_reserved() -> None:
    table = at_gate(rules(country_mismatch=("review", 0)), campaign(fixed=500, limits=LIMITED, wager=wager(1)))
    table.player.state.ip_country = table.shadow.state.ip_country = "SE"
    table.grant()
    table.do(ApproveGrant("g2-1", "ok"))
    assert outcome(table) == ((HELD,), ())
