"""The section `notices`: what it takes, and how it says what it doesn't."""

from typing import Any

import msgspec
import pytest

from feeds.notifications.settings import NoticesSettings

MAIL = {"host": "mail.example", "sender": "no-reply@casino.example"}
LINK = {"url": "https://casino.example/out?p={player}&t={token}", "key": {"env": "KEY"}}
SIGNED = {"key_id": "k", "secret": {"env": "B"}}
SOUND: dict[str, Any] = {
    "pam": {"url": "https://pam.example/api", "bearer": {"env": "PAM_TOKEN"}},
    "product": "casino",
    "catalog": "catalog",
    "kinds": {"withdrawal_confirmed": {"channels": ["email"]}, "level_changed": {"channels": ["sms"]}},
    "mail": MAIL,
    "channels": {"sms": {"url": {"env": "SMS_URL"}}},
}


def read(**changed: object) -> NoticesSettings:
    return msgspec.json.decode(msgspec.json.encode(SOUND | changed), type=NoticesSettings)


def test_little_is_enough() -> None:
    settings = read()
    assert settings.category_of("withdrawal_confirmed") == "service"
    assert settings.category_of("level_changed") == "marketing"
    assert settings.category("marketing").per_day_max == 3
    assert settings.mail is not None
    assert settings.mail.tls == "starttls"


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"kinds": {}}, "length >= 1"),
        ({"kinds": {"birthday": {"channels": ["sms"]}}}, "birthday"),
        ({"kinds": {"level_changed": {"channels": ["fax"]}}}, "level_changed goes by fax, but there is no such"),
        ({"kinds": {"level_changed": {"channels": ["sms", "sms"]}}}, "names a channel twice"),
        ({"kinds": {"level_changed": {"channels": ["sms"], "category": "vip"}}}, "there is no such category"),
        ({"kinds": {"level_changed": {"channels": ["email"]}}}, "needs the section unsubscribe"),
        ({"kinds": {"points_expiring": {"channels": ["sms"]}}}, "points_expiring needs the section engine"),
        ({"channels": {"email": {"url": {"env": "U"}}}}, "email is the section mail"),
        ({"time_zone": "Berlin"}, "there is no 'Berlin'"),
        ({"quiet_hours": {"begin": "24:00"}}, "matching regex"),
        ({"pam": {"url": "ftp://pam.example"}}, "must begin with https"),
        ({"pam": {"url": "https://user:secret@pam.example"}}, "neither a user name"),
        ({"pam": {"url": "https://pam.example", "bearer": {"env": "A"}, "signature": SIGNED}}, "at most one of bearer"),
        ({"mail": MAIL | {"sender": "Casino <no-reply@casino.example>"}}, "must be a mail address"),
        ({"mail": MAIL | {"sender_name": "Casino\r\nBcc: x@y.example"}}, "must be one line"),
        ({"mail": MAIL | {"user": "u"}}, "both user and password"),
        ({"unsubscribe": LINK | {"url": "http://casino.example/{player}/{token}"}}, "must begin with https"),
        ({"unsubscribe": LINK | {"url": "https://casino.example/{player}"}}, "must hold {player} and {token}"),
        ({"unsubscribe": LINK | {"url": "https://casino.example/{player:>999999999}/{token}"}}, "plain fields"),
        ({"unsubscribe": LINK | {"url": "https://casino.example/{player/{token}"}}, "unsubscribe"),
        ({"waiting": 3}, "unknown field `waiting`"),
    ],
)  # fmt: skip
def test_mistakes_are_said(changed: dict[str, object], complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        read(**changed)
    assert complaint in str(caught.value)
