"""The machine and the process that actors run on: clocks, proofs of death, event loops in threads, garbage.

Every other part of `actors` may call it; it calls none of them.
"""
