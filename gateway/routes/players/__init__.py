"""Players, their money, and what is reported of them."""
