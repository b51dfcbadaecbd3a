"""A signed report can be checked by anybody who has its JSON and the public key."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from feeds.reports.answer import About, PeriodJson
from feeds.reports.definition import Column
from feeds.reports.running import Asked
from feeds.reports.signing import signed, verify
from feeds.reports.writing import as_json
from snapshots.audit.notes import NoteInvalid, Signer

SIGNER = Signer(bytes(range(32)), "casino.example/croupier")
OTHER = Signer(bytes(32), "casino.example/croupier")


def report(closing: int = 4_250, *, note: str = "") -> Asked:
    about = About(
        name="daily-closing",
        title="Daily closing",
        description="What it says.",
        period=PeriodJson("2026-11-27T00:00:00.000Z", "2026-11-28T00:00:00.000Z"),
        time_zone="UTC",
        parameters={},
        provisional=False,
        checkpoint="casino.example/croupier, 9 entries, root abc",
        reconciled=True,
        note=note,
        columns=[Column("day", "text"), Column("closing", "money")],
    )
    return Asked(about, iter([("2026-11-27", closing), ("2026-11-28", 2**40)]))


def document(asked: Asked) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(b"".join(as_json(asked)))
    return read


def test_what_is_signed_can_be_checked_from_its_json() -> None:
    found = document(signed(report(), SIGNER))
    verify(found, [SIGNER.verifier])
    assert found["signature"].startswith("casino.example/croupier\nreport daily-closing\n2026-11-27T00:00:00.000Z ")


def test_the_same_figures_have_the_same_signature_whatever_the_moment_says() -> None:
    first, second = signed(report(), SIGNER), signed(report(note="The store was asleep."), SIGNER)
    assert first.about.signature == second.about.signature


FORGERIES: list[Mapping[str, Any]] = [
    {"rows": [{"day": "2026-11-27", "closing": 4_251}, {"day": "2026-11-28", "closing": 2**40}]},
    {"rows": []},
    {"checkpoint": "casino.example/croupier, 10 entries, root abc"},
    {"period": {"from": "2026-11-26T00:00:00.000Z", "to": "2026-11-28T00:00:00.000Z"}},
    {"provisional": True},
    {"reconciled": False},
    {"reconciled": None},
    {"differences": [{"what": "stakes", "report": "1", "counter": "2"}]},
    {"columns": [{"name": "day", "type": "text", "words": ""}, {"name": "closing", "type": "count", "words": ""}]},
    {"name": "another"},
    {"signature": ""},
]


@pytest.mark.parametrize("forged", FORGERIES, ids=[next(iter(each)) for each in FORGERIES])
def test_what_was_changed_afterwards_is_found(forged: Mapping[str, Any]) -> None:
    with pytest.raises(NoteInvalid):
        verify(document(signed(report(), SIGNER)) | forged, [SIGNER.verifier])


def test_another_key_is_not_this_one() -> None:
    with pytest.raises(NoteInvalid):
        verify(document(signed(report(), SIGNER)), [OTHER.verifier])
