"""Does balancing levels of noise help? A small denoiser of digits, equal steps and batches, and a drift.

`make bench-diffusion` measures and writes docs/diffusion.md.
"""
