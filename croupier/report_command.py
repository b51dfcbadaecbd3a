"""`croupier report`: lists the reports, checks their files, makes one of them."""

import argparse
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from croupier.facts_places import add_places, archive_place, demand_extra, facts_folder
from croupier.integrations import IntegrationsInvalid
from croupier.reporting.told import Told, decode_begin, encode_told
from croupier.settings import SettingsInvalid
from snapshots.credentials import CredentialMissing
from snapshots.errors import StoreError

if TYPE_CHECKING:
    from croupier.reporting.making import Sources
    from feeds.reports.definition import Definition
    from feeds.reports.period import Period
    from feeds.reports.running import Asked
    from feeds.reports.shelf import Shelf

FAILED = 1
NICE = 10
"""So much a report that a gateway asked for stands behind spins."""
TYPES: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json", "pdf": "application/pdf"}


def add_report(parser: argparse.ArgumentParser) -> None:
    """The options of `croupier report`."""
    env = os.environ.get
    parser.description = "Without NAME: lists the reports. docs/reports.md says how to write one."
    parser.add_argument("name", nargs="?", metavar="NAME", help="which report")
    parser.add_argument("--from", dest="since", metavar="DAY|INSTANT",
                        help="the first moment of the period (default: the day before its end)")  # fmt: skip
    parser.add_argument("--to", dest="until", metavar="DAY|INSTANT",
                        help="the first moment after the period (default: the begin of today)")  # fmt: skip
    parser.add_argument("--time-zone", metavar="ZONE", help="for days, and for what the report shows (default: UTC)")
    parser.add_argument("--set", dest="given", action="append", default=[], metavar="PARAMETER=VALUE",
                        help="a parameter of the report; repeat for several")  # fmt: skip
    parser.add_argument("--format", choices=sorted(TYPES), default="csv", help="(%(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where it goes (default: standard output)")
    parser.add_argument("--reports", type=Path, default=env("CROUPIER_REPORTS"), metavar="DIR",
                        help="a folder with reports of your own, beside the shipped ones")  # fmt: skip
    parser.add_argument("--check", action="store_true",
                        help="check the files of all reports, or of NAME; exit 1 if one has a problem")  # fmt: skip
    parser.add_argument("--verify", type=Path, metavar="FILE",
                        help="check the signature of a report that was signed, from its JSON")  # fmt: skip
    parser.add_argument("--public-key", type=Path, metavar="FILE", help="the key that signed it: NAME+ID+BASE64")
    parser.add_argument("--as-they-are", action="store_true", help="ask the facts without bringing them up to date")
    parser.add_argument("--json", action="store_true", help="print the list of reports as JSON")
    parser.add_argument("--machine", action="store_true", help=argparse.SUPPRESS)
    add_places(parser)
    parser.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    if options.verify is not None:
        return _verify(options)
    try:
        demand_extra(*(("typst", "matplotlib") if options.format == "pdf" and options.name else ()))
    except SettingsInvalid as missing:
        if not options.machine:
            raise
        return _refuse(sys.stdout.buffer, Told(refused="report_failed", detail=str(missing)))
    if options.machine:
        _take_begin(options)
    return _with_shelf(options)


def _list(titles: Mapping[str, str], as_json: bool) -> None:
    if as_json:
        print(json.dumps([{"name": name, "title": title} for name, title in titles.items()], indent=2))
        return
    for name, title in titles.items():
        print(f"{name:28} {title}")


def _with_shelf(options: argparse.Namespace) -> int:
    from feeds.reports.shelf import read_shelf, shipped_reports

    folders = [shipped_reports(), *([Path(options.reports)] if options.reports else [])]
    shelf = read_shelf(folders, options.name)
    if not shelf.reports and not shelf.problems:
        shelf = read_shelf(folders)  # whoever asks for one that there isn't is told which there are
    if options.check:
        return _check(shelf, options.name)
    for problem in shelf.problems:
        print(problem, file=sys.stderr)
    if options.name is None:
        _list({name: definition.header.title for name, definition in sorted(shelf.reports.items())}, options.json)
        return FAILED if shelf.problems else 0
    from feeds.reports.session import confine

    confine()
    if options.machine:
        os.nice(NICE)
        threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    return _told(shelf, options) if options.machine else _for_people(shelf, options)


def _check(shelf: "Shelf", name: str | None) -> int:
    from feeds.reports.checking import check

    problems = list(shelf.problems)
    chosen = [definition for definition in shelf.reports.values() if name in (None, definition.name)]
    for definition in chosen:
        problems += check(definition)
    for problem in problems:
        print(problem)
    if name is not None and not chosen and not problems:
        raise SettingsInvalid(f"there is no report {name}; there are: {shelf.known()}")
    if not problems:
        print(f"{len(chosen)} reports: fine")
    return FAILED if problems else 0


def _verify(options: argparse.Namespace) -> int:
    """Whether the figures of a signed report are those that were signed; exit 1 if not."""
    from feeds.reports.signing import verify
    from snapshots.audit.notes import NoteInvalid, VerifierKey

    if options.public_key is None:
        raise SettingsInvalid("--verify needs --public-key FILE: the key that you know, of whoever signed it")
    try:
        document = json.loads(options.verify.read_text())
        keys = [VerifierKey.parsed(line) for line in options.public_key.read_text().splitlines() if line.strip()]
        verify(document, keys)
    except OSError as problem:
        raise SettingsInvalid(f"{problem.filename}: {problem.strerror}") from problem
    except (ValueError, KeyError, TypeError):
        raise SettingsInvalid(f"--verify {options.verify}: this is no report as JSON") from None
    except NoteInvalid as problem:
        print(f"{options.verify}: {problem}")
        return FAILED
    period = document["period"]
    print(f"{options.verify}: {document['name']}, {period['from']} up to {period['to']}: signed, and unchanged")
    return 0


class _Refused(Exception):
    """The report is not made; `told` says why."""

    def __init__(self, told: Told) -> None:
        super().__init__(told.detail)
        self.told = told


def _for_people(shelf: "Shelf", options: argparse.Namespace) -> int:
    """The report to where it was asked to go; what it says of itself to standard error."""
    try:
        with _asked(shelf, options) as (report, period):
            _say(report)
            with _output(options.output) as out:
                for piece in _bytes(report, period, options):
                    out.write(piece)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read has enough: no complaint at exit
        return FAILED
    except _Refused as refused:
        field = f"{refused.told.field}: " if refused.told.field else ""
        print(f"croupier: {field}{refused.told.detail}", file=sys.stderr)
        return FAILED
    return 0


def _say(report: "Asked") -> None:
    about = report.about
    print(f"{about.title}: {about.period.since} up to {about.period.until}, {about.time_zone}", file=sys.stderr)
    if about.checkpoint:
        print(f"checkpoint: {about.checkpoint}", file=sys.stderr)
    if about.provisional:
        print("provisional: the archive does not cover the whole period yet", file=sys.stderr)
    for difference in about.differences:
        print(f"differs: {difference.what}: {difference.report} here, {difference.counter} there", file=sys.stderr)
    if about.note:
        print(about.note, file=sys.stderr)


@contextmanager
def _output(path: Path | None) -> Iterator[BinaryIO]:
    """A file is there whole, or not at all."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with aside.open("wb") as out:
            yield out
        aside.replace(path)
    except OSError as error:
        raise SettingsInvalid(f"--output {path}: {error.strerror}") from error
    finally:
        aside.unlink(missing_ok=True)


def _told(shelf: "Shelf", options: argparse.Namespace) -> int:
    """For another process: one line that tells what comes, then the bytes."""
    out = sys.stdout.buffer
    try:
        with _asked(shelf, options) as (report, period):
            pieces = _bytes(report, period, options)
            first = next(pieces, b"")
            about = report.about
            out.write(encode_told(Told(TYPES[options.format], about.provisional, about.reconciled)))
            out.write(first)
            for piece in pieces:
                out.write(piece)
            out.flush()
    except _Refused as refused:
        return _refuse(out, refused.told)
    except (SettingsInvalid, IntegrationsInvalid) as problem:
        return _refuse(out, Told(refused="report_failed", detail=str(problem)))
    return 0


def _take_begin(options: argparse.Namespace) -> None:
    """Takes over what the process that asked says on the first line of standard input (see `Begin`)."""
    begin = decode_begin(_line(sys.stdin.fileno()))
    options.store = begin.store
    options.integrations = Path(begin.integrations) if begin.integrations else options.integrations
    options.reports = Path(begin.reports) if begin.reports else options.reports
    os.environ.update(begin.secrets)  # of this process alone: what others see of its environment stays as it was


def _line(source: int) -> bytes:
    """The first line, and nothing behind it."""
    read = bytearray()
    while not read.endswith(b"\n") and (byte := os.read(source, 1)):
        read += byte
    return bytes(read)


def _end_with_parent() -> None:
    """Standard input is a pipe from the process that asked: its end is the end of that process."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(FAILED)


def _refuse(out: BinaryIO, told: Told) -> int:
    out.write(encode_told(told))
    out.flush()
    return FAILED


@contextmanager
def _asked(shelf: "Shelf", options: argparse.Namespace) -> "Iterator[tuple[Asked, Period]]":
    """The report that the options name. Raises _Refused for all that can be wrong with it."""
    from croupier.reporting.making import made
    from feeds.facts.manifest import FactsUnusable
    from feeds.reports.period import RequestInvalid, read_period
    from feeds.reports.session import ReportFailed

    try:
        definition = _definition(shelf, options.name)
        period = read_period(options.since, options.until, options.time_zone, lambda: datetime.now(UTC))
        with made(definition, period, _given(options.given), _sources(options)) as report:
            yield _signed(report, options) if definition.header.signed else report, period
    except RequestInvalid as invalid:
        raise _Refused(Told(refused="invalid_request", field=invalid.field, detail=str(invalid))) from None
    except ReportFailed as failure:
        where = f"{definition.path}:{failure.line}: " if failure.line else ""
        raise _Refused(Told(refused="report_failed", detail=f"{where}{failure}")) from None
    except MemoryError:
        raise _Refused(Told(refused="report_failed", detail="The report needs more memory than it may have.")) from None
    except (FactsUnusable, StoreError, CredentialMissing) as problem:
        raise _Refused(Told(refused="report_failed", detail=str(problem))) from None


def _signed(report: "Asked", options: argparse.Namespace) -> "Asked":
    """The report with the signature of the audit's key, if that key is here."""
    from croupier.reporting.signing import audit_signer
    from feeds.reports.signing import signed

    signer = audit_signer(options.store, options.integrations, report.about.checkpoint)
    return report if signer is None else signed(report, signer)


def _definition(shelf: "Shelf", name: str) -> "Definition":
    if name not in shelf.reports:
        detail = f"There is no report {name[:64]!a}; there are: {shelf.known()}."
        raise _Refused(Told(refused="report_not_found", detail=detail))
    return shelf.reports[name]


def _given(texts: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsInvalid(f"--set {text}: NAME=VALUE is due here")
        found[name] = value
    return found


def _sources(options: argparse.Namespace) -> "Sources":
    from croupier.reporting.making import Sources

    kind, _, where = options.store.partition(":")
    there = kind != "sqlite" or Path(where).is_dir()
    place = None if options.as_they_are else archive_place(options)
    return Sources(facts_folder(options), place, options.store if there else None)


def _bytes(report: "Asked", period: "Period", options: argparse.Namespace) -> Iterator[bytes]:
    from feeds.reports.writing import as_csv, as_json

    if options.format == "pdf":
        # Whoever has no home of its own would list the machine's fonts anew for each report, which takes seconds.
        os.environ.setdefault("MPLCONFIGDIR", str(facts_folder(options) / ".matplotlib"))
        from feeds.reports.pages import as_pdf

        return iter([as_pdf(report, period)])
    return as_csv(report) if options.format == "csv" else as_json(report)
