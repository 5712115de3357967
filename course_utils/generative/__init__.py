"""Other generative models: VQ-VAE-2, GAN and diffusion, and their comparison."""
