"""Which language a reader gets: what was asked for, then the browser's, then the player's, then English."""

import pytest

from gateway.texts.wanted import accepted, wanted


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        (b"", []),
        (b"de", ["de"]),
        (b"de-AT, de;q=0.9, en;q=0.8, *;q=0.1", ["de-AT", "de", "en"]),
        (b"en;q=0.2,sv ; q=0.7,de;Q=0.700", ["sv", "de", "en"]),
        (b"de;q=0, sv", ["sv"]),
        (b"de;q=2, sv;q=-1, fr;q=x, nl;level=1, en", ["en"]),
        (b"d, de_DE, <script>, \xff\xfe, en-US-x-y-z", []),
        (b",,;,=", []),
        (b"en;q=0.1," * 16 + b"de", ["en"] * 16),
    ],
)
def test_a_browsers_header(header: bytes, languages: list[str]) -> None:
    assert accepted(header) == languages


def test_the_order_of_wishes() -> None:
    assert wanted("sv", b"de", "ja") == ["sv", "de", "ja"]
    assert wanted(None, b"", "ja") == ["ja"]
    assert wanted(None, b"") == []
