"""Where the players of one simulated user sit, one after the other."""

from collections.abc import Callable

from tests.load.asking import Unexpected
from tests.load.player import Player
from tests.load.tally import Tally


class Seat:
    """Who has played enough, or met something unexpected, makes room for a newcomer.

    A player who met something unexpected is not reconciled: the books may lack what the server did.
    """

    def __init__(self, newcomer: Callable[[], Player], tally: Tally) -> None:
        self._newcomer, self._tally = newcomer, tally
        self._player: Player | None = None

    def step(self) -> None:
        """The player's next step; a seat that is free gets a newcomer."""
        try:
            if self._player is None:
                player = self._newcomer()
                player.arrive()
                self._player = player
            else:
                self._player.step()
        except Unexpected as unexpected:
            self._tally.differs(f"{self._player.player_id if self._player else 'newcomer'}: {unexpected}")
            self._player = None
            return
        if self._player.has_played_enough:
            self.leave()

    def leave(self) -> None:
        """The player reconciles and goes."""
        player, self._player = self._player, None
        if player is None:
            return
        try:
            player.reconcile()
        except Unexpected as unexpected:
            self._tally.differs(f"{player.player_id}: {unexpected}")
