"""`facts.json`: which files are in force, and how far the archive was read. What it does not name does not count."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

NAME: Final = "facts.json"
FORMAT: Final = 1


class FactsUnusable(Exception):
    """The folder of facts can't be used. The message is one sentence for whoever typed the command."""


class FactsFile(msgspec.Struct, frozen=True):
    """A Parquet file: rows of one family and day, from the archive's segments `first` to `last`."""

    path: str
    family: str
    day: str
    first: int
    last: int
    rows: int


class ShardEnd(msgspec.Struct, frozen=True):
    """How far the facts are with a shard: its log's epoch, the record in it, and when its last entry was (Unix ms)."""

    epoch: int
    seq: int
    time_ms: int = 0


class LogRead(msgspec.Struct, frozen=True):
    """What was read of one log: all records up to `last`, but for those in `gaps` (first and last of each)."""

    last: int = 0
    gaps: Sequence[tuple[int, int]] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`through` is the last segment that was read, 0 for none, and `ends` are the shards' ends.

    `begin` is the first segment that was read: facts that were begun later than the archive lack what was before.
    `recent` are the last segments that were read, and `logs` the last logs, by which late segments are told apart.
    """

    format: int = FORMAT
    begin: int = 0
    first: str = ""
    """The name and hash of the first segment's index: of which archive these facts are."""
    whole: bool = True
    """Whether they begin where the archive begins."""
    through: int = 0
    recent: Sequence[int] = ()
    ends: Mapping[str, ShardEnd] = {}
    logs: Mapping[str, LogRead] = {}
    files: Sequence[FactsFile] = ()


def load(folder: Path) -> Manifest:
    """What is in force in the folder; an empty manifest if nothing is. Raises FactsUnusable."""
    path = folder / NAME
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return Manifest()
    except OSError as error:
        raise FactsUnusable(f"{path} can't be read: {error.strerror}") from error
    try:
        found = msgspec.json.decode(raw, type=Manifest)
    except msgspec.DecodeError as error:
        raise FactsUnusable(f"{path} is damaged ({error}): delete the folder, facts are made anew") from None
    if found.format != FORMAT:
        raise FactsUnusable(
            f"{path} is of format {found.format}, and this version of Croupier writes {FORMAT}: delete the folder"
        )
    return found


def save(folder: Path, manifest: Manifest) -> None:
    """Puts it in force, at once or not at all."""
    aside = folder / f".{NAME}.part"
    with aside.open("wb") as out:
        out.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        out.flush()
        os.fsync(out.fileno())
    aside.replace(folder / NAME)
