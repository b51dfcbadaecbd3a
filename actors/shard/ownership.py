"""Which players a shard owns right now. Changes are numbered, so that a load begun before one can be thrown away."""

from collections.abc import Iterable, Mapping

from actors.routing.owner_of import slot_of
from snapshots.contract import Routing


class Ownership:
    """The slots and dedicated players of one shard. `generation` grows with every change (rule 9)."""

    def __init__(self, shard_id: str, routing: Routing) -> None:
        self.shard_id = shard_id
        self.generation = 0
        self.slots: set[int] = set()
        self.dedicated: Mapping[str, str] = {}
        self.adopt(routing)

    def adopt(self, routing: Routing) -> None:
        """Takes the table over as the store has it."""
        self.generation += 1
        self.slots = {slot for slot, shard in enumerate(routing.slots) if shard == self.shard_id}
        self.dedicated = dict(routing.dedicated)

    def give_up(self, slots: Iterable[int], dedicated: Iterable[str]) -> None:
        """Stops owning them at once, before the store knows."""
        self.generation += 1
        self.slots -= set(slots)
        leaving = set(dedicated)
        self.dedicated = {player: "" if player in leaving else shard for player, shard in self.dedicated.items()}

    def take_back(self, slots: Iterable[int], dedicated: Iterable[str]) -> None:
        """Owns them again: the move did not happen, and nobody else can have got them."""
        self.generation += 1
        self.slots |= set(slots)
        self.dedicated = {**self.dedicated, **dict.fromkeys(dedicated, self.shard_id)}

    def owns(self, player_id: str) -> bool:
        """Whether commands of the player are for this shard."""
        shard = self.dedicated.get(player_id)
        return shard == self.shard_id if shard is not None else slot_of(player_id) in self.slots
