"""Driftline: models that learn while the stream flows."""

__version__ = "0.1.0"
