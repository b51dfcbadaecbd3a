"""The ways to players: `channel` is what each offers, `mail` and `apprising` are those there are."""
