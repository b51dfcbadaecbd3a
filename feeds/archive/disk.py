"""The few things the spool asks of the local disk, so that tests can break each of them."""

import os
from pathlib import Path


class Disk:
    """Files of one folder. Every call may raise OSError."""

    def append(self, handle: int, content: bytes) -> None:
        """Writes all of it at the end of an open file, and waits until it is on the disk."""
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        os.fdatasync(handle)

    def open(self, path: Path) -> int:
        """A file to append to; it is there after a crash, too."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self.sync_folder(path.parent)
        return handle

    def truncate(self, handle: int, size: int) -> None:
        """Drops what follows the first `size` bytes."""
        os.ftruncate(handle, size)
        os.fdatasync(handle)

    def rename(self, path: Path, to: Path) -> None:
        """Renames a file for good."""
        path.rename(to)
        self.sync_folder(to.parent)

    def replace(self, path: Path, content: bytes) -> None:
        """Writes a small file whole: after a crash it is the old one or the new one."""
        new = path.with_name(path.name + ".new")
        new.write_bytes(content)
        handle = os.open(new, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        self.rename(new, path)

    def remove(self, path: Path) -> None:
        """Removes a file. It may be there again after a crash."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """What was made and renamed in the folder stays so after a crash."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
