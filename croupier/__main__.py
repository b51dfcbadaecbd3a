"""`croupier`, and `python -m croupier`: the command in a process of its own."""

import atexit
import contextlib
import os
import sys
from typing import NoReturn

from croupier.cli import main


def run() -> NoReturn:
    """Runs what was typed, and ends the process with its exit code."""
    code = main()
    if "obstore" in sys.modules:
        _end_now(code)
    sys.exit(code)


def _end_now(code: int) -> NoReturn:
    """As the interpreter would end, but without taking itself apart.

    The archive's client has threads that no Python code can end. One that still gives back what it held while the
    interpreter is being taken apart would abort the process, after all work was done (seen with obstore 0.12).
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - it is what ends an interpreter, too
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    run()
