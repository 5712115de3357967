"""Train the weights that ``course_utils.generative.pretrained`` loads.

python -m tools.train_checkpoints vq_vae_2       # times and results are in
python -m tools.train_checkpoints digit_gan      # course_utils/checkpoints/README.md
python -m tools.train_checkpoints digit_diffusion
python -m tools.train_checkpoints binary_vae
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils import data
from course_utils.generative.diffusion import UNet, cosine_schedule, diffusion_loss
from course_utils.generative.gan import adversarial_epochs, conv_gan
from course_utils.generative.pretrained import (
    BOTTOM_CODES,
    STEPS,
    TOP_CODES,
    untrained_binary_vae,
)
from course_utils.generative.vq_vae import VQVAE2, CodePrior, code_nll, vq_vae_loss
from course_utils.objectives import Decoder, GaussianEncoder, Terms, vae_loss
from course_utils.training import fit, training_epochs

CHECKPOINTS = Path(__file__).parents[1] / "course_utils" / "checkpoints"


def make_vq_vae_2(
    images: Tensor, labels: Tensor, epochs: tuple[int, int, int] = (6, 12, 6)
) -> tuple[nn.Module, ...]:
    """Train the VQ-VAE-2, then the priors of its codes; ``epochs`` of each."""
    model = VQVAE2((TOP_CODES, BOTTOM_CODES)).to(images.device)
    top_prior = CodePrior(TOP_CODES, 4).to(images.device)
    bottom_prior = CodePrior(BOTTOM_CODES, 7, n_top=TOP_CODES).to(images.device)
    train = partial(fit, batch_size=128, lr=4e-3)
    train(model, vq_vae_loss, images, epochs=epochs[0])
    top, bottom = model.codes(images)
    train(top_prior, code_nll, (top, labels), epochs=epochs[1])
    train(bottom_prior, code_nll, (bottom, labels, top), epochs=epochs[2])
    return model, top_prior, bottom_prior


def make_digit_gan(images: Tensor, labels: Tensor, epochs: int = 8) -> tuple[nn.Module]:
    """Train generator and discriminator; the labels are not used."""
    gan = conv_gan().to(images.device)
    for record in adversarial_epochs(gan, images, epochs=epochs, batch_size=128, lr=1e-3):
        print(record, flush=True)
    return (gan,)


def make_digit_diffusion(
    images: Tensor, labels: Tensor, epochs: int = 12
) -> tuple[nn.Module]:
    """Train ε̂ on pixels from −1 to 1; the labels are not used."""
    alpha_bar = cosine_schedule(STEPS, device=images.device)
    model = UNet(alpha_bar).to(images.device)
    loss = partial(diffusion_loss, alpha_bar=alpha_bar)
    fit(model, loss, 2 * images - 1, epochs=epochs, batch_size=128, lr=2e-3)
    return (model,)


def make_binary_vae(images: Tensor, labels: Tensor, epochs: int = 100) -> tuple[nn.Module]:
    """Train on images that are binarized anew in each batch; the labels are not used."""

    def loss(f: GaussianEncoder, g: Decoder, x: Tensor) -> Terms:
        return vae_loss(f, g, torch.bernoulli(x))

    model = untrained_binary_vae().to(images.device)
    for record in training_epochs(
        model, loss, images, epochs=epochs, batch_size=128, lr=3e-3
    ):
        print(record, flush=True)
    return (model,)


MAKERS: dict[str, Callable[..., tuple[nn.Module, ...]]] = {
    "vq_vae_2": make_vq_vae_2,
    "digit_gan": make_digit_gan,
    "digit_diffusion": make_digit_diffusion,
    "binary_vae": make_binary_vae,
}


def write(name: str, models: Sequence[nn.Module]) -> None:
    """Store the weights of models in this checkout, floats as float16."""
    states = [
        {
            key: value.half() if value.is_floating_point() else value
            for key, value in model.cpu().state_dict().items()
        }
        for model in models
    ]
    torch.save(states, CHECKPOINTS / f"{name}.pt")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the stored weights of the course.")
    parser.add_argument("name", choices=MAKERS)
    name = parser.parse_args().name
    torch.manual_seed(0)
    write(name, MAKERS[name](*data.mnist("train")))


if __name__ == "__main__":
    main()
