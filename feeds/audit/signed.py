"""A checkpoint on its way from the keeper to those who publish it."""

from typing import NamedTuple


class Signed(NamedTuple):
    """A checkpoint that is stored: the name of its object, its size and the note."""

    name: str
    size: int
    note: str
    ends_day: bool
