"""A report that is signed: a signed note about its figures, by the key that signs the archive's checkpoints.

The note names the report, its period, and the SHA-256 of what it says: the JSON of `SIGNED` and `rows`, keys in order,
without spaces. Whoever has the report as JSON can check it (docs/reports-shipped.md).
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from feeds.reports.cells import plain
from feeds.reports.running import Asked, Row
from feeds.reports.session import ReportFailed
from snapshots.audit.notes import NoteInvalid, Signer, VerifierKey, opened

ROWS_MAX: Final = 100_000
"""Of a signed report: they are in memory while they are signed."""
SIGNED: Final = (
    *("name", "period", "time_zone", "parameters", "provisional", "checkpoint"),
    *("reconciled", "differences", "columns"),
)
"""What is signed beside the rows: also what the report warns of, and how its columns are to be read."""


def signed(asked: Asked, signer: Signer) -> Asked:
    """The report with its note. Raises ReportFailed if it has too many rows."""
    names = [column.name for column in asked.about.columns]
    rows: list[Row] = []
    for row in asked.rows:
        if len(rows) == ROWS_MAX:
            raise ReportFailed(f"a signed report has at most {ROWS_MAX} rows: choose a shorter period")
        rows.append(row)
    said = msgspec.to_builtins(asked.about)
    shown = [dict(zip(names, map(plain, row), strict=True)) for row in rows]
    note = signer.sign_text(_text(signer.origin, said, shown))
    return Asked(msgspec.structs.replace(asked.about, signature=note), iter(rows), asked.charts, asked.fleeting)


def verify(document: Mapping[str, Any], keys: Sequence[VerifierKey]) -> None:
    """Checks a report that was read from its JSON. Raises NoteInvalid, in words."""
    note = document.get("signature")
    if not note:
        raise NoteInvalid("the report is not signed")
    text = opened(str(note), keys)
    if text != _text(text.partition("\n")[0], document, document["rows"]):
        raise NoteInvalid("the signature is of other figures than these")


def _text(origin: str, document: Mapping[str, Any], rows: Sequence[Any]) -> str:
    """What is signed: lines, so that a person can read them, too."""
    told = {name: document[name] for name in SIGNED} | {"rows": rows}
    content = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    period = document["period"]
    return (
        f"{origin}\nreport {document['name']}\n{period['from']} {period['to']}\nsha256 {sha256(content).hexdigest()}\n"
    )
