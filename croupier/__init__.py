"""Command line and composition root.

`cli` is the face: it calls `running`, `demo`, `translations` and what `catalog_command` needs.
"""
