"""Texts of notices: what they can do, and what they can't."""

import pytest

from feeds.notifications.words.templates import compiled, complaint, known_keys, rendered
from feeds.notifications.words.wording import money

SUBJECT = "notice.level_changed.subject"


@pytest.mark.parametrize(
    "text",
    [
        "Hello {{ player_id }}: {{ level | upper }}",
        "{% if reason == 'play' and not old_level %}a{% elif level %}b{% else %}c{% endif %}",
        "{{ 'up' if reason == 'play' else 'down' }}",
        "{{ level ~ '!' }}",
    ],
)
def test_values_and_choices_are_possible(text: str) -> None:
    assert complaint(SUBJECT, text) is None


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{{ lvl }}", "'lvl' is undefined; it may name level, old_level, player_id, reason, unsubscribe_url"),
        ("{% if reason == 'downgrade' %}{{ lvl }}{% endif %}", "'lvl' is undefined"),
        ("{% if not unsubscribe_url %}{{ lvl }}{% endif %}", "'lvl' is undefined"),
        ("\n\n{{ level", "line 3 of the text"),
        ("{% for a in level %}{{ a }}{% endfor %}", "for is not possible"),
        ("{% set a = level ~ level %}{{ a }}", "assign is not possible"),
        ("{{ level * 1000000000 }}", "mul is not possible"),
        ("{{ level.format }}", "getattr is not possible"),
        ("{{ level['format'] }}", "getitem is not possible"),
        ("{{ range(9) }}", "call is not possible"),
        ("{{ not level - 3 }}", "sub is not possible"),
        ("{% include 'secret' %}", "include is not possible"),
        ("{{ level | center(1000000000) }}", "No filter named 'center'"),
        ("{{ amount }}", "'amount' is undefined"),
        ("a\nb", "a subject must be one line"),
    ],
)
def test_everything_else_is_refused(text: str, wrong: str) -> None:
    assert wrong in str(complaint(SUBJECT, text))


def test_html_is_escaped_and_plain_text_is_not() -> None:
    values = {"level": "<b>Gold</b>"}
    assert rendered(compiled("notice.level_changed.html", "{{ level }}"), values) == "&lt;b&gt;Gold&lt;/b&gt;"
    assert rendered(compiled("notice.level_changed.text", "{{ level }}"), values) == "<b>Gold</b>"


@pytest.mark.parametrize(
    ("key", "text", "sound"),
    [
        ("notice.format.date", "%d.%m.%Y", True),
        ("notice.format.date", "soon", False),
        ("notice.format.date", "%999999Y", False),
        ("notice.format.date", "%d\n%m", False),
        ("notice.format.decimal_point", ",", True),
        ("notice.format.decimal_point", "comma", False),
    ],
)
def test_forms_of_dates_and_decimals(key: str, text: str, sound: bool) -> None:
    assert (complaint(key, text) is None) is sound


def test_each_kind_has_keys_for_mail_and_for_short_messages() -> None:
    assert {"notice.withdrawal_confirmed.subject", "notice.points_expiring.short"} <= set(known_keys())


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [(1_005, "EUR", "10.05 EUR"), (1_005, "JPY", "1005 JPY"), (1_005, "KWD", "1.005 KWD"), (-5, "EUR", "-0.05 EUR")],
)
def test_money_is_written_with_the_digits_of_its_currency(minor: int, currency: str, written: str) -> None:
    assert money(minor, currency, {}, ".") == written
    assert money(minor, currency, {currency: 0}, ".") == f"{minor} {currency}"
