"""A player's bonuses. Every route that asks for an award by name uses `declined`."""
