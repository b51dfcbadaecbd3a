"""The `croupier` command as somebody types it, but run in this process: another takes seconds to import everything."""

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple
from unittest.mock import patch

from croupier.cli import main
from tests.support.croupier_up import environment


class Typed(NamedTuple):
    """How the command ended, as `subprocess` would tell it."""

    returncode: int
    stdout: str
    stderr: str


def typed(*arguments: str, **env: str) -> Typed:
    """Runs the command to its end; `env` is added to the environment, where nothing else changes settings."""
    out, err = io.StringIO(), io.StringIO()
    with patch.dict(os.environ, environment(**env), clear=True), redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
    return Typed(code, out.getvalue(), err.getvalue())
