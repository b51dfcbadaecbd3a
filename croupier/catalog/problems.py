"""What a check of a catalog finds: problems, for which it is refused, and warnings, with which it is accepted."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from croupier.catalog.places import Problem
from engine.catalog import Catalog
from gateway.texts import Texts


class CatalogInvalid(Exception):
    """The catalog can't be used. `problems` lists everything that is wrong; as text, each is one line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)


class Checked(NamedTuple):
    """A checked catalog: `catalog` and `texts` are to be used only if there are no `problems`.

    `exponent_lines`: the line in which platform.yaml gives each currency its exponent, if it can be read.
    """

    catalog: Catalog
    texts: Texts
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    exponent_lines: Mapping[str, int] = MappingProxyType({})

    def sound(self) -> "Checked":
        """This same result. Raises `CatalogInvalid` if there are problems."""
        if self.problems:
            raise CatalogInvalid(self.problems)
        return self
