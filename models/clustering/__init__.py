"""Models that group events without labels."""
