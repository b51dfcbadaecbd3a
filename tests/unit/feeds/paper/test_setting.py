"""What all papers share: clean text, and pages that are the same each time."""

import re
from pathlib import Path

from feeds.paper.cleaning import clean
from feeds.paper.setting import pdf_of, pictures_of

FEEDS = Path(__file__).resolve().parents[4] / "feeds"


def test_the_same_files_are_the_same_pages() -> None:
    sources = {"main.typ": b'#let file = json("it.json")\n#file.text\n#pagebreak()\nEnd', "it.json": b'{"text": "A"}'}
    one = pdf_of(sources)
    assert one[:5] == b"%PDF-" and one == pdf_of(sources)
    pages = pictures_of(sources, 20)
    assert len(pages) == 2 and all(page[1:4] == b"PNG" for page in pages)
    assert len(pictures_of({"main.typ": b"One page"}, 20)) == 1


def test_text_is_cleaned_and_cut() -> None:
    assert clean("a\x00b\u202ec\ud800d", 20) == "a b c d"
    assert clean("äöü" * 10, 5) == "äöüä…"


def test_nobody_else_sets_pages() -> None:
    """Fonts and time stamp are said once."""
    setting = [path for path in FEEDS.rglob("*.py") if re.search(r"^\s*(import|from) typst\b", path.read_text(), re.M)]
    assert setting == [FEEDS / "paper" / "setting.py"]
