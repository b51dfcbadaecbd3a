"""A process that works on other people's data fails before it takes the machine's memory."""

import subprocess
import sys

TRIES = """
import resource
from feeds.confining import limit_memory
limit_memory(1_024)
limit_memory(256)
print(resource.getrlimit(resource.RLIMIT_DATA)[0] >> 20)
try:
    bytearray(512 << 20)
except MemoryError:
    print("refused")
"""


def test_more_memory_than_the_limit_is_refused() -> None:
    made = subprocess.run([sys.executable, "-c", TRIES], capture_output=True, text=True, check=True, timeout=50)
    assert made.stdout.split() == ["256", "refused"]
