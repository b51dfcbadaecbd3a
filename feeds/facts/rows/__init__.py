"""The columns of facts, one module per family, and how an event of the journal becomes a row.

Columns are only ever added. `docs/facts.md` is written from here by `python -m feeds.facts.reference`.
"""
