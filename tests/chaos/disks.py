"""Small disks that can be filled up."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILLING = "filled-up-by-chaos"


def put_at(folder: Path, place: Path) -> None:
    """What this run has at `place`, a folder that others use too, lies in `folder`: others see nothing of it."""
    folder.mkdir(parents=True)
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "--bind", str(folder), str(place)], check=True, capture_output=True)


class Disk:
    """A disk of so many megabytes at `folder`, in memory."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "chaos", str(folder)]
        subprocess.run(command, check=True, capture_output=True)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Not a byte is free."""
        filling = self.folder / FILLING
        with filling.open("wb", buffering=0) as file:
            for size in (1_048_576, 4_096, 1):
                self._write_all(file.fileno(), b"\0" * size)
        try:
            yield
        finally:
            filling.unlink()

    @staticmethod
    def _write_all(file: int, chunk: bytes) -> None:
        try:
            while os.write(file, chunk) == len(chunk):
                pass
        except OSError:
            return
