"""The servers Croupier is measured beside, each written as well as one can: `python -m benchmarks.peers NAME …`.

P0 and P4 (`nothing`) do nothing. P1 (`redis_spin`), P2 (`postgres_spin`) and P3 (`actor_spin`) play by the same small
set of rules (`rules`), behind the same typed FastAPI route (`route`) and the same proof of who calls (`proof`).
"""
