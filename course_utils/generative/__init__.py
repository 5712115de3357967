"""The VAE's relatives: VQ-VAE-2, GAN and diffusion, and how they compare."""
