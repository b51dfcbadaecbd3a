"""What all public events have in common, and the words for their numbers."""

from typing import Annotated

import msgspec

PlayerId = Annotated[str, msgspec.Meta(description="The player, as the platform named it.")]
CommandId = Annotated[
    str,
    msgspec.Meta(
        description="The command behind the event: `<caller>:<Idempotency-Key>`, or an id of the engine's own if the"
        " event followed from the passing of time."
    ),
]
MinorUnits = Annotated[int, msgspec.Meta(description="Money in minor units of the player's currency.")]
Currency = Annotated[
    str | None,
    msgspec.Meta(
        description="The player's currency (ISO 4217). Left out where the journal's entry does not tell it: a player's"
        " currency never changes, and PlayerRegistered tells it."
    ),
]
MicroEur = Annotated[int, msgspec.Meta(description="Millionths of a EUR.")]
MicroPoints = Annotated[int, msgspec.Meta(description="Loyalty points in millionths of a point.")]
Points = Annotated[int, msgspec.Meta(description="Whole loyalty points.")]
Instant = Annotated[int, msgspec.Meta(description="A time in milliseconds since 1970 (UTC).")]


class PublicData(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Base of all. Every event names its player and its command, so that it can be stored without its envelope."""

    player_id: PlayerId
    command_id: CommandId
