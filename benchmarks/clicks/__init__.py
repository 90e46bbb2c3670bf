"""Click models side by side: scores as they stood before each label, and what an event costs.

`make bench-clicks` measures and writes docs/clicks.md. Vowpal Wabbit has an environment of its own, `.venv-rivals`.
"""
