"""One reader per topic of the catalog's files.

`croupier.catalog` calls them when it checks a catalog, `croupier.catalog.schema` shares their tables, and
`croupier.translations` reads texts with `locales`.
"""
