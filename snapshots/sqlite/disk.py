"""How full the disk under the store is."""

import shutil
from pathlib import Path
from typing import Final

from snapshots.errors import StoreUnavailable

LOOKED_AT_BYTES: Final = 8 * 1_073_741_824
"""Of a larger disk only the last 8 GiB count: what else lies there does not matter while they are free."""


def fill(folder: Path) -> float:
    """Share of the disk's last 8 GiB that is in use; of the whole disk if it is smaller. Raises StoreUnavailable."""
    try:
        disk = shutil.disk_usage(folder)
    except OSError as error:
        raise StoreUnavailable(f"the disk of {folder} can't be asked: {error.strerror}") from error
    return max(0.0, 1 - disk.free / min(disk.total, LOOKED_AT_BYTES))
