"""Models of many labels at once."""
