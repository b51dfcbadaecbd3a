"""What is known beside an event of a round when it is explained."""

from collections.abc import Mapping
from typing import NamedTuple

from engine import events as e
from engine.catalog import Catalog, Game
from engine.deciding.funds import contribution
from engine.state import Grant, GrantTerms
from feeds.explaining.amounts import Purse
from feeds.explaining.movements import Movement


class Scene(NamedTuple):
    """What is known beside the event.

    `bets` are the stakes of the round that stood before, `won` what it had won by then. `in_wager`: the grant in wager
    after the entry, if the entry says so; `remaining` what it still had to wager.
    """

    purse: Purse
    grants: Mapping[str, Grant]
    catalog: Catalog | None
    bets: tuple[e.BetPlaced, ...] = ()
    won: Movement = Movement()
    in_wager: str | None = None
    remaining: int = 0

    def game(self, game_id: str) -> Game | None:
        """The game as the catalog of that time has it."""
        return None if self.catalog is None else self.catalog.games.get(game_id)

    def terms(self, grant_id: str | None) -> GrantTerms | None:
        """The grant's frozen terms."""
        grant = None if grant_id is None else self.grants.get(grant_id)
        return None if grant is None else grant.terms


def contribution_of(terms: GrantTerms, catalog: Catalog | None, game_id: str) -> int | None:
    """Percent of a stake that counts: the terms' own for the game; else what needs the catalog of that time."""
    game = None if catalog is None else catalog.games.get(game_id)
    return terms.contribution_games.get(game_id) if game is None else contribution(terms, game)
