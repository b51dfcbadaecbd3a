"""How `croupier up` goes when another one has taken its store: its gateways serve until callers have moved.

Gateways look shards up in the store's table, so those of the old one reach the shards of the new one as well.
"""

import logging
import threading
import time
from typing import Final, Protocol

from croupier.running.operators import later_entries
from snapshots.errors import StoreError

log = logging.getLogger("croupier")

COMMAND: Final = "croupier up"
STARTED: Final = "started"
"""Subject of the entry in the control log by which a `croupier up` says that its gateways serve."""
LOOK_S: Final = 0.5
HAND_OVER_MAX_S: Final = 60.0
"""So long, at most, shards may take until the successor has claimed them all; then so long its gateways to serve."""
CALLERS_MOVE_S: Final = 10.0
"""So long gateways serve beside those of the successor: whoever calls them is directed there meanwhile."""
ENTRIES_BEFORE: Final = 200
"""The successor may have told of its start so many entries before this process has noticed that it was taken over."""


class Former(Protocol):
    """The supervisor that has lost the store."""

    def handed_over(self) -> bool:
        """Whether the successor has claimed all shards."""


def hand_over(store_url: str, former: Former, own: int, told: int, gateways: int, stop: threading.Event) -> None:
    """Returns when everything of this Croupier may end; at once if `stop` is set.

    `own` and `told` are the numbers of its entries in the control log that tell of its start and of the take-over.
    """
    until = time.monotonic() + HAND_OVER_MAX_S
    while not former.handed_over() and time.monotonic() < until and not stop.wait(LOOK_S):
        pass
    if not gateways:
        return
    until, successor = time.monotonic() + HAND_OVER_MAX_S, _Successor(store_url, max(own, told - ENTRIES_BEFORE))
    while not successor.serves() and time.monotonic() < until and not stop.wait(LOOK_S):
        pass
    stop.wait(CALLERS_MOVE_S)


class _Successor:
    """Looked for in the control log behind entry `after`, each entry once."""

    def __init__(self, store_url: str, after: int) -> None:
        self._store_url, self._after = store_url, after

    def serves(self) -> bool:
        """Whether it has told so in what was not read yet."""
        try:
            while entries := later_entries(self._store_url, self._after):
                if any((entry.operation, entry.subject) == (COMMAND, STARTED) for _, entry in entries):
                    return True
                self._after = entries[-1][0]
        except StoreError as failure:
            log.warning("the store does not say whether the successor serves: %s", failure)
        return False
