"""Verifying an archive."""
