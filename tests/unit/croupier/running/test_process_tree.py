"""All processes somebody has started, and only those."""

import os
import subprocess
import sys

from croupier.running.process_tree import descendants, kill_all, parent_of

GRANDPARENT = "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"


def test_children_of_children_are_found_and_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", GRANDPARENT], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        grandchild = int(child.stdout.readline())
        assert (parent_of(child.pid), parent_of(grandchild)) == (os.getpid(), child.pid)
        assert descendants(child.pid) == [grandchild]
        assert descendants(os.getpid()).index(child.pid) < descendants(os.getpid()).index(grandchild)
        kill_all([grandchild, child.pid])
        assert child.wait(5) == -9
    kill_all([child.pid])  # gone already: fine


def test_nobody_has_no_parent() -> None:
    assert parent_of(2**22 + 1) is None
    assert descendants(2**22 + 1) == []
