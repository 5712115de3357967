"""Models with pretrained weights; ``tools/train_checkpoints.py`` has trained them."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import torch
from torch import nn

from course_utils.device import Device
from course_utils.generative.diffusion import UNet, cosine_schedule
from course_utils.generative.gan import GAN, conv_gan
from course_utils.generative.vq_vae import VQVAE2, CodePrior
from course_utils.models import VAE

TOP_CODES, BOTTOM_CODES = 64, 8
STEPS = 60  # T, diffusion steps


def vq_vae_2(device: Device = None) -> tuple[VQVAE2, CodePrior, CodePrior]:
    """The VQ-VAE-2 of notebook 11, and the priors of its top and bottom codes."""
    model = VQVAE2((TOP_CODES, BOTTOM_CODES))
    top_prior = CodePrior(TOP_CODES, 4)
    bottom_prior = CodePrior(BOTTOM_CODES, 7, n_top=TOP_CODES)
    _read("vq_vae_2", device, model, top_prior, bottom_prior)
    return model, top_prior, bottom_prior


def digit_gan(device: Device = None) -> GAN:
    """The convolutional GAN of notebook 13."""
    gan = conv_gan()
    _read("digit_gan", device, gan)
    return gan


def digit_diffusion(device: Device = None) -> UNet:
    """The diffusion model of notebook 12, for pixels from −1 to 1, with ``alpha_bar``."""
    denoiser = UNet(cosine_schedule(STEPS))
    _read("digit_diffusion", device, denoiser)
    return denoiser


def binary_vae(device: Device = None) -> VAE:
    """A VAE of binarized digits with 50 latent dimensions, as in the literature.

    Its log p(x) can be compared with published values: ``importance_weighted_bound`` of
    ``torch.bernoulli(images)``. Source of the network: Burda et al. (2016), section 5.
    """
    model = untrained_binary_vae()
    _read("binary_vae", device, model)
    return model


def untrained_binary_vae() -> VAE:
    """784 - 200 - 200 - 50 units and back, with tanh."""
    model = VAE(784, 50, (200, 200))
    for network in [
        module for module in model.modules() if isinstance(module, nn.Sequential)
    ]:
        for i, layer in enumerate(network):
            if isinstance(layer, nn.ReLU):
                network[i] = nn.Tanh()
    return model


def _read(name: str, device: Device, *models: nn.Module) -> None:
    """Load 16-bit weights into the models, with ``weights_only``: no code is executed.

    ValueError for a file with other content.
    """
    with as_file(files("course_utils") / "checkpoints" / f"{name}.pt") as path:
        try:
            states = torch.load(path, weights_only=True, map_location="cpu")
            for model, state in zip(models, states, strict=True):
                model.load_state_dict(state)  # converted to 32 bits
            finite = all(p.isfinite().all() for model in models for p in model.parameters())
        except Exception as error:
            raise ValueError(_wrong_content(name, path)) from error
        if not finite:
            raise ValueError(_wrong_content(name, path))
    for model in models:
        model.to(device).eval().requires_grad_(False)


def _wrong_content(name: str, path: Path) -> str:
    return (
        f"{path} does not hold the weights of {name}: get the course again, or train them "
        f"again with python -m tools.train_checkpoints {name}."
    )
