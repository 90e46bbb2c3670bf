"""Models that find groups in events."""
