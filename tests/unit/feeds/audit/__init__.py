"""The keeper of the audit tree."""
