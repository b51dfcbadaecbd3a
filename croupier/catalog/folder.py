"""Which files make a catalog, and how they are read from a folder or taken from a bundle sent over HTTP.

A bundle is `{name: content}` with names relative to the catalog folder. Only files with names of the forms below are
read. A name in a bundle can't lead out of the folder, because it is only compared and never opened.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from croupier.catalog.places import Problem
from croupier.catalog.problems import CatalogInvalid

FILE_BYTES_MAX: Final = 1 << 20
BUNDLE_BYTES_MAX: Final = 16 << 20
CAMPAIGNS_MAX: Final = 1000
WORKFLOWS_MAX: Final = 100
LOCALES_MAX: Final = 100

PLATFORM: Final = "platform.yaml"
GAMES: Final = "games.yaml"
FRAUD: Final = "fraud.yaml"
LEVELS: Final = "levels.yaml"
_TOP: Final = (PLATFORM, GAMES, FRAUD, LEVELS)
_FOLDERS: Final = {
    "campaigns": (".yaml", CAMPAIGNS_MAX),
    "workflows": (".yaml", WORKFLOWS_MAX),
    "locales": (".json", LOCALES_MAX),
}
_NAME: Final = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,199}")
_NOT_READ: Final = (
    "this file is not read; known here: platform.yaml, games.yaml, fraud.yaml, levels.yaml, "
    "campaigns/*.yaml, workflows/*.yaml, locales/*.json"
)


def belongs(name: str) -> bool:
    """Whether a file of that name is part of a catalog."""
    folder, slash, file = name.partition("/")
    if not slash:
        return name in _TOP
    return folder in _FOLDERS and file.endswith(_FOLDERS[folder][0]) and _NAME.fullmatch(file) is not None


def read_folder(folder: Path, problems: list[Problem] | None = None) -> dict[str, bytes]:
    """The files of the catalog in `folder` by name; what can't be read is noted in `problems` and left out.

    Raises `CatalogInvalid` if there is no folder; without `problems` it is raised for unreadable files, too.
    """
    noted: list[Problem] = [] if problems is None else problems
    if not folder.is_dir():
        raise CatalogInvalid([Problem(str(folder), 1, "there is no such folder to read a catalog from")])
    names = [path.relative_to(folder).as_posix() for path in _candidates(folder)]
    contents = {}
    for name in _limited(sorted(filter(belongs, names)), noted):
        if (content := _read(name, folder / name, noted)) is not None:
            contents[name] = content
    noted += [Problem(name, 1, _NOT_READ) for name in names if _looks_like_it(name)]
    if problems is None and noted:
        raise CatalogInvalid(noted)
    return contents


def take_bundle(files: Mapping[str, bytes], problems: list[Problem]) -> dict[str, bytes]:
    """The files of a bundle that belong to a catalog; foreign files, too large and too many ones are noted."""
    if (total := sum(map(len, files.values()))) > BUNDLE_BYTES_MAX:
        reason = f"all files together have {total} bytes; at most {BUNDLE_BYTES_MAX} are allowed"
        raise CatalogInvalid([Problem("bundle", 1, reason)])
    contents = {}
    for name in _limited(sorted(filter(belongs, files)), problems):
        if _small(name, files[name], problems):
            contents[name] = files[name]
    strangers = [name for name in files if not belongs(name) and not name.startswith("schema/")]
    problems += [Problem(_printable(name), 1, _NOT_READ) for name in strangers]
    return contents


def note_missing(contents: Mapping[str, bytes], problems: list[Problem]) -> None:
    """Notes the files that every catalog has, if they are missing and that has not been noted before."""
    noted = {problem.file for problem in problems}
    for name in (PLATFORM, GAMES):
        if name not in contents and name not in noted:
            problems.append(Problem(name, 1, "this file is missing"))


def _candidates(folder: Path) -> Iterable[Path]:
    """The files in the folder and in the known folders below it, except hidden ones."""
    patterns = ("*", *(f"{name}/*" for name in _FOLDERS))
    return [path for pattern in patterns for path in folder.glob(pattern) if not path.name.startswith(".")]


def _looks_like_it(name: str) -> bool:
    """Whether a file looks like part of the catalog.

    Ignoring it could mean that a campaign never runs.
    """
    return not belongs(name) and name.endswith((".yaml", ".yml", ".json"))


def _limited(names: list[str], problems: list[Problem]) -> list[str]:
    kept = [name for name in names if "/" not in name]
    for folder, (_, most) in _FOLDERS.items():
        inside = [name for name in names if name.startswith(f"{folder}/")]
        if len(inside) > most:
            reason = f"there are {len(inside)} {folder}; at most {most} are allowed, remove old ones"
            problems.append(Problem(folder, 1, reason))
        kept += inside[:most]
    return kept


def _read(name: str, path: Path, problems: list[Problem]) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        problems.append(Problem(name, 1, f"this file can't be read: {error.strerror}"))
        return None
    return content if _small(name, content, problems) else None


def _small(name: str, content: bytes, problems: list[Problem]) -> bool:
    if len(content) > FILE_BYTES_MAX:
        problems.append(Problem(name, 1, f"this file is too large: at most {FILE_BYTES_MAX} bytes are allowed"))
        return False
    return True


def _printable(name: str) -> str:
    return name[:200].encode("unicode_escape").decode()
