"""Makes public data of the journal's events, one module and one table per family.

A field that a transition does not tell is left out, never guessed. Only `feeds.public.mapping` calls these.
"""
