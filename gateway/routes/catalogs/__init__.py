"""The catalog in force, its deployment, and the campaigns in it."""
