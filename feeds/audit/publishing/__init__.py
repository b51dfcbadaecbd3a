"""Checkpoints go to where the operator of the platform can't rewrite them.

`publisher` owes each destination the newest checkpoint and every day's last one; `carriers` take one there.
"""
