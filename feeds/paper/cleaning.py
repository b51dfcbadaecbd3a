"""Text as a page can show it."""

import unicodedata
from typing import Final

_UNSHOWABLE: Final = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})


def clean(text: str, longest: int) -> str:
    """Without control characters, halves of characters and code points that mean nothing; cut where it is long."""
    if not text.isprintable():
        text = "".join(" " if unicodedata.category(char) in _UNSHOWABLE else char for char in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"
