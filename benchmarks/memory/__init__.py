"""Whether the streams process keeps its size: its resident memory over millions of events and a hundred thousand keys.

make bench-memory                     # or: python -m benchmarks.memory --help
"""
