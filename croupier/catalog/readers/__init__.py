"""One reader per topic of the catalog's files.

`croupier.catalog` calls them when it checks a catalog, and `croupier.catalog.schema` shares their tables.
"""
