"""Stream clusterers beside each other, on streams whose clusters are known."""

from benchmarks import one_thread  # noqa: F401
