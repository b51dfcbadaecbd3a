"""`croupier` with readers of the tests: `python -m tests.integration.reading_up up …`.

FOLDER_OF_READERS names where they write. Run by the tests as a process of its own.
"""

import os
import sys

import msgspec

from actors.settings import ReaderPlan
from croupier import cli
from croupier.running import up

NAMES = ("archive", "bus")


def plans() -> tuple[ReaderPlan, ...]:
    """Two readers that write what they read into files, the archive first."""
    folder = os.environ["FOLDER_OF_READERS"]
    encode = msgspec.json.encode
    factory = "tests.integration.file_sink.make"
    return tuple(ReaderPlan(name, factory, encode({"path": f"{folder}/{name}"})) for name in NAMES)


def main() -> int:
    """The command line, with these readers in the place of those that are configured."""
    up.reader_plans = lambda _integrations, archive, _store: plans()[archive is None :]
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
