"""`croupier audit`: verifies an archive, checks a receipt, shows the key that signs, exports what others can read."""

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from croupier.settings import SettingsInvalid
from snapshots.archive.place import ArchivePlace
from snapshots.credentials import Credential

if TYPE_CHECKING:
    from croupier.audit.balances import Expected
    from croupier.audit.verifying import Progress, Report

FAILED = 1
FILE_BYTES_MAX = 1_073_741_824
TELL_S = 2.0


def add_audit(parser: argparse.ArgumentParser) -> None:
    """The actions of `croupier audit`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    verify = actions.add_parser(
        "verify", help="check an archive's bytes, chains, tree and balances; exit 1 if it fails"
    )
    _add_place(verify)
    verify.add_argument("--public-key", type=Path, action="append", default=[], metavar="FILE",
                        help="the verifier key you were given, NAME+ID+BASE64; else the archive's own")  # fmt: skip
    verify.add_argument("--since", type=Path, action="append", default=[], metavar="CHECKPOINT",
                        help="a checkpoint that you kept, or a folder of them: the log grew from it")  # fmt: skip
    verify.add_argument("--receipt", type=Path, action="append", default=[], metavar="FILE",
                        help="also check a receipt, and that the tree has it")  # fmt: skip
    verify.add_argument("--balances", type=Path, metavar="FILE",
                        help="compare: CSV with the columns player_id, version, real, bonus (minor units)")  # fmt: skip
    verify.add_argument(
        "--store", metavar="URL", help="compare with the snapshots of this store, sqlite:DIR or redis://…"
    )
    verify.add_argument("--processes", type=int, choices=range(17), metavar="N",
                        help="that recompute players, 0 to 16 (default: one per CPU for a large archive)")  # fmt: skip
    verify.add_argument("--json", action="store_true", help="print the report as JSON")
    verify.set_defaults(command=_verify)
    export = actions.add_parser("export", help="copy an archive, uncompressed, with the program that verifies it alone")
    _add_place(export)
    export.add_argument("target", type=Path, metavar="TARGET", help="a folder; what is there already stays")
    export.set_defaults(command=_export)


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("archive", metavar="DIR|URL", help="a folder, or s3://BUCKET/PREFIX")
    parser.add_argument("--endpoint", help="of an S3-compatible service other than Amazon's")
    parser.add_argument("--region", help="of the bucket")
    parser.add_argument("--access-key-id-env", metavar="NAME", help="the environment variable with the bucket's key id")
    parser.add_argument("--secret-access-key-env", metavar="NAME", help="the environment variable with its secret")


def _place(options: argparse.Namespace) -> ArchivePlace:
    if "://" not in options.archive and not Path(options.archive).is_dir():
        raise SettingsInvalid(f"{options.archive}: there is no such folder")
    key_id, secret = options.access_key_id_env, options.secret_access_key_env
    try:
        return ArchivePlace(
            url=options.archive,
            endpoint=options.endpoint,
            region=options.region,
            access_key_id=Credential(env=key_id) if key_id else None,
            secret_access_key=Credential(env=secret) if secret else None,
        )
    except ValueError as problem:
        raise SettingsInvalid(f"--access-key-id-env and --secret-access-key-env: {problem}") from problem


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise SettingsInvalid(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        return path.read_text()
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsInvalid(f"{path} can't be read: {getattr(problem, 'strerror', None) or problem}") from problem


def _keys(options: argparse.Namespace) -> list[str]:
    return [line for path in options.public_key for line in _text(path).splitlines() if line.strip()]


def _since(options: argparse.Namespace) -> list[tuple[str, str]]:
    files: list[Path] = []
    for path in options.since:
        files += sorted(path.rglob("*.note")) if path.is_dir() else [path]
    return [(str(path), _text(path)) for path in files]


def _verify(options: argparse.Namespace) -> int:
    from actors.host.garbage import rarely_collect_garbage
    from croupier.audit.expecting import balances_file, snapshots_of
    from croupier.audit.receipts import check_receipts
    from croupier.audit.verifying import Wanted, verify
    from snapshots.audit.notes import NoteInvalid
    from snapshots.errors import StoreError

    rarely_collect_garbage()
    place = _place(options)
    expected: Mapping[str, Expected] = {}
    if options.balances is not None:
        expected = balances_file(options.balances, _text(options.balances))
    try:
        if options.store is not None:
            expected = {**expected, **asyncio.run(snapshots_of(options.store))}
        wanted = Wanted(
            place=place, keys=_keys(options), since=_since(options), expected=expected, processes=options.processes
        )
        report = asyncio.run(verify(wanted, _progress(options.json)))
        receipts = [(str(path), _text(path).encode()) for path in options.receipt]
        asyncio.run(check_receipts(place, wanted.keys, receipts, report))
    except NoteInvalid as problem:
        raise SettingsInvalid(f"--public-key: {problem}") from problem
    except StoreError as problem:
        raise SettingsInvalid(f"the archive can't be verified: {problem}") from problem
    _show(report, options)
    if (options.store is not None or options.balances is not None) and report.players and not report.compared:
        print(
            f"NOTHING COMPARED: of {len(expected)} balances asserted, none is of a player and version of this archive. "
            "Is it the archive of that store, and has the store snapshots yet?",
            file=sys.stderr,
        )
        return FAILED
    return 0 if report.sound else FAILED


def _export(options: argparse.Namespace) -> int:
    from croupier.audit.exporting import export
    from snapshots.archive.bucket import open_bucket
    from snapshots.errors import StoreError

    try:
        count = asyncio.run(export(open_bucket(_place(options)), options.target))
    except (StoreError, OSError) as problem:
        raise SettingsInvalid(f"the archive can't be exported: {problem}") from problem
    print(f"{count} objects are in {options.target}; verify them: python3 {options.target}/verify.py archive "
          f"{options.target} --public-key KEY")  # fmt: skip
    return 0


def _progress(quiet: bool) -> "Progress":
    """Tells how far it is, every other second, where somebody looks."""
    told_s = time.monotonic()

    def tell(done: int, of: int, leaves: int) -> None:
        nonlocal told_s
        if not quiet and time.monotonic() - told_s >= TELL_S:
            told_s = time.monotonic()
            print(f"verified {done} of {of} objects, {leaves} leaves", file=sys.stderr, flush=True)

    return tell


def _show(report: "Report", options: argparse.Namespace) -> None:
    if options.json:
        print(msgspec.json.format(msgspec.json.encode({**_as_dict(report), "sound": report.sound}), indent=2).decode())
        return
    for fault in report.faults:
        print(fault)
    if report.fault_count > len(report.faults):
        print(f"… and {report.fault_count - len(report.faults)} more")
    for line in _summary(report):
        print(line)


def _as_dict(report: "Report") -> dict[str, object]:
    found: dict[str, object] = msgspec.to_builtins(report)
    return found


def _summary(report: "Report") -> list[str]:
    rate = report.entries / report.seconds if report.seconds else 0
    lines = [
        f"log: {report.origin or 'unsigned'}, {report.leaves} leaves, of which checkpoints cover {report.covered}",
        f"root: {report.root}",
        f"checkpoints: {report.proven_checkpoints} proven, of {report.checkpoints} in the archive and "
        f"{len(report.since)} that you kept",
        f"journal: {report.records} records, {report.sealed_records} of them sealed in part; "
        f"{report.entries} entries of {report.players} players",
        f"recomputed: {report.recomputed} entries; {report.partial_players} players begin before the archive; "
        f"{report.compared} balances compared",
    ]
    lines += [
        f"total {currency}: {each.players} players, real {each.real}, bonus {each.bonus} (minor units)"
        for currency, each in sorted(report.totals.items())
    ]
    if report.waiting:
        lines.append(f"not in the tree yet: {report.waiting} segments, the newest ones")
    if report.own_keys:
        lines.append(
            "signatures were checked with the key that lies in the archive: name the one you know, --public-key"
        )
    if not report.since:
        lines.append("nothing was kept from before: whoever has the signing key could have written all anew, --since")
    verdict = "sound" if report.sound else f"NOT SOUND: {report.fault_count} faults"
    return [*lines, f"{verdict}; {report.seconds:.1f} s, {rate:,.0f} entries/s"]
