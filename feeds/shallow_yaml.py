"""YAML as people write it: a loader that refuses what is nested deeper than anybody means.

PyYAML's time grows with the square of the nesting: 2 000 opening brackets, 2 KB, cost two seconds of CPU.
"""

from typing import Any, Final

import yaml

NESTING_MAX: Final = 50
"""Collections within collections. A catalog needs eight."""


class NestedTooDeeply(yaml.YAMLError):
    """More than `NESTING_MAX` collections are open at one place."""

    def __init__(self, mark: Any) -> None:
        self.problem, self.problem_mark = "values are nested too deeply", mark
        super().__init__(self.problem)


class ShallowLoader(yaml.SafeLoader):
    """`yaml.SafeLoader`. Raises NestedTooDeeply as soon as that is known."""

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:  # noqa: N803  # PyYAML calls it so
        """A bracket or a brace opens."""
        self._bound(self.flow_level)
        super().fetch_flow_collection_start(TokenClass)

    def add_indent(self, column: int) -> bool:
        """A line begins further to the right, or an item follows an item on the same line."""
        self._bound(len(self.indents))
        return bool(super().add_indent(column))

    def _bound(self, depth: int) -> None:
        if depth >= NESTING_MAX:
            raise NestedTooDeeply(self.get_mark())
