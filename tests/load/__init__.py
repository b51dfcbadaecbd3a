"""The load test: locust's players against a Croupier, each with books of its own. `make load`; docs/load-tests.md.

Only `locustfile.py` imports locust. All other modules are plain, so that the unit tests and `tests/e2e` can use them.
"""
