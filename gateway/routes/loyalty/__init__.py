"""A player's level, points and redemptions."""
