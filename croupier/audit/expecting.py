"""Balances that somebody asserts: in a file, or in the snapshots of a store."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from croupier.audit.balances import Expected
from croupier.settings import SettingsInvalid
from snapshots.codec import decode_snapshot
from snapshots.contract import SLOTS, Place
from snapshots.errors import CorruptSnapshot
from snapshots.opening import open_store

COLUMNS: Final = ("player_id", "version", "real", "bonus")
PAGE: Final = 500


def balances_file(path: Path, text: str) -> Mapping[str, Expected]:
    """By player, from CSV; an empty version stands for the newest. Raises SettingsInvalid."""
    rows = csv.DictReader(io.StringIO(text))
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise SettingsInvalid(f"{path}: the column {missing[0]} is missing; there must be {', '.join(COLUMNS)}")
    found: dict[str, Expected] = {}
    for number, row in enumerate(rows, 2):
        try:
            found[row["player_id"]] = Expected(int(row["version"] or 0), int(row["real"]), int(row["bonus"]))
        except (TypeError, ValueError):
            raise SettingsInvalid(f"{path}:{number}: version, real and bonus must be whole numbers") from None
    return found


async def snapshots_of(url: str) -> Mapping[str, Expected]:
    """By player, from the newest intact snapshot. Raises StoreError."""
    store = open_store(url)
    await store.open()
    found: dict[str, Expected] = {}
    try:
        after: Place | None = None
        while True:
            page = await store.stored_players(range(SLOTS), PAGE, after)
            for player_id in page.players:
                for record in (await store.load_player(player_id)).generations[:1]:
                    try:
                        state = decode_snapshot(record).state
                    except CorruptSnapshot:
                        continue
                    bonus = sum(grant.balance for grant in state.grants)
                    found[player_id] = Expected(state.version, state.real, bonus)
            if page.next is None:
                return found
            after = page.next
    finally:
        await store.close()
