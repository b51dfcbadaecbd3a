"""The catalog on disk: what the shipped one says, and what each mistake in one is told."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from croupier.catalog import load_catalog
from croupier.catalog.folder import CAMPAIGNS_MAX, FILE_BYTES_MAX
from croupier.deploying.diff import diff
from engine.calendar import LATEST, LATEST_MS
from engine.catalog import CASHBACK, REDEMPTION, CampaignType, Catalog, Currency, TriggerEvent
from tests.support.example_catalog import FILES, GAMES, GOODWILL, PLATFORM, SHIPPED, WELCOME, problems


def shipped() -> Catalog:
    return load_catalog(SHIPPED)


def test_the_shipped_catalog_has_games_of_all_types_and_three_currencies() -> None:
    catalog = shipped()
    assert len(catalog.games) >= 8
    assert {game.type for game in catalog.games.values()} == {"slot", "table", "live", "exclusive"}
    assert catalog.currencies == {
        "EUR": Currency(2, 1_000_000),
        "SEK": Currency(2, 87_100),
        "JPY": Currency(0, 6_100),
    }


def test_the_shipped_welcome_doubles_a_first_deposit_and_adds_twenty_spins() -> None:
    welcome = shipped().campaigns["welcome-100"]
    assert (welcome.type, welcome.trigger) == ("deposit_match", "first_deposit")
    assert welcome.bonus is not None
    assert welcome.bonus.match_percent_micro == 100_000_000
    assert welcome.bonus.max["EUR"] == 10_000
    assert welcome.free_spins is not None
    assert (welcome.free_spins.count, welcome.free_spins.games) == (20, ("book-of-dunes",))
    assert welcome.free_spins.bet["EUR"] == 10


def test_the_shipped_campaigns_cover_every_type_and_every_trigger() -> None:
    campaigns = shipped().campaigns.values()
    assert {campaign.type for campaign in campaigns} == set(get_args(CampaignType))
    assert {campaign.trigger for campaign in campaigns} == set(get_args(TriggerEvent)) - {REDEMPTION, CASHBACK}


def test_the_shipped_free_spins_can_be_spent_on_their_games() -> None:
    catalog = shipped()
    for campaign in catalog.campaigns.values():
        award = campaign.free_spins
        for game in (catalog.games[name] for name in (award.games if award else ())):
            assert award is not None
            assert all(game.min_bet[code] <= award.bet[code] <= game.max_bet[code] for code in catalog.currencies)


def test_a_campaign_becomes_the_terms_the_rules_read(folder: Path) -> None:
    campaign = load_catalog(folder).campaigns["welcome"]
    assert (campaign.valid_from_ms, campaign.valid_to_ms) == (1_767_225_600_000, 2_114_380_800_000)
    assert campaign.eligibility.countries_deny == ("US",)
    assert campaign.bonus is not None
    assert campaign.bonus.match_percent_micro == 50_500_000
    assert campaign.wager is not None
    assert campaign.wager.multiplier_micro == 35_000_000
    assert campaign.wager.basis == "bonus_plus_deposit"
    assert campaign.wager.over_max_bet == "reject"
    assert campaign.wager.contribution_games == {"book": 90}
    assert campaign.per_player == 2


@pytest.mark.parametrize("last", ["9999-12-31T23:59:59.999Z", "9999-12-31T20:59:59.999-03:00"])
def test_a_campaign_may_run_until_the_latest_instant_and_shows_it(folder: Path, last: str) -> None:
    before = load_catalog(folder)
    (folder / W).write_text(WELCOME.replace("2037-01-01T01:00:00+01:00", last))
    after = load_catalog(folder)
    assert after.campaigns["welcome"].valid_to_ms == LATEST_MS
    [change] = diff(before, after)["changed"]
    assert (change["path"], change["to"]) == ("campaigns.welcome.valid_to", LATEST)


def test_a_game_s_contribution_is_its_own_else_its_type_s_else_100(folder: Path) -> None:
    games = load_catalog(folder).games
    assert [games[name].contribution for name in ("wheel", "cards", "book")] == [20, 10, 100]


def test_one_number_is_the_limit_in_every_currency(folder: Path) -> None:
    game = load_catalog(folder).games["wheel"]
    assert (game.min_bet, game.max_bet) == ({"EUR": 50, "JPY": 100}, {"EUR": 5000, "JPY": 5000})


def test_dedicated_players_are_read(folder: Path) -> None:
    assert load_catalog(folder).dedicated_players == ("whale-1",)


def test_the_version_is_the_content(folder: Path) -> None:
    before = load_catalog(folder).version
    assert len(before) == 16
    assert load_catalog(folder).version == before
    (folder / "platform.yaml").write_text(PLATFORM + "# a comment\n")
    assert load_catalog(folder).version != before


def test_anchors_and_a_byte_order_mark_are_fine(folder: Path) -> None:
    text = GAMES.replace("{EUR: 50, JPY: 100}", "&limits {EUR: 50, JPY: 100}").replace(
        "max_bet: 5000, c", "max_bet: *limits, c"
    )
    (folder / "games.yaml").write_text(text, encoding="utf-8-sig")
    assert load_catalog(folder).games["wheel"].max_bet == {"EUR": 50, "JPY": 100}


def test_a_catalog_without_campaigns_is_a_catalog(folder: Path) -> None:
    shutil.rmtree(folder / "campaigns")
    shutil.rmtree(folder / "locales")
    assert load_catalog(folder).campaigns == {}


W, G, P, M = "campaigns/welcome.yaml", "games.yaml", "platform.yaml", "campaigns/goodwill.yaml"
MISTAKES = [
    # file, what is written, what is written instead, line of the problem, part of its reason
    (
        W,
        "limits: {per_player: 2}",
        "limits: {per_player: 2}\nbudget: 5",
        23,
        "unknown field `budget`; known here: id, type",
    ),
    (W, "{per_player: 2}", "{per_playr: 2}", 22, "unknown field `per_playr` (did you mean `per_player`?)"),
    (W, 'multiplier: "35"', "multiplier: 35", 15, 'write "35" in quotes'),
    (W, 'multiplier: "35"', "multiplier: 1.5", 15, 'write "1.5" in quotes'),
    (W, 'multiplier: "35"', 'multiplier: "-3"', 15, "'-3' is not a decimal string"),
    (W, 'multiplier: "35"', 'multiplier: "1e3"', 15, "is not a decimal string"),
    (W, '  multiplier: "35"\n', "", 15, "the field `multiplier` is missing"),
    (W, "deny: [US]", "deny: [NO]", 7, '`NO` is read as a yes/no value; write "NO" in quotes'),
    (W, "deny: [US]", "deny: [usa]", 7, "`usa` is not a country; use the two capital letters"),
    (W, "deny: [US]", "allow: [SE], deny: [US]", 7, "either `allow` or `deny`"),
    (W, "deny: [US]", "deny: US", 7, "a list is due here"),
    (W, "countries: {deny: [US]}", "countries: [US]", 7, "a group of fields is due here"),
    (W, "[newcomers]", "[newcomers, newcomers]", 8, "`newcomers` is listed twice"),
    (W, "[EUR]", "[EUR, GBP]", 9, "unknown currency `GBP`; platform.yaml knows: EUR, JPY"),
    (W, "min_deposit: {EUR: 1000}", "min_deposit: {JPY: 1000}", 10, "there is no amount for EUR"),
    (W, "min_deposit: {EUR: 1000}", "min_deposit: {EUR: -1}", 10, "-1 is negative"),
    (W, "min_deposit: {EUR: 1000}", "min_deposit: {EUR: 10.0}", 10, "a whole number is due here"),
    (W, "min_deposit: {EUR: 1000}", 'min_deposit: {EUR: "1000"}', 10, "write 1000 without quotes"),
    (W, "min_deposit: {EUR: 1000}", "min_deposit: {EUR: yes}", 10, "the yes/no value `yes`"),
    (W, "min_deposit: {EUR: 1000}", "min_deposit: {EUR: 1:30}", 10, "a whole number is due here"),
    (W, "min_deposit: {EUR: 1000}", "min_deposit: 1000", 10, "a group of fields is due here"),
    (
        W,
        "min_deposit: {EUR: 1000}",
        "min_deposit: {EUR: 1, EUR: 2}",
        10,
        "`EUR` is written twice, the first time in line 10",
    ),
    (W, "min_deposit: {EUR: 1000}", "min_deposit: {EUR: 9000000000000000}", 10, "is not between 0 and"),
    (W, ", max: {EUR: 10000}", "", 12, "the field `max` is missing"),
    (W, "match_percent:", "fixed: {EUR: 5}, match_percent:", 12, "either `match_percent` and `max`, or `fixed`"),
    (W, 'match_percent: "50.5"', 'match_percent: "0"', 12, "a match of 0 percent awards nothing"),
    (W, "games: [book]", "games: [boook]", 13, "unknown game `boook` (did you mean `book`?)"),
    (W, "games: [book]", "games: []", 13, "no game to spend the free spins on"),
    (W, "count: 20", "count: 0", 13, "0 is not between 1 and 10000"),
    (W, "max_bet: {EUR: 500}", "max_bet: {EUR: 5}", 15, "min_bet 10 is above max_bet 5 in EUR"),
    (W, "[wheel]", "[wheels]", 19, "unknown game `wheels`"),
    (W, "types: {table: 10}", "types: {tables: 10}", 20, "unknown game type `tables`"),
    (W, "first_deposit", "manual", 3, "deposit_match goes with a deposit trigger"),
    (W, "first_deposit", "first_win", 3, "`first_win` is not known here (did you mean `first_deposit`?)"),
    (W, "2037-01-01T01:00:00+01:00", "2025-01-01T00:00:00Z", 5, "valid_to is not after valid_from"),
    (W, "2026-01-01T00:00:00Z", "2026-02-30T00:00:00Z", 4, "`2026-02-30T00:00:00Z` is not a time"),
    (W, "2026-01-01T00:00:00Z", "2026-01-01", 4, "write it with its zone, like 2026-01-31T00:00:00Z"),
    (W, "2037-01-01T01:00:00+01:00", "9999-12-31T23:59:59-03:00", 5, "lies after 9999-12-31T23:59:59.999Z, the latest"),
    (W, "2037-01-01T01:00:00+01:00", "9999-12-31T23:59:59.999-00:01", 5, "write an earlier time"),
    (W, "2026-01-01T00:00:00Z", "9999-12-31T12:00:00-23:00", 4, "`9999-12-31T12:00:00-23:00` lies after"),
    (M, "2037-01-01T00:00:00Z", "10000-01-01T00:00:00Z", 5, "`10000-01-01T00:00:00Z` is not a time"),
    (P, "[whale-1]", "[whale/1]", 6, "`whale/1` is not a player id: use 1 to 64 of A-Z a-z 0-9 . _ : @ ~ -"),
    (P, "[whale-1]", f"[{'w' * 65}]", 6, "is not a player id"),
    (G, "  book:", "  book!:", 2, "`book!` is not a game id: use 1 to 64 of A-Z a-z 0-9 . _ : @ ~ -, as the API does"),
    (G, "  book:", f"  {'b' * 65}:", 2, "is not a game id"),
    (G, "  book:", "  bücher:", 2, "`bücher` is not a game id"),
    (W, "[newcomers]", "[New Comers]", 8, "`New Comers` is not a segment: use 1 to 32 of a-z 0-9 _ -, as the API does"),
    (W, "[newcomers]", f"[{'n' * 33}]", 8, "is not a segment"),
    (W, "  segments: [newcomers]", '  players: ["ann lee"]', 8, "`ann lee` is not a player id"),
    (W, "id: welcome", "id: ../welcome", 1, "`../welcome` is not an id"),
    (W, "id: welcome", "id: goodwill", 1, "the id `goodwill` is taken by campaigns/goodwill.yaml"),
    (W, "type: deposit_match", "type: deposit_mach", 2, "did you mean `deposit_match`?"),
    (W, "eligibility:", "eligibility:\n\tx: 1", 7, "this is not valid YAML"),
    (W, "limits:", "---\nlimits:", 22, "only one document"),
    (W, "limits:", "? [a]\n: b\nlimits:", 22, "text is due here; this is a list"),
    (W, WELCOME, "", 1, "the file is empty"),
    (W, WELCOME, "[" * 100_000, 1, "values are nested too deeply"),
    (M, "type: no_deposit", "type: free_spins", 7, "awards free spins only"),
    (M, "type: no_deposit", "type: free_spins", 7, "the field `free_spins` is missing"),
    (M, "manual", "first_deposit", 3, "no_deposit does not go with a deposit trigger"),
    (M, "fixed: {EUR: 500, JPY: 750}", 'match_percent: "5", max: {EUR: 1, JPY: 1}', 7, "match_percent needs a deposit"),
    (M, "fixed: {EUR: 500, JPY: 750}", "fixed: {EUR: 500}", 7, "there is no amount for JPY"),
    (M, 'wager: {multiplier: "10"}', "", 1, "the field `wager` is missing"),
    (M, '"10"', '"10", basis: bonus_plus_deposit', 8, "needs a bonus with `match_percent`"),
    (M, "award:", "eligibility: {min_deposit: {EUR: 1, JPY: 1}}\naward:", 6, "a manual grant has no deposit"),
    (G, "max_bet: 10000", "max_bet: 9", 2, "min_bet 10 is above max_bet 9 in EUR"),
    (G, "type: slot", "type: slots", 2, "`slots` is not known here (did you mean `slot`?)"),
    (G, "type: slot, ", "", 2, "the field `type` is missing"),
    (G, "{EUR: 50, JPY: 100}", "{EUR: 50}", 3, "there is no amount for JPY"),
    (G, "provider: demo, min_bet: 10, max_bet: 10000", "provider: 7, min_bet: 1, max_bet: 2", 2, 'write "7" in quotes'),
    (G, "  cards", "  book", 4, "`book` is written twice, the first time in line 2"),
    (P, "JPY: {", "jpy: {", 3, "`jpy` is not a currency"),
    (P, '"0.0061"', '"0"', 3, "the rate 0 has no worth"),
    (P, '"1"', '"2"', 2, "one EUR is one EUR"),
    (P, "real_first", "bonus", 4, "`bonus` is not known here (did you mean `bonus_first`?)"),
    (P, "[whale-1]", "[1]", 6, 'write "1" in quotes'),
    (P, "placement:", "tax: {}\nplacement:", 5, "unknown field `tax`"),
]


@pytest.mark.parametrize(("file", "written", "instead", "line", "reason"), MISTAKES)
def test_a_mistake_is_told_with_file_line_and_reason(
    folder: Path, file: str, written: str, instead: str, line: int, reason: str
) -> None:
    assert written in FILES[file]
    (folder / file).write_text(FILES[file].replace(written, instead, 1))
    found = problems(folder)
    assert any((p.file, p.line) == (file, line) and reason in p.reason for p in found), found


@pytest.mark.parametrize(
    ("file", "written", "instead"),
    [
        (W, "type: deposit_match", "type: 7"),
        (W, "first_deposit", "first_win"),
        (W, '"50.5"', "50.5"),
        (W, "2037-01-01T01:00:00+01:00", "soon"),
        (P, '"0.0061"', "0.0061"),
        (G, "type: slot", "type: slots"),
    ],
)
def test_one_mistake_is_told_once(folder: Path, file: str, written: str, instead: str) -> None:
    (folder / file).write_text(FILES[file].replace(written, instead, 1))
    assert len(problems(folder)) == 1


def test_all_mistakes_of_all_files_are_told_at_once(folder: Path) -> None:
    for file, written, instead, _, _ in (MISTAKES[0], MISTAKES[-1], MISTAKES[-7]):
        (folder / file).write_text(FILES[file].replace(written, instead, 1))
    (folder / M).write_text(GOODWILL.replace("500", "-1").replace("manual", "coed"))
    assert [(p.file, p.line) for p in problems(folder)] == [(M, 3), (M, 7), (W, 23), (G, 4), (P, 5)]


Break = Callable[[Path], object]
BROKEN_FILES: list[tuple[Break, str, int, str]] = [
    (lambda f: (f / P).unlink(), P, 1, "this file is missing"),
    (lambda f: (f / G).unlink(), G, 1, "this file is missing"),
    (lambda f: ((f / P).unlink(), (f / P).mkdir()), P, 1, "this file can't be read"),
    (lambda f: (f / W).write_bytes(b"#" * (FILE_BYTES_MAX + 1)), W, 1, "this file is too large: at most 1048576 bytes"),
    (lambda f: (f / W).write_bytes(b"id: a\nname: caf\xe9\n"), W, 2, "this is not UTF-8 text"),
    (lambda f: (f / W).write_bytes(b"id: a\n\nname: \x07\n"), W, 3, "control character"),
    (lambda f: (f / "bonuses.yaml").write_text("{}"), "bonuses.yaml", 1, "this file is not read"),
    (lambda f: (f / W).rename(f / "campaigns/welcome.yml"), "campaigns/welcome.yml", 1, "this file is not read"),
]


@pytest.mark.parametrize(("damage", "file", "line", "reason"), BROKEN_FILES)
def test_a_file_that_cannot_be_used_is_told(folder: Path, damage: Break, file: str, line: int, reason: str) -> None:
    damage(folder)
    found = problems(folder)
    assert any((p.file, p.line) == (file, line) and reason in p.reason for p in found), found


def test_a_missing_folder_is_one_clear_sentence(tmp_path: Path) -> None:
    [problem] = problems(tmp_path / "nowhere")
    assert problem.reason == "there is no such folder to read a catalog from"
    assert problem.file.endswith("nowhere")


def test_the_number_of_campaigns_is_limited(folder: Path) -> None:
    for n in range(CAMPAIGNS_MAX):
        (folder / f"campaigns/c{n}.yaml").write_text(f"id: c{n}")
    found = problems(folder)
    assert any(p.file == "campaigns" and "there are 1002 campaigns; at most 1000" in p.reason for p in found)
