"""Namespaces around a run: whatever it starts, mounts or cuts is gone when it ends, even by SIGKILL.

The run has process, mount and network namespaces of its own. When its first process ends, the kernel kills all others
and removes mounts and interfaces. The first process dies with the one that was typed in the shell.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Final

INSIDE: Final = "CROUPIER_CHAOS_INSIDE"
FENCE: Final = ("unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--net")
STRANGER: Final = ("--user", "--map-root-user")
"""For somebody who is not root, where the machine lets everybody make namespaces."""
DIES_WITH_US: Final = ("setpriv", "--pdeathsig", "KILL")


class NoEnclosure(Exception):
    """The machine does not let us make namespaces. The message is one sentence."""


def fence() -> list[str]:
    """The command in front of a command that is to run in namespaces of its own. Raises NoEnclosure."""
    chosen = [*FENCE, *(STRANGER if os.geteuid() else ())]
    try:
        tried = subprocess.run([*DIES_WITH_US, *chosen, "true"], capture_output=True, text=True, timeout=20)
    except FileNotFoundError as missing:
        raise NoEnclosure(f"chaos needs the program {missing.filename}: apt install util-linux") from missing
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NoEnclosure(f"chaos needs process, mount and network namespaces: run it as root ({reason})")
    return chosen


def enclose(arguments: Sequence[str]) -> int:
    """Runs `python -m tests.chaos ARGUMENTS` in namespaces of its own; its exit code. Raises NoEnclosure."""
    command = [*DIES_WITH_US, *fence(), sys.executable, "-m", "tests.chaos", *arguments]
    running = subprocess.Popen(command, env={**os.environ, INSIDE: "1"})
    signal.signal(signal.SIGTERM, lambda *_: running.kill())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it comes to all of the terminal's processes: the run ends itself
    return running.wait()


def is_inside() -> bool:
    """Whether this process runs in namespaces that `enclose` made."""
    return INSIDE in os.environ


def as_first_process(run: Callable[[], int]) -> int:
    """Runs in a child. This process reaps whatever is orphaned, as the first one of a process namespace must."""
    child = os.fork()
    if child == 0:
        os._exit(_guarded(run))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        ended, status = os.wait()
        if ended == child:
            return os.waitstatus_to_exitcode(status)


def _guarded(run: Callable[[], int]) -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = run()
    except KeyboardInterrupt:
        print("interrupted: everything that was started ends now", flush=True)
        code = 130
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code
