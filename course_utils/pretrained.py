"""Weights that took minutes to train, and the commands that make them.

python -m course_utils.pretrained vq_vae_2       # trains anew; see checkpoints/README.md
python -m course_utils.pretrained digit_gan      # for minutes and figures
python -m course_utils.pretrained digit_diffusion
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils import data
from course_utils.device import choose_device
from course_utils.diffusion import UNet, cosine_schedule
from course_utils.gan import GAN, adversarial_epochs, conv_gan
from course_utils.objectives import diffusion_loss, vq_vae_loss
from course_utils.training import fit
from course_utils.vq_vae import VQVAE2, CodePrior, code_nll

TOP_CODES, BOTTOM_CODES = 64, 8
STEPS = 60  # from a digit to noise

# --- reading --------------------------------------------------------------------------


def vq_vae_2() -> tuple[VQVAE2, CodePrior, CodePrior]:
    """The VQ-VAE-2 of notebook 09, and the priors of its top and bottom codes."""
    model = VQVAE2((TOP_CODES, BOTTOM_CODES))
    top_prior = CodePrior(TOP_CODES, 4)
    bottom_prior = CodePrior(BOTTOM_CODES, 7, n_top=TOP_CODES)
    return _read("vq_vae_2", (model, top_prior, bottom_prior))


def digit_gan() -> GAN:
    """The convolutional GAN of notebook 10."""
    return _read("digit_gan", (conv_gan(),))[0]


def digit_diffusion() -> UNet:
    """The diffusion model of notebook 10, for pixels from −1 to 1; its ``alpha_bar`` with it."""
    return _read("digit_diffusion", (UNet(cosine_schedule(STEPS)),))[0]


def _read(name: str, models: Sequence[nn.Module]) -> Sequence[nn.Module]:
    """Fill the models with weights of 16 bits, read as weights alone, never as code.

    ValueError for a file that is none of ours: it is never run, whatever it holds.
    """
    device = choose_device()
    with as_file(files("course_utils") / "checkpoints" / f"{name}.pt") as path:
        try:
            states = torch.load(path, weights_only=True, map_location="cpu")
            for model, state in zip(models, states, strict=True):
                model.load_state_dict(state)  # 16 bits become 32 again
            finite = all(p.isfinite().all() for model in models for p in model.parameters())
        except Exception as error:
            raise ValueError(_foreign(name, path)) from error
        if not finite:
            raise ValueError(_foreign(name, path))
    for model in models:
        model.to(device).eval().requires_grad_(False)
    return models


def _foreign(name: str, path: Path) -> str:
    return (
        f"{path} does not hold the weights of {name}: get the course again, or train them "
        f"anew with python -m course_utils.pretrained {name}."
    )


# --- making ---------------------------------------------------------------------------


def make_vq_vae_2(
    images: Tensor, labels: Tensor, epochs: tuple[int, int, int] = (6, 12, 6)
) -> tuple[nn.Module, ...]:
    """Train the VQ-VAE-2, then the priors of its codes, for so many epochs each."""
    model = VQVAE2((TOP_CODES, BOTTOM_CODES)).to(images.device)
    top_prior = CodePrior(TOP_CODES, 4).to(images.device)
    bottom_prior = CodePrior(BOTTOM_CODES, 7, n_top=TOP_CODES).to(images.device)
    recipe = {"batch_size": 128, "lr": 4e-3}
    fit(model, vq_vae_loss, images, epochs=epochs[0], **recipe)
    top, bottom = model.codes(images)
    fit(top_prior, code_nll, (top, labels), epochs=epochs[1], **recipe)
    fit(bottom_prior, code_nll, (bottom, labels, top), epochs=epochs[2], **recipe)
    return model, top_prior, bottom_prior


def make_digit_gan(images: Tensor, labels: Tensor, epochs: int = 8) -> tuple[nn.Module]:
    """Train both players; the labels play no part."""
    gan = conv_gan().to(images.device)
    for record in adversarial_epochs(gan, images, epochs=epochs, batch_size=128, lr=1e-3):
        print(record, flush=True)
    return (gan,)


def make_digit_diffusion(
    images: Tensor, labels: Tensor, epochs: int = 12
) -> tuple[nn.Module]:
    """Train ε̂ on pixels from −1 to 1; the labels play no part."""
    alpha_bar = cosine_schedule(STEPS)
    model = UNet(alpha_bar).to(images.device)
    loss = partial(diffusion_loss, alpha_bar=alpha_bar)
    fit(model, loss, 2 * images - 1, epochs=epochs, batch_size=128, lr=2e-3)
    return (model,)


MAKERS: dict[str, Callable[..., tuple[nn.Module, ...]]] = {
    "vq_vae_2": make_vq_vae_2,
    "digit_gan": make_digit_gan,
    "digit_diffusion": make_digit_diffusion,
}


def write(name: str, models: Sequence[nn.Module]) -> None:
    """Store the weights of some models, floats with 16 bits."""
    states = [
        {
            key: value.half() if value.is_floating_point() else value
            for key, value in model.cpu().state_dict().items()
        }
        for model in models
    ]
    with as_file(files("course_utils") / "checkpoints" / f"{name}.pt") as path:
        torch.save(states, path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train anew what the course stores.")
    parser.add_argument("name", choices=MAKERS)
    name = parser.parse_args().name
    torch.manual_seed(0)
    write(name, MAKERS[name](*data.mnist("train")))


if __name__ == "__main__":
    main()
