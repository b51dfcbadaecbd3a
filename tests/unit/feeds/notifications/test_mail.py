"""A mail as bytes: what every server and program can read, and nothing that a text could smuggle in."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from feeds.notifications.channels.mail import MailChannel
from feeds.notifications.settings import MailSettings
from feeds.notifications.words.wording import Wording

SETTINGS = MailSettings("mail.example", "no-reply@casino.example", "Käsino", tls="none")


def written(wording: Wording) -> tuple[bytes, EmailMessage]:
    content = MailChannel(SETTINGS).written("anna@players.example", wording, "<1@casino.example>")
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return content, mail


def test_letters_of_all_languages_come_through() -> None:
    subject, text, html = "Glückwunsch – ä" * 10, "Grüße\n日本語\n", "<p>é</p>"
    _, mail = written(Wording(subject, text, html))
    assert mail["Subject"] == subject
    assert mail["From"].addresses[0].display_name == "Käsino"
    plain, other = mail.iter_parts()
    assert isinstance(plain, EmailMessage)
    assert isinstance(other, EmailMessage)
    assert plain.get_content() == text
    assert other.get_content() == html


@pytest.mark.parametrize("text", ["word " * 1_000, "From here\n.\n..\n", "ä" * 4_000])
def test_no_line_is_too_long_and_no_word_is_changed(text: str) -> None:
    content, mail = written(Wording("Subject", text))
    assert max(map(len, content.splitlines())) <= 998
    assert mail.get_content() == text


def test_a_subject_can_add_no_header() -> None:
    with pytest.raises(ValueError, match="header"):
        written(Wording("Hello\nBcc: eve@elsewhere.example", "text"))


@pytest.mark.parametrize(
    ("address", "usable"),
    [
        ("anna@players.example", True),
        ("anna+casino@players.example", True),
        ("anna", False),
        ("@players.example", False),
        ("anna@", False),
        ("anna@b@players.example", False),
        ("anna smith@players.example", False),
        ("<anna@players.example>", False),
        ("anna@players.example\n", False),
        ("anna@players.example,eve@elsewhere.example", False),
        ("a" * 250 + "@players.example", False),
    ],
)
def test_only_what_is_one_mail_address_is_used(address: str, usable: bool) -> None:
    assert MailChannel(SETTINGS).usable([address]) == ((address,) if usable else ())
