"""Models of yes or no."""
