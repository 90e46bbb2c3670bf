"""What IHomer scores and costs beside River's multi-label learners, simple baselines and published figures."""

from benchmarks import one_thread  # noqa: F401
