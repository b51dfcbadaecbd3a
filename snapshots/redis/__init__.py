"""The store on Redis. `store` is the face; only `snapshots.opening` imports it.

The `.lua` files are the functions that Redis runs, so that a check and its write are one atomic step.
"""
