"""DuckDB over a folder of facts, confined: so much memory, two threads, nothing of the machine but those files.

It belongs into a process of its own: `confine` limits the whole process.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb

from feeds.confining import limit_memory
from feeds.facts.locking import SPILL, reading
from feeds.facts.manifest import FactsUnusable, Manifest, load
from feeds.reports.period import RequestInvalid
from feeds.reports.views import statements

MEMORY_MIB: Final = 512
"""What DuckDB keeps in memory; beyond, it writes to a temporary folder."""
PROCESS_MIB: Final = 2_048
"""Private memory of the whole process that the operating system grants, most of which is never touched."""
THREADS: Final = 2
SPILL_MAX: Final = "20GB"


class ReportFailed(Exception):
    """The report's SQL failed. `line` is the line of its file, 0 if that is not known."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.line = line


def confine() -> None:
    """From now on this process can't have more memory than that: it fails instead of taking the machine's."""
    limit_memory(PROCESS_MIB)


class Session:
    """One connection: views over the facts that were in force when it was opened."""

    def __init__(self, connection: Any, manifest: Manifest) -> None:
        self._connection, self.manifest = connection, manifest

    def ask(self, sql: str, values: Mapping[str, Any]) -> Any:
        """Runs one SELECT, with those of the values that it names; rows come as they are fetched.

        Raises ReportFailed.
        """
        try:
            statement = self._one(sql)
            named = statement.named_parameters
            missing = sorted(named - values.keys())
            if missing:
                raise ReportFailed(f"the SQL names ${missing[0]}, which is no parameter of the report")
            return self._connection.execute(statement, {name: values[name] for name in named})
        except duckdb.Error as error:
            raise failed(error) from None

    def _one(self, sql: str) -> Any:
        found = self._connection.extract_statements(sql)
        if len(found) != 1 or found[0].type != duckdb.StatementType.SELECT:
            raise ReportFailed("a report is one SELECT, and nothing else")
        return found[0]


def failed(error: duckdb.Error) -> ReportFailed:
    """The first line of what DuckDB says, without its own picture of the SQL; and the line of the file."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return ReportFailed(f"it needs more than {MEMORY_MIB} MiB of memory: ask for less at a time")
    said, _, picture = str(error).partition("\n\nLINE ")
    number = picture.partition(":")[0]
    return ReportFailed(" ".join(said.split())[:500], int(number) if number.isdigit() else 0)


def fetched(cursor: Any, count: int) -> list[tuple[Any, ...]]:
    """The next rows, at most so many; none at the end. Raises ReportFailed."""
    try:
        rows: list[tuple[Any, ...]] = cursor.fetchmany(count)
    except duckdb.Error as error:
        raise failed(error) from None
    return rows


@contextmanager
def opened(folder: Path, zone: str) -> Iterator[Session]:
    """A session in a time zone. Files that are in force stay until it ends.

    Raises FactsUnusable, RequestInvalid.
    """
    if not folder.is_dir():
        raise FactsUnusable(f"there are no facts in {folder}: croupier facts rebuild makes them")
    with reading(folder), TemporaryDirectory(prefix=SPILL, dir=folder) as spill:
        manifest = load(folder)
        connection = duckdb.connect(":memory:", config=_settings(spill))
        try:
            _set_zone(connection, zone)
            _prepare(connection, folder, manifest)
            yield Session(connection, manifest)
        finally:
            connection.close()


def _settings(spill: str) -> dict[str, Any]:
    return {
        "memory_limit": f"{MEMORY_MIB}MiB",
        "threads": THREADS,
        "temp_directory": spill,
        "max_temp_directory_size": SPILL_MAX,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "preserve_insertion_order": False,
    }


def _set_zone(connection: Any, zone: str) -> None:
    """Raises RequestInvalid if DuckDB does not know the time zone."""
    try:
        connection.execute(f"SET TimeZone='{zone}'")
    except duckdb.Error:
        raise RequestInvalid("time_zone", f"{zone!a} can't be used in reports; Europe/Berlin can") from None


def _prepare(connection: Any, folder: Path, manifest: Manifest) -> None:
    """From now on nothing outside the folder can be opened. A SELECT can't write, and nothing else is run.

    Raises FactsUnusable.
    """
    listed = "'" + str(folder).replace("'", "''") + "'"
    connection.execute(f"SET allowed_directories=[{listed}]")
    connection.execute("SET enable_external_access=false")
    try:
        for statement in statements(folder, manifest.files):
            connection.execute(statement)
    except duckdb.Error as error:
        raise FactsUnusable(f"the facts in {folder} can't be read: {str(error).splitlines()[0][:300]}") from None
    connection.execute("SET lock_configuration=true")
