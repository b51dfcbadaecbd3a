"""Campaigns, workflows, fraud rules and texts on disk: what each word becomes, and what each mistake is told."""

from pathlib import Path

import pytest

from croupier.catalog import check_folder, load_catalog
from engine.catalog import FraudRule, Limits, PeriodLimit, RoundTimeout, TriggerCondition
from engine.workflow import STANDARD
from tests.support.example_catalog import FILES, SHIPPED, problems

W, M, P, G = "campaigns/welcome.yaml", "campaigns/goodwill.yaml", "platform.yaml", "games.yaml"
E, F, A = "locales/en.json", "fraud.yaml", "workflows/slow.yaml"
POINTS = """\
id: points
type: points_multiplier
valid_from: 2026-01-01T00:00:00Z
valid_to: 2037-01-01T00:00:00Z
award: {points_multiplier: "2"}
"""
FRAUD = """\
window_days: 14
rules:
  shared_device: {more_than: 1, verdict: review}
  country_mismatch: {verdict: deny}
denied_countries: [KP]
max_bonus: {per_player: {period_days: 7, eur: "1000"}}
"""
SLOW = (SHIPPED / "workflows/approval.yaml").read_text().partition("id: approval\n")[2]
SLOW = "id: slow\n" + SLOW
MORE = FILES | {"campaigns/points.yaml": POINTS, F: FRAUD, A: SLOW}


@pytest.fixture
def rich(folder: Path) -> Path:
    """The small catalog with a points multiplier, fraud rules and a workflow."""
    (folder / "workflows").mkdir()
    for name in ("campaigns/points.yaml", F, A):
        (folder / name).write_text(MORE[name])
    edit(folder, E, "{", '{"campaign.points.name": "P", "campaign.points.description": "P",')
    return folder


def edit(folder: Path, file: str, written: str, instead: str) -> None:
    text = (folder / file).read_text()
    assert written in text
    (folder / file).write_text(text.replace(written, instead, 1))


TRIGGERS = [
    ("{event: session_start}", TriggerCondition()),
    ("{event: custom_event, name: app_installed}", TriggerCondition(name="app_installed")),
    ('{event: turnover_reached, eur: "2500"}', TriggerCondition(eur_micro=2_500_000_000)),
    ('{event: deposit_total_reached, eur: "0.5"}', TriggerCondition(eur_micro=500_000)),
    ("{event: level_up, to: gold}", TriggerCondition(to="gold")),
    ("{event: level_up}", TriggerCondition()),
    ("{event: inactive, days: 30}", TriggerCondition(days=30)),
    ("{event: code, code: spring-26}", TriggerCondition(code="SPRING-26")),
    ("{event: manual}", TriggerCondition()),
]


@pytest.mark.parametrize(("trigger", "condition"), TRIGGERS)
def test_every_trigger_of_a_gift_and_its_condition(folder: Path, trigger: str, condition: TriggerCondition) -> None:
    edit(folder, M, "{event: manual}", trigger)
    campaign = load_catalog(folder).campaigns["goodwill"]
    assert trigger.startswith(f"{{event: {campaign.trigger}")
    assert campaign.condition == condition


@pytest.mark.parametrize(
    ("trigger", "condition"),
    [
        ("{event: deposit, nth: 2}", TriggerCondition(nth=2)),
        ("{event: deposit}", TriggerCondition()),
        ('{event: deposit_total_reached, eur: "1000"}', TriggerCondition(eur_micro=1_000_000_000)),
    ],
)
def test_every_trigger_with_a_deposit_to_match(folder: Path, trigger: str, condition: TriggerCondition) -> None:
    edit(folder, W, "{event: first_deposit}", trigger)
    assert load_catalog(folder).campaigns["welcome"].condition == condition


def test_limits_workflow_and_opt_in(rich: Path) -> None:
    edit(rich, W, "{per_player: 2}", '{per_player: 2, per_ip: 3, per_device: 1, budget_eur: "50000"}')
    edit(rich, W, "limits:", "workflow: slow\nopt_in: true\nclaim_days: 3\nlimits:")
    edit(rich, W, "valid_days: 30", "valid_days: 30\n  min_average_bet: {EUR: 20}\n  cancel_on_withdrawal: false")
    edit(rich, W, "segments:", "levels: [silver, gold]\n  segments:")
    campaign = load_catalog(rich).campaigns["welcome"]
    assert campaign.limits == Limits(per_ip=3, per_device=1, budget_micro_eur=50_000_000_000)
    assert (campaign.workflow, campaign.opt_in, campaign.claim_days) == ("slow", True, 3)
    assert campaign.eligibility.levels == ("silver", "gold")
    assert campaign.wager is not None
    assert (campaign.wager.min_average_bet, campaign.wager.cancel_on_withdrawal) == ({"EUR": 20}, False)


def test_what_is_left_out_is_standard(folder: Path) -> None:
    catalog = load_catalog(folder)
    campaign = catalog.campaigns["goodwill"]
    assert (campaign.workflow, campaign.opt_in, campaign.claim_days, campaign.limits) == (
        "standard",
        False,
        None,
        Limits(),
    )
    assert campaign.wager is not None
    assert campaign.wager.cancel_on_withdrawal
    assert catalog.workflows == {"standard": STANDARD}


def test_a_points_multiplier_holds_by_itself(rich: Path) -> None:
    campaign = load_catalog(rich).campaigns["points"]
    assert (campaign.trigger, campaign.points_multiplier_micro) == ("none", 2_000_000)
    assert (campaign.bonus, campaign.free_spins, campaign.wager) == (None, None, None)


def test_fraud_rules(rich: Path) -> None:
    fraud = load_catalog(rich).fraud
    assert fraud.window_days == 14
    assert fraud.rules == {"shared_device": FraudRule("review", 1), "country_mismatch": FraudRule("deny", 0)}
    assert fraud.denied_countries == ("KP",)
    assert (fraud.max_bonus_per_player, fraud.max_bonus_per_ip) == (PeriodLimit(7, 1_000_000_000), None)


def test_round_timeouts_flags_and_the_geo_database(folder: Path) -> None:
    (folder / "geo").mkdir()
    (folder / "geo/countries.mmdb").write_bytes(b"")
    more = "round_timeout: {hours: 24, action: close}\nflags: {rtp_by_level: true}\ngeo_database: geo/countries.mmdb\n"
    edit(folder, P, "placement:", more + "placement:")
    edit(folder, G, "max_bet: 10000}", "max_bet: 10000, round_timeout: {hours: 1}}")
    catalog = load_catalog(folder)
    assert catalog.round_timeout == RoundTimeout(86_400_000, "close")
    assert catalog.games["book"].round_timeout == RoundTimeout(3_600_000, "hold")
    assert catalog.games["wheel"].round_timeout is None
    assert (catalog.flags, catalog.geo_database) == ({"rtp_by_level": True}, "geo/countries.mmdb")


def test_the_shipped_standard_workflow_is_the_engine_s() -> None:
    assert load_catalog(SHIPPED).workflows["standard"] == STANDARD


def test_the_shipped_catalog_has_no_warnings_either() -> None:
    checked = check_folder(SHIPPED)
    assert (checked.problems, checked.warnings) == ((), ())


def test_editing_a_workflow_file_edits_the_workflow(rich: Path) -> None:
    before = load_catalog(rich).workflows["slow"]
    edit(rich, A, "player_claimed, operator_approved", "operator_approved")
    after = load_catalog(rich).workflows["slow"]
    changed = [(one, other) for one, other in zip(before.transitions, after.transitions, strict=True) if one != other]
    assert [(one.when, other.when) for one, other in changed] == [
        (
            ("limits_ok", "fraud_ok", "player_claimed", "operator_approved", "within_window"),
            ("limits_ok", "fraud_ok", "operator_approved", "within_window"),
        )
    ]


MISTAKES = [
    # file, what is written, what is written instead, line of the problem, part of its reason
    (W, "first_deposit", "first_deposit, nth: 2", 3, "`nth` goes with the trigger `deposit`, not with `first_deposit`"),
    (W, "first_deposit", "deposit, nth: 0", 3, "0 is not between 1 and 10000"),
    (W, "{event: first_deposit}", "{event: code, code: A1B}", 3, "deposit_match goes with a deposit trigger"),
    (W, "{event: first_deposit}", "first_deposit", 3, "a group of fields is due here"),
    (M, "{event: manual}", "{event: deposit}", 3, "no_deposit does not go with a deposit trigger"),
    (M, "{event: manual}", "{event: custom_event}", 3, "the field `name` is missing"),
    (M, "{event: manual}", "{event: custom_event, name: a b}", 3, "`a b` is not an event name"),
    (M, "{event: manual}", "{event: turnover_reached}", 3, "the field `eur` is missing"),
    (M, "{event: manual}", "{event: turnover_reached, eur: 500}", 3, 'write "500" in quotes'),
    (M, "{event: manual}", '{event: deposit_total_reached, eur: "0"}', 3, "0 EUR is no threshold"),
    (
        M,
        "{event: manual}",
        "{event: level_up, to: Gold}",
        3,
        "unknown level `Gold` (did you mean `gold`?); levels.yaml knows: silver, gold",
    ),
    (M, "{event: manual}", "{event: inactive}", 3, "the field `days` is missing"),
    (M, "{event: manual}", "{event: inactive, days: 0}", 3, "0 is not between 1 and 3650"),
    (M, "{event: manual}", "{event: code, code: S P}", 3, "`S P` is not a bonus code"),
    (M, "{event: manual}", "{event: code, code: spr\u0131ng}", 3, "is not a bonus code"),
    (M, "{event: manual}", "{event: code, code: \u212aitten}", 3, "is not a bonus code"),
    (M, "{event: manual}", "{event: code, days: 3, code: ABC}", 3, "`days` goes with the trigger `inactive`"),
    (M, "award:", "eligibility: {levels: [gold, gold]}\naward:", 6, "`gold` is listed twice"),
    (M, "{event: manual}", "{event: inactive, dys: 3}", 3, "unknown field `dys` (did you mean `days`?)"),
    (W, "{per_player: 2}", "{per_player: 2, per_ip: 0}", 22, "0 is not between 1 and 1000000"),
    (W, "{per_player: 2}", "{per_player: 2, per_devise: 1}", 22, "did you mean `per_device`?"),
    (W, "{per_player: 2}", "{budget_eur: 50000}", 22, 'write "50000" in quotes'),
    (W, "{per_player: 2}", '{budget_eur: "0"}', 22, "0 EUR is no threshold and no budget"),
    (W, "limits:", "workflow: slw\nlimits:", 22, "unknown workflow `slw` (did you mean `slow`?)"),
    (W, "limits:", "opt_in: maybe\nlimits:", 22, "write true or false here, without quotes; this is the text `maybe`"),
    (W, "limits:", 'opt_in: "true"\nlimits:', 22, "write true or false here, without quotes"),
    (W, "limits:", "claim_days: 0\nlimits:", 22, "0 is not between 1 and 3650"),
    (W, "  basis", "  min_average_bet: {EUR: 501}\n  basis", 15, "min_average_bet 501 is above max_bet 500 in EUR"),
    (W, "  basis", "  min_average_bet: {JPY: 501}\n  basis", 16, "there is no amount for EUR"),
    (W, "  basis", "  cancel_on_withdrawal: 1\n  basis", 16, "write true or false here, without quotes; this is `1`"),
    (W, '"35"', '"10001"', 15, "a multiplier above 10000 is a mistake"),
    (W, 'wager_multiplier: "20"', 'wager_multiplier: "10000.5"', 13, "a multiplier above 10000 is a mistake"),
    (W, "  valid_days: 30\n", "", 15, "what free spins win would expire with the campaign"),
    ("campaigns/points.yaml", "award:", "trigger: {event: manual}\naward:", 5, "points_multiplier has no trigger"),
    ("campaigns/points.yaml", '"2"', '"1"', 5, 'a points multiplier is above "1"'),
    ("campaigns/points.yaml", "{points", "{bonus: {fixed: {EUR: 1}}, points", 5, "awards no money and no spins"),
    ("campaigns/points.yaml", "award:", "limits: {}\naward:", 5, "`limits` says something about a bonus"),
    ("campaigns/points.yaml", '{points_multiplier: "2"}', "{}", 5, "the field `points_multiplier` is missing"),
    (M, "award:", "award:\n  points_multiplier: '2'", 7, "`points_multiplier` goes with the type of that name"),
    (P, "placement:", "round_timeout: {hours: 0}\nplacement:", 5, "0 is not between 1 and 8760"),
    (P, "placement:", "round_timeout: {hours: 2, action: keep}\nplacement:", 5, "`keep` is not known here; use one of"),
    (P, "placement:", "round_timeout: {action: hold}\nplacement:", 5, "the field `hours` is missing"),
    (P, "placement:", "flags: {rtp: true}\nplacement:", 5, "unknown field `rtp`; known here: rtp_by_level"),
    (P, "placement:", "geo_database: /etc/passwd\nplacement:", 5, "write a path inside the catalog folder"),
    (P, "placement:", "geo_database: a/../../b\nplacement:", 5, "write a path inside the catalog folder"),
    (P, "placement:", "geo_database: no.mmdb\nplacement:", 5, "there is no file `no.mmdb` in the catalog folder"),
    (G, "provider: demo", 'provider: "\\ud800"', 2, "there is half a character here"),
    (F, "shared_device", "shared_devices", 3, "unknown field `shared_devices` (did you mean `shared_device`?)"),
    (F, "verdict: review", "verdict: revue", 3, "`revue` is not known here (did you mean `review`?)"),
    (F, "more_than: 1, ", "", 3, "the field `more_than` is missing"),
    (F, "{verdict: deny}", "{more_than: 1, verdict: deny}", 4, "`country_mismatch` counts nobody"),
    (F, "[KP]", "[kp]", 5, "`kp` is not a country"),
    (F, '"1000"', "1000", 6, 'write "1000" in quotes'),
    (F, "period_days: 7", "period_days: 400", 6, "400 is not between 1 and 31"),
    (F, "window_days: 14", "window_days: 0", 1, "0 is not between 1 and 90"),
    (A, "[refused]", "[refusd]", 3, "`refusd` is not a known guard (did you mean `refused`?)"),
    (A, "on: matched", "on: match", 3, "`match` is not a known event (did you mean `matched`?)"),
    (A, "to: declined", "to: parked", 3, "`parked` is not a known state"),
    (A, "[notify]", "[dance]", 6, "`dance` is not a known action"),
    (A, "do: [reserve, notify]", "do: [notify]", 4, "needs the action `reserve`"),
    (A, "limits_ok, fraud_ok, player", "fraud_ok, player", 4, "money is given without the guard `limits_ok`"),
    (A, "on: claimed", "on: released", 4, "`released` never happens to a bonus that is `initiated`"),
    (A, "  - {from: initiated, on: lapsed, to: expired}\n", "", 3, "a bonus nobody claims stays for ever"),
    (A, "{from: initiated, on: lapsed,", "{from: initiated, on: lapsed, on: lapsed,", 8, "`on` is written twice"),
    (A, "transitions:\n", "transitions: []\nsteps:\n", 3, "unknown field `steps`"),
    (A, "id: slow", "id: Slow!", 1, "`Slow!` is not an id"),
    (E, '"Welcome"', "7", 4, "text in quotes is due for `campaign.welcome.name`"),
    (E, '"Welcome"', '"Welcome', 4, "this is not valid JSON: invalid control character"),
    (E, "welcome.name", "goodwill.name", 4, "`campaign.goodwill.name` is written twice, the first time in line 2"),
]


@pytest.mark.parametrize(("file", "written", "instead", "line", "reason"), MISTAKES)
def test_a_mistake_is_told_with_file_line_and_reason(
    rich: Path, file: str, written: str, instead: str, line: int, reason: str
) -> None:
    edit(rich, file, written, instead)
    found = problems(rich)
    assert any((p.file, p.line) == (file, line) and reason in p.reason for p in found), found


def test_what_would_have_to_be_wagered_stays_countable(folder: Path) -> None:
    edit(folder, W, "max: {EUR: 10000}", "max: {EUR: 900000000000000}")
    assert load_catalog(folder)
    edit(folder, W, '"35"', '"9999"')
    [problem] = problems(folder)
    # 9 x 10^14 times gold's 1.1, and (basis bonus_plus_deposit) a match of 50.5 % of at most 10^15
    assert (problem.line, problem.reason) == (
        15,
        "up to 19898010000000000000 would have to be wagered; lower the multiplier or the bonus",
    )


SPRING = POINTS.replace("points_multiplier\n", "no_deposit\ntrigger: {event: code, code: Spring}\n").replace(
    'award: {points_multiplier: "2"}', 'award: {bonus: {fixed: {EUR: 1, JPY: 1}}}\nwager: {multiplier: "1"}'
)


@pytest.mark.parametrize(
    ("code", "valid_from", "taken"),
    [
        ("SPRING", "2026-12-31T23:59:59Z", True),
        ("sprinG", "2026-06-01T00:00:00Z", True),
        ("SPRiNG", "2026-06-01T00:00:00Z", True),
        ("SPRlNG", "2026-06-01T00:00:00Z", False),
        ("SPRING", "2037-01-01T00:00:00Z", False),
        ("SUMMER", "2026-06-01T00:00:00Z", False),
    ],
)
def test_a_code_belongs_to_one_campaign_at_a_time(rich: Path, code: str, valid_from: str, taken: bool) -> None:
    (rich / "campaigns/points.yaml").write_text(SPRING)
    later = SPRING.replace("id: points", "id: welcome").replace("Spring", code).replace("2037-", "2038-")
    (rich / W).write_text(later.replace("2026-01-01T00:00:00Z", valid_from))
    if not taken:
        assert len(load_catalog(rich).campaigns) == 3
        return
    [problem] = problems(rich)
    assert (problem.file, problem.line) == (W, 3)
    assert "the code `SPRING` is taken by the campaign `points` at that time" in problem.reason


def test_a_workflow_twice_is_told_where_the_id_is_taken(rich: Path) -> None:
    (rich / "workflows/again.yaml").write_text(SLOW)
    assert [(p.file, p.line, p.reason) for p in problems(rich)] == [
        (A, 1, "the id `slow` is taken by workflows/again.yaml; choose another")
    ]
