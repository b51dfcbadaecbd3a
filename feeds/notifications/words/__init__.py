"""The words of notices: `templates` are single texts and their check, which the catalog's check uses, too.

`texts` reads those of the catalog, `wording` puts one notice into the player's words.
"""
