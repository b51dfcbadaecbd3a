"""What a report's SQL asks: a view for each family of facts, and some that put them together (docs/facts.md)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from feeds.facts.columns import columns
from feeds.facts.manifest import FactsFile
from feeds.facts.rows.making import FAMILIES

_TYPES: Final[Mapping[str, str]] = {
    "text": "VARCHAR",
    "texts": "VARCHAR[]",
    "boolean": "BOOLEAN",
    "day": "DATE",
    "instant": "TIMESTAMPTZ",
}
EXPONENTS: Final[Mapping[int, str]] = {
    0: "'BIF','CLP','DJF','GNF','ISK','JPY','KMF','KRW','PYG','RWF','UGX','VND','VUV','XAF','XOF','XPF'",
    3: "'BHD','IQD','JOD','KWD','LYD','OMR','TND'",
}
"""Of ISO 4217, for players whom an early version registered without noting the exponent; all others have 2."""

REGISTRATIONS: Final = f"""
CREATE TABLE registrations AS
SELECT player_id, time, day, currency, level,
    coalesce(
        exponent,
        CASE WHEN currency IN ({EXPONENTS[0]}) THEN 0 WHEN currency IN ({EXPONENTS[3]}) THEN 3 ELSE 2 END
    ) AS exponent
FROM facts_players WHERE event = 'PlayerRegistered'
"""
TOGETHER: Final = (
    """
CREATE VIEW grants AS
SELECT player_id, grant_id, campaign_id, source, package_id, deposit_id, amount, amount_micro_eur, wager, award,
    award_level, state, verdict, reasons, time, day, currency, exponent
FROM bonuses WHERE event = 'GrantCreated'
""",
    """
CREATE VIEW packages AS
SELECT player_id, package_id, campaign_id, spins, bet, award, award_level, valid_from, valid_to, time, day, currency,
    exponent
FROM free_spins WHERE event = 'FreeSpinsGranted'
""",
    """
CREATE VIEW levels AS
SELECT player_id, level, time AS from_time, lead(time) OVER (PARTITION BY player_id ORDER BY version, n) AS to_time
FROM (
    SELECT player_id, level, time, version, n FROM facts_players WHERE event = 'PlayerRegistered'
    UNION ALL
    SELECT player_id, new_level, time, version, n FROM facts_loyalty WHERE event = 'LevelChanged'
)
""",
)
MOVED: Final = ("bets", "money", "bonuses")
"""The families whose events move money."""


def statements(folder: Path, files: Sequence[FactsFile]) -> Iterator[str]:
    """What makes all views, in their order."""
    for family in FAMILIES:
        yield f"CREATE VIEW facts_{family} AS {_source(family, folder, files)}"
    yield REGISTRATIONS
    for family in FAMILIES:
        yield (
            f"CREATE VIEW {family} AS SELECT f.* REPLACE (coalesce(f.currency, r.currency) AS currency),"
            f" r.exponent FROM (SELECT * {_without_exponent(family)} FROM facts_{family}) AS f"
            " LEFT JOIN registrations AS r USING (player_id)"
        )
    yield from TOGETHER
    moves = " UNION ALL ".join(
        f"SELECT player_id, version, n, time, day, '{family}' AS family, event, currency, exponent, real, bonus"
        f" FROM {family} WHERE real <> 0 OR bonus <> 0"
        for family in MOVED
    )
    yield f"CREATE VIEW movements AS {moves}"


def _without_exponent(family: str) -> str:
    return "EXCLUDE (exponent)" if any(column.name == "exponent" for column in columns(family)) else ""


def _source(family: str, folder: Path, files: Sequence[FactsFile]) -> str:
    """The family's files; without any, no rows, but the columns all the same."""
    paths = [str(folder / file.path) for file in files if file.family == family]
    if paths:
        listed = ", ".join(_quoted(path) for path in paths)
        names = ", ".join(f'"{column.name}"' for column in columns(family))
        return f"SELECT {names} FROM read_parquet([{listed}], hive_partitioning=false, union_by_name=true)"
    empty = ", ".join(f'NULL::{_TYPES.get(column.kind, "BIGINT")} AS "{column.name}"' for column in columns(family))
    return f"SELECT {empty} WHERE false"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
