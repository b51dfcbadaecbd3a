"""`integrations.yaml`: read and checked, and what runs because of it.

`check_file` answers everything that is wrong; `load_integrations` raises `IntegrationsInvalid`. The command line and
the processes call this package; `connecting` tries what the file names.
"""

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from msgspec import inspect

from croupier.catalog.places import Place, Problem, parse
from croupier.integrations.typed import WRONG, TypedReader
from feeds.credentials import CredentialMissing
from feeds.integrations import Integrations

FILE_BYTES_MAX: Final = 1_048_576


class IntegrationsInvalid(Exception):
    """The file can't be used. `problems` lists everything that is wrong; as text, each is one line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)


class Checked(NamedTuple):
    """A checked file. `integrations` is to be used only if there are no `problems`.

    `missing`: secrets that are not where the file says; a process on another machine may have them.
    """

    integrations: Integrations
    problems: tuple[Problem, ...]
    missing: tuple[Problem, ...]


def load_integrations(path: Path, with_secrets: bool) -> Integrations:
    """The file's integrations. `with_secrets`: a secret that this process can't read is a problem.

    Raises IntegrationsInvalid.
    """
    checked = check_file(path)
    problems = checked.problems + (checked.missing if with_secrets else ())
    if problems:
        raise IntegrationsInvalid(problems)
    return checked.integrations


def check_file(path: Path) -> Checked:
    """Everything that is wrong with the file."""
    problems: list[Problem] = []
    content = _content(path, problems)
    if content is None:
        return Checked(Integrations(), tuple(problems), ())
    top = parse(str(path), content, problems)
    reader = TypedReader()
    found = reader.read(top, inspect.type_info(Integrations)) if top.node is not None else WRONG
    sound = found if isinstance(found, Integrations) else Integrations()
    _convert_again(top, sound)
    missing = [] if problems else _missing(reader)
    return Checked(sound, tuple(sorted(dict.fromkeys(problems))), tuple(missing))


def _content(path: Path, problems: list[Problem]) -> bytes | None:
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            problems.append(Problem(str(path), 1, "this is not a file"))
        elif about.st_size > FILE_BYTES_MAX:
            problems.append(Problem(str(path), 1, f"the file is larger than {FILE_BYTES_MAX} bytes"))
        else:
            return path.read_bytes()
    except OSError as error:
        problems.append(Problem(str(path), 1, f"the file can't be read: {error.strerror}"))
    return None


def _convert_again(top: Place, found: Integrations) -> None:
    """The processes get the settings as JSON: what they would refuse is refused here."""
    try:
        msgspec.json.decode(msgspec.json.encode(found), type=Integrations)
    except msgspec.ValidationError as refusal:
        top.problem(str(refusal))


def _missing(reader: TypedReader) -> list[Problem]:
    found = []
    for place, secret in reader.secrets:
        try:
            secret.read()
        except CredentialMissing as problem:
            found.append(Problem(place.file, place.line, str(problem)))
    return sorted(dict.fromkeys(found))
