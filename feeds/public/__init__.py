"""Public events: what the world outside is told of a player. Schemas of their own, apart from the journal's.

`mapping.public_events` is the face. `data` holds what is promised to consumers, by family; `from_journal` makes it of
the journal's events; `schemas` and `asyncapi` describe it. A published version only ever gets optional fields.
"""
