"""Configuration as code: this package holds data files only."""
