"""Follows a catalog folder: a commit checked out there is a deploy (GitOps); a broken one is refused.

The folder is read once a second; a change counts when two looks in a row find the same files, so that a half-finished
check-out is never deployed.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from croupier.catalog import CatalogInvalid, check_files, content_hash
from croupier.catalog.folder import read_folder
from croupier.catalog.places import Problem

log = logging.getLogger("croupier.catalog")

LOOK_INTERVAL_S: Final = 1.0
PROBLEMS_LOGGED_MAX: Final = 20

Bundle = Mapping[str, bytes]
_Seen = tuple[str, tuple[Problem, ...]]


class CatalogWatch:
    """Calls `deploy` with each new sound bundle, `refused` with the problems of each new broken one.

    `running` is the version in force at the start. `deploy` raises CatalogInvalid if the bundle is refused after all,
    and an OSError if nobody could be asked; then the next look tries again. `followed` is called with the version
    whenever the folder and the running catalog agree again.
    """

    def __init__(
        self,
        folder: Path,
        running: str,
        deploy: Callable[[Bundle], None],
        refused: Callable[[Sequence[Problem]], None],
        followed: Callable[[str], None],
    ) -> None:
        self._folder, self._deploy, self._refused, self._followed = folder, deploy, refused, followed
        self._done: _Seen = (running, ())
        self._pending: _Seen | None = None

    def run(self, stop: threading.Event, interval_s: float = LOOK_INTERVAL_S) -> None:
        """Looks every `interval_s` seconds until `stop` is set."""
        while not stop.wait(interval_s):
            self.look()

    def look(self) -> None:
        """One look at the folder."""
        problems: list[Problem] = []
        try:
            files = read_folder(self._folder, problems)
        except CatalogInvalid as gone:
            files, problems = {}, gone.problems
        seen = (content_hash(files), tuple(problems))
        if seen == self._done:
            self._pending = None
        elif seen != self._pending:
            self._pending = seen
        elif self._settle(files, problems):
            self._done, self._pending = seen, None

    def _settle(self, files: Bundle, problems: list[Problem]) -> bool:
        """Deploys the files or refuses them. False if nobody could be asked, so that it must be tried again."""
        checked = check_files(files, problems, self._folder)
        try:
            self._deploy_sound(files, checked.problems)
        except CatalogInvalid as invalid:
            for problem in invalid.problems[:PROBLEMS_LOGGED_MAX]:
                log.error("catalog refused: %s", problem)
            self._refused(invalid.problems)
        except OSError as failure:
            log.warning("catalog %s could not be deployed, trying again: %s", checked.catalog.version, failure)
            return False
        else:
            self._followed(checked.catalog.version)
        return True

    def _deploy_sound(self, files: Bundle, problems: Sequence[Problem]) -> None:
        if problems:
            raise CatalogInvalid(problems)
        self._deploy(files)
