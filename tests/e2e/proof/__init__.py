"""Audit, explanations and reports over HTTP, on one Croupier for all of them."""
