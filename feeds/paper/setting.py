"""Typst sets `main.typ` with the files that lie beside it. It sees no clock, and no fonts but its own.

The machine's fonts would make other pages on another machine.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import typst


def pdf_of(sources: Mapping[str, bytes]) -> bytes:
    """The PDF of files by their names. The same files give the same bytes."""
    return bytes(_compiled(sources, "pdf"))


def pictures_of(sources: Mapping[str, bytes], ppi: float) -> Sequence[bytes]:
    """The same pages as PNG, for people who look at them before they are sent."""
    made = _compiled(sources, "png", ppi=ppi)
    return made if isinstance(made, list) else [made]


def _compiled(sources: Mapping[str, bytes], form: str, **options: Any) -> Any:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
    compiled: Any = typst.compile  # several files as a mapping: its own types don't know that
    return compiled(dict(sources), format=form, font_paths=fonts, timestamp=0, **options)
