"""Texts to and from a translation service. `exchange` is the face; `opening` makes the service.

Only `croupier catalog texts` calls it. `lokalise` and `crowdin` are imported only when they are asked for.
"""
