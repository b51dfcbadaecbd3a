"""The catalog that `croupier up` puts in force when it starts: the control log tells of it like of any other deploy."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from actors.stored_catalogs import CatalogContent, CatalogMissing, read_content
from croupier.deploying.diff import diff
from croupier.running.operators import by_operator
from engine.control_entries import ControlEntry
from gateway.recording.operation import bounded
from gateway.texts import Texts
from snapshots.contract import CatalogRow, Store

_texts = msgspec.msgpack.Decoder(Texts).decode


class Standing(NamedTuple):
    """The catalog in force. Both None: there is none yet; `content` alone: it can't be read."""

    row: CatalogRow | None
    content: CatalogContent | None


async def catalog_standing(store: Store) -> Standing:
    """Which catalog the store has in force. Raises StoreUnavailable."""
    row = (await store.routing()).catalog
    try:
        return Standing(row, None if row is None else await read_content(store, row.version))
    except (CatalogMissing, msgspec.DecodeError):
        return Standing(row, None)


def change_at_start(folder: Path, former: Standing, now: Standing) -> ControlEntry | None:
    """The entry on what came into force at the start, by the user who started; None if `former` is still in force."""
    if now.row is None or (former.row is not None and former.row.number == now.row.number):
        return None
    after: dict[str, Any] = {"version": now.row.version, "number": now.row.number}
    if former.content is not None and now.content is not None:
        one, other = former.content, now.content
        after["diff"] = dict(diff(one.catalog, other.catalog, _texts_of(one), _texts_of(other)))
    return by_operator(
        f"deploy of the folder {folder.name}",
        subject=now.row.version,
        before=None if former.row is None else _shown(former.row),
        after=bounded(after),
    )


def _shown(row: CatalogRow) -> dict[str, Any]:
    return {"version": row.version, "number": row.number, "by": row.by}


def _texts_of(content: CatalogContent) -> Texts:
    return _texts(content.texts) if content.texts else Texts()
