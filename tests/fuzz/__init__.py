"""Schemathesis against a real server: does Croupier do what its OpenAPI document says? `python -m tests.fuzz`."""
