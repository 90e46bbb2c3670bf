"""What trains heavy models: the schedule of diffusion, its sampler, and the balance between levels of noise."""
