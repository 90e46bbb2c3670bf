"""Forecasts of traffic that refine themselves, beside River, statsforecast, Fracast alone and no model.

`make bench-traffic` runs all of it and writes docs/traffic-bench.md; `python -m benchmarks.traffic --help`.
"""

from benchmarks import compiled_code, one_thread  # noqa: F401
