"""How late drift detectors are, what they miss, and how often they cry wolf.

python -m benchmarks.drift
"""
