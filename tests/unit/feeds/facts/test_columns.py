"""What rows are promised to hold: documented, complete, and without anybody's person."""

from pathlib import Path
from typing import get_args

import msgspec
import pyarrow as pa

from engine import events as e
from feeds.facts.columns import columns
from feeds.facts.parquet import SCHEMAS
from feeds.facts.reference import DOCUMENT, renewed
from feeds.facts.rows.base import COMMON
from feeds.facts.rows.making import FAMILIES, MAKERS, rows
from snapshots.archive.personal import PERSONAL_EVENTS
from tests.support.playing import Table, campaign, catalog_with, spins


def test_the_document_has_the_columns_of_the_code() -> None:
    written = Path(DOCUMENT).read_text()
    assert renewed(written) == written, "run: python -m feeds.facts.reference"


def test_every_event_of_the_journal_has_its_row() -> None:
    assert set(MAKERS) == set(get_args(e.AnyEvent))


def test_a_row_has_a_value_for_every_column() -> None:
    table = Table(real=100)
    for transition in table.transitions:
        for family, common, row in rows(transition):
            assert len(common) == len(COMMON)
            assert len(common) + len(msgspec.structs.astuple(row)) == len(SCHEMAS[family])


def test_no_column_holds_what_the_archive_seals() -> None:
    personal = {name for names in PERSONAL_EVENTS.values() for name in names}
    for family in FAMILIES:
        assert not personal & {column.name for column in columns(family)}


def test_columns_say_what_they_hold_also_in_the_files() -> None:
    field = SCHEMAS["bets"].field("ggr_real")
    assert field.type == pa.int64()
    assert field.metadata == {
        b"comment": b"Stakes less wins on real funds: negative for a win, the opposite if the bet is undone"
    }
    assert SCHEMAS["money"].field("time").type == pa.timestamp("ms", tz="UTC")
    assert SCHEMAS["bonuses"].field("valid_to").type == pa.timestamp("ms", tz="UTC")
    assert SCHEMAS["bonuses"].field("reasons").type == pa.list_(pa.string())


def test_a_free_spin_and_its_win_name_their_package_and_game() -> None:
    table = Table(real=100, catalog=catalog_with(campaign("gift", free_spins=spins(5, 20))))
    table.grant("gift")
    table.free_spin(win=70)
    [bet, _, win, *_] = list(rows(table.transitions[-1]))
    assert (bet[2].package_id, bet[2].spins, bet[2].real) == ("p3-1", 1, 0)  # type: ignore[attr-defined]
    assert (win[2].package_id, win[2].game_id, win[2].mode) == ("p3-1", "book", "freespin")  # type: ignore[attr-defined]
