"""The columns that all families have, and the words for units."""

from typing import Annotated

import msgspec

MinorUnits = Annotated[int, msgspec.Meta(extra_json_schema={"unit": "minor units"})]
"""Money in minor units of the row's currency."""
MicroEur = Annotated[int, msgspec.Meta(extra_json_schema={"unit": "micro-EUR"})]
MicroPoints = Annotated[int, msgspec.Meta(extra_json_schema={"unit": "micro-points"})]
Instant = Annotated[int, msgspec.Meta(extra_json_schema={"unit": "instant"})]
"""Unix ms; in Parquet a timestamp in milliseconds, UTC."""


class Row(msgspec.Struct, gc=False):
    """Base of the rows of all families: what the event changed of the player's wallets.

    The sum of `real` over all rows of all families is the real money that all players have, and so is `bonus`.
    """

    real: MinorUnits = 0
    bonus: MinorUnits = 0


COMMON: dict[str, tuple[str, str]] = {
    "player_id": ("text", "The player, as the platform named it"),
    "version": ("integer", "The player's version after the entry: the entry is found in the archive by it"),
    "n": ("integer", "The event's place in its entry, from 0"),
    "time": ("instant", "When the command was accepted, on the players' clock"),
    "day": ("day", "The UTC day of `time`"),
    "event": ("text", "The event of the journal"),
    "currency": ("text", "The player's currency. In the files it is empty if the entry does not tell it"),
    "level": ("text", "The player's level after the entry. Empty if the entry does not tell it"),
    "real_after": ("minor units", "The player's real money after the entry. Empty if the entry does not tell it"),
    "bonus_after": ("minor units", "The player's bonus money after the entry. Empty if the entry does not tell it"),
}
"""By column: its kind, and its words. They stand before the columns of the family."""

WALLETS: dict[str, str] = {
    "real": "Signed change of the player's real money",
    "bonus": "Signed change of the player's bonus money",
}
