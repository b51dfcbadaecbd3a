"""The tree, its tiles and notes."""
