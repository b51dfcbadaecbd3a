"""Routes: what was done and by whom, and how anybody can check it."""
