"""What goes wrong: each fault makes its trouble, ends it, and says what it has hit. `plan` puts them in an order."""

from collections.abc import Callable
from random import Random

from tests.chaos.house import House

Fault = Callable[[House, Random], str]
"""Returns when the trouble that was made on purpose is over: what it has hit, in a few words. The house may need some
seconds more. Raises TookTooLong if what has to come does not come.
"""
