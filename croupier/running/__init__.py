"""Croupier's processes: `up`, `gateway_process`, and the `status` of those that run.

The command line calls it, and the demo watches what it started (`process_tree`).
"""
