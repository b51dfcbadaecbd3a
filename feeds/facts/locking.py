"""Who may write a folder of facts, and who reads it: locks of the operating system, which end with their process."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from feeds.facts.manifest import FactsUnusable

WAIT_S: Final = 600
SPILL: Final = ".spill-"
"""With this begin the folders into which reports write what does not fit into memory."""
_LOOK_S: Final = 0.1
_WRITING, _READING = ".writing", ".reading"


@contextmanager
def writing(folder: Path, wait_s: float = WAIT_S) -> Iterator[None]:
    """One rebuild at a time. Raises FactsUnusable if another one takes longer than `wait_s`."""
    deadline = time.monotonic() + wait_s
    with (folder / _WRITING).open("w") as lock:
        while not _taken(lock.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise FactsUnusable(f"{folder} is being rebuilt by another process for more than {wait_s:.0f} s")
            time.sleep(_LOOK_S)
        yield


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Files that are in force now stay where they are until this ends, even if others replace them."""
    with (folder / _READING).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


@contextmanager
def removing(folder: Path) -> Iterator[bool]:
    """Whether nobody reads: then files that are not in force may be removed."""
    with (folder / _READING).open("w") as lock:
        yield _taken(lock.fileno(), fcntl.LOCK_EX)


def _taken(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
