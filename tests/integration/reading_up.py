"""`croupier` with readers of the tests: `python -m tests.integration.reading_up up …`.

FOLDER_OF_READERS names where they write. Run by the tests as a process of its own.
"""

import os
import sys

import msgspec

from actors.settings import ReaderPlan
from croupier import cli
from croupier.settings import Settings

NAMES = ("archive", "bus")


def plans() -> tuple[ReaderPlan, ...]:
    """Two readers that write what they read into files."""
    folder = os.environ["FOLDER_OF_READERS"]
    encode = msgspec.json.encode
    factory = "tests.integration.file_sink.make"
    return tuple(ReaderPlan(name, factory, encode({"path": f"{folder}/{name}"})) for name in NAMES)


def main() -> int:
    """The command line, with readers in its settings."""
    checked = cli.checked

    def with_readers(settings: Settings) -> Settings:
        return checked(msgspec.structs.replace(settings, readers=plans()))

    cli.checked = with_readers
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
