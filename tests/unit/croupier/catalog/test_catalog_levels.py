"""`levels.yaml` on disk: what it becomes, what each mistake is told, what campaigns may say of levels (rules §8)."""

from pathlib import Path

import pytest

from croupier.catalog import check_folder, load_catalog
from croupier.catalog.places import Problem
from croupier.catalog.readers.levels import PER_PLAYER
from engine.calendar import LATEST_MS
from engine.catalog import (
    BonusAward,
    Campaign,
    CashbackRules,
    DowngradeRules,
    Eligibility,
    Level,
    LoyaltyRules,
    PointRules,
    Privileges,
    RedemptionRules,
    TriggerEvent,
    WagerTerms,
)
from tests.support.example_catalog import ENGLISH, LEVELS, SHIPPED, problems

L, M, W, E = "levels.yaml", "campaigns/goodwill.yaml", "campaigns/welcome.yaml", "locales/en.json"
DAY_MS = 86_400_000


def granting(campaign_id: str, trigger: TriggerEvent, multiplier_micro: int, valid_days: int) -> Campaign:
    """The campaign of a block: for everybody, for ever, of an amount that comes with the command."""
    return Campaign(
        campaign_id=campaign_id,
        type="no_deposit",
        trigger=trigger,
        valid_from_ms=0,
        valid_to_ms=LATEST_MS,
        eligibility=Eligibility(),
        bonus=BonusAward(),
        free_spins=None,
        wager=WagerTerms(multiplier_micro, valid_days=valid_days),
        per_player=PER_PLAYER,
    )


def test_the_whole_file(folder: Path) -> None:
    assert load_catalog(folder).loyalty == LoyaltyRules(
        levels=(
            Level("silver", 0, Privileges()),
            Level("gold", 2_500_500_000, Privileges(1_100_000, 2_500_000, "email")),
            Level(
                "onyx",
                9_000_000_000,
                Privileges(min_rtp_micro=970_000, withdrawal="accelerated", offers=("cup", "lounge")),
            ),
        ),
        rungs={"silver": 0, "gold": 1, "onyx": 2},
        # 1.5 points per EUR, times 1, 0.5 and 2; a type that is not listed has 1
        points=PointRules({"slot": 1_500_000, "table": 750_000, "live": 3_000_000, "exclusive": 1_500_000}, 6),
        downgrade=DowngradeRules("own_level_threshold", 60, 0),
        redemption=RedemptionRules(
            50, 500, 100, 2 * DAY_MS, granting("redemption", "redemption", multiplier_micro=2_000_000, valid_days=14)
        ),
        cashback=CashbackRules(
            {"EUR": 100, "JPY": 150}, granting("cashback", "cashback", multiplier_micro=500_000, valid_days=7)
        ),
    )


def test_blocks_that_are_left_out(folder: Path) -> None:
    (folder / L).write_text('points: {per_eur: "1"}\nlevels: [{id: all, threshold_eur: "0"}]\n')
    assert load_catalog(folder).loyalty == LoyaltyRules(
        levels=(Level("all", 0, Privileges()),),
        rungs={"all": 0},
        points=PointRules({"slot": 1_000_000, "table": 1_000_000, "live": 1_000_000, "exclusive": 1_000_000}),
    )


def test_what_is_left_out_of_downgrade_is_standard(folder: Path) -> None:
    edit(folder, L, "{rule: own_level_threshold, window_days: 60, grace_days: 0}", "{window_days: 7}")
    loyalty = load_catalog(folder).loyalty
    assert loyalty is not None
    assert loyalty.downgrade == DowngradeRules("previous_level_threshold", 7, 30)


def test_without_the_file_there_is_no_loyalty(folder: Path) -> None:
    (folder / L).unlink()
    assert load_catalog(folder).loyalty is None


def test_the_shipped_ladder_is_the_one_of_the_rules() -> None:
    catalog = load_catalog(SHIPPED)
    loyalty = catalog.loyalty
    assert loyalty is not None
    assert [(level.level_id, level.threshold_micro // 1_000_000) for level in loyalty.levels] == [
        ("bronze", 0),
        ("silver", 10_000),
        ("gold", 50_000),
        ("platinum", 200_000),
    ]
    bonus = [level.privileges.bonus_multiplier_micro for level in loyalty.levels]
    assert bonus == [1_000_000, 1_100_000, 1_250_000, 1_500_000]
    percent = [level.privileges.cashback_percent_micro // 1_000_000 for level in loyalty.levels]
    assert percent == [0, 1, 2, 3]
    assert loyalty.levels[3].privileges == Privileges(
        1_500_000, 3_000_000, "personal", 970_000, "accelerated", ("exclusive_tournaments", "special_free_spins")
    )
    assert loyalty.points == PointRules(
        {"slot": 10**6, "table": 500_000, "live": 1_500_000, "exclusive": 2 * 10**6}, 12
    )
    assert (loyalty.downgrade, catalog.flags) == (DowngradeRules(), {"rtp_by_level": True})


def edit(folder: Path, file: str, written: str, instead: str) -> None:
    text = (folder / file).read_text()
    assert written in text
    (folder / file).write_text(text.replace(written, instead, 1))


MISTAKES = [
    # file, what is written, what is written instead, line of the problem, part of its reason
    (L, "points:", "point:", 1, "unknown field `point` (did you mean `points`?)"),
    (L, LEVELS, "", 1, "the file is empty"),
    (L, "levels:\n", "levels: []\nladder:\n", 5, "there is no level; at least one is needed"),
    (L, 'per_eur: "1.5"', "per_eur: 1.5", 1, 'write "1.5" in quotes: decimals are never read as floating-point'),
    (L, 'per_eur: "1.5"', 'per_eur: "1000.1"', 1, "more than 1000 points per EUR are a mistake"),
    (L, 'per_eur: "1.5"', 'per_eur: "0"', 1, 'with "0" nobody would ever earn a point'),
    (L, 'per_eur: "1.5", ', "", 1, "the field `per_eur` is missing"),
    (L, "table:", "tables:", 1, "unknown game type `tables` (did you mean `table`?)"),
    (L, 'live: "2"', 'live: "1001"', 1, "a multiplier above 1000 is a mistake"),
    (L, 'live: "2"', 'live: "0.000001"', 1, "has more than six digits behind the point; use fewer"),
    (L, "months: 6", "months: 0", 1, "0 is not between 1 and 120"),
    (L, "points_per_eur: 50", "points_per_eur: 0", 2, "0 is not between 1 and 1000000000"),
    (L, "min_points: 500", "min_points: 550", 2, "550 is not a multiple of step 100"),
    # 100 points at 20000 per EUR are 0.005 EUR: not a cent, and not a yen at 0.0061 EUR
    (L, "points_per_eur: 50, min_points: 500", "points_per_eur: 20000, min_points: 100", 2, "are worth nothing in EUR"),
    (L, "points_per_eur: 50, min_points: 500", "points_per_eur: 20000, min_points: 100", 2, "are worth nothing in JPY"),
    (L, "step: 100", "step: 0", 2, "0 is not between 1 and"),
    (L, "lock_hours: 48", "lock_hours: 8761", 2, "8761 is not between 1 and 8760"),
    (L, 'wager_multiplier: "2"', 'wager_multiplier: "1001"', 2, "a multiplier above 1000 is a mistake: nobody could"),
    (L, ", valid_days: 14", "", 2, "the field `valid_days` is missing"),
    (L, "own_level_threshold", "own_level", 3, "`own_level` is not known here (did you mean `own_level_threshold`?)"),
    (L, "window_days: 60", "window_days: 93", 3, "93 is not between 1 and 92"),
    (L, "grace_days: 0", "grace_days: -1", 3, "-1 is negative"),
    (L, "period: weekly", "period: daily", 4, "`daily` is not known here; use one of: weekly"),
    (L, "EUR: 100, ", "", 4, "there is no amount for EUR"),
    (L, "JPY: 150", "JPY: 150, GBP: 100", 4, "unknown currency `GBP`; platform.yaml knows: EUR, JPY"),
    (L, "EUR: 100", "EUR: 0", 4, "0 is not between 1 and"),
    (
        L,
        'silver, threshold_eur: "0"',
        'silver, threshold_eur: "1"',
        6,
        'where everybody begins; write threshold_eur: "0"',
    ),
    (L, '"9000"', '"2500.5"', 8, "2500.5 is not above 2500.5, the threshold of the level before"),
    (L, '"9000"', '"900"', 8, "900 is not above 2500.5, the threshold of the level before; list the levels from"),
    (L, "onyx, threshold_eur", "onyx, threshold", 8, "the field `threshold_eur` is missing"),
    (L, "id: onyx", "id: gold", 8, "`gold` is listed twice"),
    (L, "id: onyx", "id: Onyx!", 8, "`Onyx!` is not a level id"),
    (L, '"1.1"', '"0.9"', 7, 'write a number from "1" to "100": a level never makes a bonus smaller'),
    (L, '"1.1"', '"100.5"', 7, 'write a number from "1" to "100"'),
    (L, '"2.5"', '"100.1"', 7, "more than 100 percent can't be paid back"),
    (L, '"2.5"', '"-1"', 7, "'-1' is not a decimal string"),
    (L, "cashback: {", "#", 7, "there is no `cashback` block in this file, so nobody would be paid"),
    (L, "manager: email", "manager: mail", 7, "`mail` is not known here (did you mean `email`?)"),
    (L, '"0.97"', '"97"', 8, 'a return to player is above "0" and at most "1"'),
    (L, '"0.97"', '"0"', 8, 'a return to player is above "0" and at most "1"'),
    (L, "accelerated", "fast", 8, "`fast` is not known here; use one of: standard, accelerated"),
    (L, "[cup, lounge]", "[cup, cup]", 8, "`cup` is listed twice"),
    (L, "[cup, lounge]", "[Cup final]", 8, "`Cup final` is not the id of an offer"),
    (M, "id: goodwill", "id: redemption", 1, "the id `redemption` belongs to what levels.yaml grants; choose another"),
    (M, "id: goodwill", "id: cashback", 1, "the id `cashback` belongs to what levels.yaml grants; choose another"),
    (M, "{event: manual}", "{event: cashback}", 3, "`cashback` is not known here; use one of: first_deposit"),
    (M, "{event: manual}", "{event: redemption}", 3, "`redemption` is not known here"),
    (
        M,
        "{event: manual}",
        "{event: level_up, to: diamond}",
        3,
        "unknown level `diamond`; levels.yaml knows: silver, gold",
    ),
    (M, "{event: manual}", "{event: level_up, to: silver}", 3, "nobody climbs to `silver`: everybody begins there"),
    (M, "award:", "eligibility: {levels: [gold, diamant]}\naward:", 6, "unknown level `diamant`; levels.yaml knows"),
    # 9.5 x 10^14 times gold's 1.1 is more than any amount may be
    (M, "EUR: 500", "EUR: 950000000000000", 7, "levels.yaml it would be 1045000000000000; at most 1000000000000000"),
]


@pytest.mark.parametrize(("file", "written", "instead", "line", "reason"), MISTAKES)
def test_a_mistake_is_told_with_file_line_and_reason(
    folder: Path, file: str, written: str, instead: str, line: int, reason: str
) -> None:
    edit(folder, file, written, instead)
    found = problems(folder)
    assert any((p.file, p.line) == (file, line) and reason in p.reason for p in found), found


ALONE = [
    # one mistake, one problem: nothing is told that follows from another one
    ("min_points: 500", "min_points: five"),
    ('threshold_eur: "2500.5"', "threshold_eur: 2500.5"),
    ('threshold_eur: "0"', "threshold_eur: 0"),
    ('bonus_multiplier: "1.1"', 'bonus_multiplier: "0"'),
    ('eur: "1.5"', 'eur: "one"'),
]


@pytest.mark.parametrize(("written", "instead"), ALONE)
def test_one_mistake_is_one_problem(folder: Path, written: str, instead: str) -> None:
    edit(folder, L, written, instead)
    [problem] = problems(folder)
    assert problem.file == L


POINTS = """\
id: points
type: points_multiplier
valid_from: 2026-01-01T00:00:00Z
valid_to: 2037-01-01T00:00:00Z
award: {points_multiplier: "2"}
"""
WITHOUT_LEVELS = [
    (M, "{event: manual}", "{event: level_up}", 3, ": nobody would ever climb"),
    (M, "award:", "eligibility: {levels: [gold]}\naward:", 6, ""),
]


@pytest.mark.parametrize(("file", "written", "instead", "line", "more"), WITHOUT_LEVELS)
def test_campaigns_about_levels_need_the_file(
    folder: Path, file: str, written: str, instead: str, line: int, more: str
) -> None:
    (folder / L).unlink()
    edit(folder, file, written, instead)
    reason = "there is no levels.yaml in the catalog, so there are no levels and no points"
    assert problems(folder) == [Problem(file, line, reason + more)]


def test_a_points_multiplier_needs_points(folder: Path) -> None:
    (folder / M).write_text(POINTS)
    assert load_catalog(folder).campaigns["points"].points_multiplier_micro == 2_000_000
    (folder / L).unlink()
    reason = "there is no levels.yaml in the catalog, so there are no levels and no points to multiply"
    assert problems(folder) == [Problem(M, 2, reason)]


# --- texts


def warnings(folder: Path) -> list[str]:
    checked = check_folder(folder)
    assert checked.problems == ()
    return [str(warning) for warning in checked.warnings]


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("level.gold.name", 7),
        ("level.onyx.name", 8),
        ("campaign.redemption.name", 2),
        ("campaign.redemption.description", 2),
        ("campaign.cashback.name", 4),
    ],
)
def test_a_name_that_nobody_wrote_is_a_warning_at_what_has_it(folder: Path, key: str, line: int) -> None:
    edit(folder, E, f'"{key}": "', f'"{key}": "", "was": "')
    missing = f"levels.yaml:{line}: there is no English text `{key}`; write it in locales/en.json"
    assert missing in warnings(folder)


def test_a_level_needs_its_name_in_every_language(folder: Path) -> None:
    (folder / "locales/de.json").write_text(ENGLISH.replace('"level.gold.name": "Gold",\n', ""))
    assert warnings(folder) == [
        "locales/de.json:1: there is no text `level.gold.name`; players read it in English",
    ]


def test_texts_of_blocks_that_are_gone_are_not_used(folder: Path) -> None:
    edit(folder, L, "redemption: {", "# {")
    assert [warning.partition(" is not used")[0] for warning in warnings(folder)] == [
        "locales/en.json:6: the text `campaign.redemption.name`",
        "locales/en.json:7: the text `campaign.redemption.description`",
    ]


def test_a_misspelt_level_is_suggested(folder: Path) -> None:
    edit(folder, E, "{\n", '{ "level.glod.name": "Gold",\n')
    [warning] = warnings(folder)
    assert warning == (
        "locales/en.json:1: the text `level.glod.name` is not used (did you mean `level.gold.name`?); "
        "no campaign or level has it"
    )
