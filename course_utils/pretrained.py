"""Weights that took minutes to train, and the command that makes them.

python -m course_utils.pretrained      # trains anew, about a quarter of an hour on two cores
"""

from __future__ import annotations

from importlib.resources import as_file, files

import torch
from torch import Tensor, nn

from course_utils import data
from course_utils.device import choose_device
from course_utils.objectives import vq_vae_loss
from course_utils.training import evaluate, fit
from course_utils.vq_vae import VQVAE2, CodePrior, code_nll

TOP_CODES, BOTTOM_CODES = 64, 8
NAME = "vq_vae_2.pt"

Models = tuple[VQVAE2, CodePrior, CodePrior]


def untrained() -> Models:
    """A VQ-VAE-2 and the priors of its two levels, as they are before training."""
    model = VQVAE2((TOP_CODES, BOTTOM_CODES))
    top_prior = CodePrior(TOP_CODES, 4)
    bottom_prior = CodePrior(BOTTOM_CODES, 7, n_top=TOP_CODES)
    device = choose_device()
    return model.to(device), top_prior.to(device), bottom_prior.to(device)


def vq_vae_2() -> Models:
    """The VQ-VAE-2 that ``make`` trained on MNIST, and the priors of its top and bottom codes.

    The weights are stored with 16 bits each and are read as weights alone, never as code.
    """
    models = untrained()
    with as_file(files("course_utils") / "checkpoints" / NAME) as path:
        states = torch.load(path, weights_only=True, map_location=choose_device())
    for model, state in zip(models, states):
        model.load_state_dict(state)  # 16 bits become 32 again
        model.requires_grad_(False)
    return models


def make(images: Tensor, labels: Tensor, *, epochs: tuple[int, int, int]) -> Models:
    """Train the VQ-VAE-2, then the priors of its codes, for so many epochs each."""
    torch.manual_seed(0)
    model, top_prior, bottom_prior = untrained()
    recipe = {"batch_size": 128, "lr": 4e-3}
    fit(model, vq_vae_loss, images, epochs=epochs[0], **recipe)
    top, bottom = model.codes(images)
    fit(top_prior, code_nll, (top, labels), epochs=epochs[1], **recipe)
    fit(bottom_prior, code_nll, (bottom, labels, top), epochs=epochs[2], **recipe)
    return model, top_prior, bottom_prior


def halved(model: nn.Module) -> dict[str, Tensor]:
    """The weights of a model, floats with 16 bits."""
    return {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in model.cpu().state_dict().items()
    }


def main() -> None:
    models = make(*data.mnist("train"), epochs=(6, 12, 6))
    with as_file(files("course_utils") / "checkpoints" / NAME) as path:
        torch.save([halved(model) for model in models], path)
    model, top_prior, bottom_prior = vq_vae_2()
    images, labels = data.mnist("test")
    top, bottom = model.codes(images)
    for name, terms in {
        "VQ-VAE-2": evaluate(model, vq_vae_loss, images),
        "prior of the top codes": evaluate(top_prior, code_nll, (top, labels)),
        "prior of the bottom codes": evaluate(
            bottom_prior, code_nll, (bottom, labels, top)
        ),
    }.items():
        print(name, {term: round(value, 2) for term, value in terms.items()})


if __name__ == "__main__":
    main()
