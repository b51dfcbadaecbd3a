"""Puts a catalog in force, and tells which one is. `control` does it in a gateway; `sending` asks a gateway for it.

The processes of `croupier.running` and the command line call it; it calls `croupier.catalog`.
"""
