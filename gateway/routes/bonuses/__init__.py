"""A player's bonuses. `declined` is for every route that asks for an award by name."""
