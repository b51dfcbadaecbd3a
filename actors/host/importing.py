"""What stands above the actors and is known to them by name only."""

from importlib import import_module
from typing import Any


def imported(path: str) -> Any:
    """What a dotted path names, as `package.module.name`. Raises ImportError, AttributeError."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)
