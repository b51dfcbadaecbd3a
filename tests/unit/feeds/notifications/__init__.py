"""Unit tests of notices to players."""
