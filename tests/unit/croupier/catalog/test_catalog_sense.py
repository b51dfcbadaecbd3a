"""What a catalog says across its files must be possible (rules §6): each impossible thing is told with its place."""

from pathlib import Path

import pytest

from croupier.catalog import check_folder
from tests.support.example_catalog import FILES, SHIPPED, problems

W, M, G, P, L = "campaigns/welcome.yaml", "campaigns/goodwill.yaml", "games.yaml", "platform.yaml", "levels.yaml"
WAGER = '{multiplier: "10"}'
CARDS = FILES[G].splitlines(keepends=True)[3]
LIMITED = 'eligibility: {currencies: [EUR]}\naward: {bonus: {fixed: {EUR: 500}}}\nwager: {multiplier: "1"}\n'
"""The last lines of a campaign of 5.00 EUR, in place of goodwill's from its line 6 on."""

Edits = tuple[tuple[str, str, str], ...]


def edited(folder: Path, edits: Edits) -> None:
    for file, written, instead in edits:
        text = (folder / file).read_text()
        assert written in text
        (folder / file).write_text(text.replace(written, instead, 1))


def gift(limits: str, award: str = LIMITED) -> Edits:
    """Goodwill with another end."""
    return ((M, FILES[M][FILES[M].index("award:") :], f"{award}limits: {limits}\n"),)


def spins(limits: str, count: int, multiplier: int, wager: str = "") -> Edits:
    """Goodwill as `count` free spins at 0.10 EUR on `book`."""
    given = f'count: {count}, bet: {{EUR: 10}}, games: [book], valid_days: 7, wager_multiplier: "{multiplier}"'
    award = f"eligibility: {{currencies: [EUR]}}\naward: {{free_spins: {{{given}}}}}\n{wager}"
    return ((M, "type: no_deposit", "type: free_spins"), *gift(limits, award))


def terms(wager: str) -> Edits:
    """Goodwill, in EUR and JPY, with these terms in its line 8."""
    return ((M, WAGER, wager),)


IMPOSSIBLE = [
    # what is edited, the only problem's file, line, and parts of its reason: the cause and the way out
    (
        "max_bet below every game",
        terms('{multiplier: "10", max_bet: {EUR: 9, JPY: 750}}'),
        (M, 8, "max_bet 9 in EUR lies below the smallest stake of every game that counts", "write at least 10"),
    ),
    (
        "max_bet below every game in the other currency",
        (
            (G, "min_bet: 10,", "min_bet: {EUR: 10, JPY: 20},"),
            (G, "min_bet: 10,", "min_bet: {EUR: 10, JPY: 15},"),
            *terms('{multiplier: "10", max_bet: {EUR: 10, JPY: 14}}'),
        ),
        (M, 8, "max_bet 14 in JPY", "`cards` begins at 15"),
    ),
    (
        "max_bet below every game that counts, though not below an excluded one",
        (
            *terms('{multiplier: "10", max_bet: {EUR: 49, JPY: 99}, excluded_games: [book, cards]}'),
            (G, "{EUR: 50, JPY: 100}", "{EUR: 50, JPY: 99}"),
        ),
        (M, 8, "max_bet 49 in EUR", "`wheel` begins at 50"),
    ),
    (
        "max_bet below every game, for winnings of free spins",
        spins("{}", count=1, multiplier=1, wager="wager: {valid_days: 7, max_bet: {EUR: 9}}\n"),
        (M, 8, "max_bet 9 in EUR", "write at least 10"),
    ),
    (
        "min_bet above every game",
        terms('{multiplier: "10", min_bet: {EUR: 10001, JPY: 10}}'),
        (M, 8, "min_bet 10001 in EUR lies above the largest stake of every game that counts", "write at most 10000"),
    ),
    (
        "nothing between min_bet and max_bet",
        (
            (G, "max_bet: 10000", "max_bet: 20"),
            (G, CARDS, CARDS.replace("min_bet: 10", "min_bet: 60")),
            *terms('{multiplier: "10", min_bet: {EUR: 25, JPY: 10}, max_bet: {EUR: 45, JPY: 900}}'),
        ),
        (M, 8, "no stake in EUR makes progress", "change min_bet, max_bet, or what contributes"),
    ),
    (
        "a share of nothing",
        terms('{multiplier: "10", max_bet: {EUR: 90, JPY: 100}, contribution: {types: {slot: 1, live: 1, table: 1}}}'),
        (M, 8, "no stake in EUR makes progress", "a whole minor unit"),
    ),
    (
        "a mean nobody can reach",
        terms('{multiplier: "10", min_average_bet: {EUR: 10001, JPY: 10}}'),
        (M, 8, "min_average_bet 10001 in EUR lies above every stake that counts", "at most 10000"),
    ),
    (
        "all games excluded",
        terms('{multiplier: "10", excluded_games: [book, wheel, cards]}'),
        (M, 8, "every game is excluded", "leave out at least one"),
    ),
    (
        "all types contribute 0",
        terms('{multiplier: "10", contribution: {types: {slot: 0, live: 0, table: 0}}}'),
        (M, 8, "no game that is not excluded contributes more than 0", "let at least one game or type contribute"),
    ),
    (
        "all that is not excluded contributes 0",
        terms('{multiplier: "10", excluded_games: [book], contribution: {games: {cards: 0}, types: {live: 0}}}'),
        (M, 8, "contributes more than 0", "let at least one"),
    ),
    (
        "a budget below one fixed bonus",
        gift('{budget_eur: "4.99"}'),
        (M, 9, "one award in EUR is worth 5 EUR, more than the whole budget of 4.99", 'write at least "5"'),
    ),
    (
        "a budget below one award in one of its currencies",
        gift('{budget_eur: "5"}', 'award: {bonus: {fixed: {EUR: 500, JPY: 1000}}}\nwager: {multiplier: "1"}\n'),
        (M, 8, "one award in JPY is worth 6.1 EUR", 'write at least "6.1"'),
    ),
    (
        "a budget below the free spins",
        spins('{budget_eur: "1.99"}', count=20, multiplier=0),
        (M, 8, "one award in EUR is worth 2 EUR", 'at least "2"'),
    ),
    (
        "a budget below a bonus and its free spins together",
        ((W, "limits: {per_player: 2}", 'limits: {per_player: 2, budget_eur: "7.04"}'),),
        (W, 22, "one award in EUR is worth 7.05 EUR", "or award less"),
    ),
    (
        "a free spin below its game",
        ((W, "bet: {EUR: 10}", "bet: {EUR: 9}"),),
        (W, 13, "`book` takes stakes from 10 to 10000 in EUR, so no free spin of 9", "change bet"),
    ),
    (
        "a free spin above its game",
        ((W, "bet: {EUR: 10}", "bet: {EUR: 10001}"),),
        (W, 13, "so no free spin of 10001 can be played there", "change bet"),
    ),
    (
        "a free spin that one of its games doesn't take",
        ((W, "games: [book]", "games: [book, wheel]"),),
        (W, 13, "`wheel` takes stakes from 50 to 5000 in EUR, so no free spin of 10", "take the game out"),
    ),
]


@pytest.mark.parametrize(("edits", "told"), [each[1:] for each in IMPOSSIBLE], ids=[each[0] for each in IMPOSSIBLE])
def test_what_is_impossible_is_told_with_its_place_and_a_way_out(
    folder: Path, edits: Edits, told: tuple[str, int, str, str]
) -> None:
    edited(folder, edits)
    [found] = problems(folder)
    assert (found.file, found.line) == told[:2]
    assert told[2] in found.reason and told[3] in found.reason


def test_loyalty_grants_must_be_wagered_somewhere_as_well(folder: Path) -> None:
    """Redemption and cashback go by games.yaml alone."""
    nothing = "contribution: {slot: 0, live: 0, table: 0}"
    edited(folder, ((G, "contribution: {table: 10}", nothing), (G, ", contribution: 20", "")))
    found = [(problem.file, problem.line) for problem in problems(folder)]
    assert found == [(M, 8), (L, 2), (L, 4)], "welcome's own contribution counts"


POSSIBLE: list[Edits] = [
    terms('{multiplier: "10", max_bet: {EUR: 10, JPY: 10}}'),
    terms('{multiplier: "10", min_bet: {EUR: 10000, JPY: 10000}}'),
    terms('{multiplier: "10", min_average_bet: {EUR: 10000, JPY: 10}}'),
    terms('{multiplier: "10", max_bet: {EUR: 100, JPY: 100}, contribution: {types: {slot: 1, live: 1, table: 1}}}'),
    terms('{multiplier: "0", max_bet: {EUR: 1, JPY: 1}, excluded_games: [book, wheel, cards]}'),
    gift('{budget_eur: "5"}'),
    ((W, "limits: {per_player: 2}", 'limits: {per_player: 2, budget_eur: "7.05"}'),),
    ((W, "  min_deposit: {EUR: 1000}\n", ""), (W, "limits: {", 'limits: {budget_eur: "2", ')),
    ((W, "bet: {EUR: 10}", "bet: {EUR: 10000}"),),
]


@pytest.mark.parametrize("edits", POSSIBLE)
def test_what_is_just_possible_is_no_problem(folder: Path, edits: Edits) -> None:
    edited(folder, edits)
    assert check_folder(folder).problems == ()


@pytest.mark.parametrize(
    ("level", "budget", "fine"),
    [("silver", "5", True), ("gold", "5", False), ("gold", "5.5", True), ("silver, gold", "5", True)],
)
def test_a_budget_must_do_for_the_lowest_level_that_can_have_it(
    folder: Path, level: str, budget: str, fine: bool
) -> None:
    """Gold gets a tenth more."""
    award = LIMITED.replace("currencies: [EUR]", f"currencies: [EUR], levels: [{level}]")
    edited(folder, gift(f'{{budget_eur: "{budget}"}}', award))
    assert (check_folder(folder).problems == ()) is fine


def test_what_rests_on_a_mistake_is_not_told_beside_it(folder: Path) -> None:
    """Nobody knows the limits of a game whose limits can't be read."""
    edited(folder, ((G, "min_bet: 10,", 'min_bet: "10",'), *terms('{multiplier: "10", max_bet: {EUR: 9, JPY: 9}}')))
    assert [problem.file for problem in problems(folder)] == [G]


def test_the_shipped_catalog_makes_sense() -> None:
    assert check_folder(SHIPPED).problems == ()
