"""The models. AE, DAE and PAE are one class and differ in the objective only; the sparse
autoencoder needs a decoder that fixes the scale of the code."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from course_utils._validation import check_count, check_floats, check_rows

Layer = TypeVar("Layer", bound=nn.Module)


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers of the given widths, ReLU between them and none at the end.

    ValueError for less than two widths, or one below 1.
    """
    if len(widths) < 2 or not all(isinstance(n, int) and n >= 1 for n in widths):
        raise ValueError(f"an mlp needs two or more widths, each >= 1, not {widths}.")
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        layers += [check_input(nn.Linear(n_in, n_out)), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Autoencoder(nn.Module):
    """Encoder f and decoder g, mirror images of each other.

    x (B, D)  --f-->  z (B, K)  --g-->  x_hat (B, D)

    ``hidden=()``: one linear layer each, the linear autoencoder, which is related to PCA.
    """

    def __init__(
        self, data_dim: int, latent_dim: int, hidden: Sequence[int] = (256,)
    ) -> None:
        super().__init__()
        self.encoder = mlp(data_dim, *hidden, latent_dim)
        self.decoder = mlp(latent_dim, *reversed(hidden), data_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))  # g(f(x))


class UnitColumns(nn.Module):
    """W -> W with every column divided by its length: ‖wₖ‖ = 1.  (D, K) -> (D, K)"""

    def forward(self, weight: Tensor) -> Tensor:
        return F.normalize(weight, dim=0)

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight  # an assigned weight is normalized when it is read


class SparseAutoencoder(nn.Module):
    """A code of few positive numbers and exact zeros; the decoder cannot rescale it.

    f(x) = relu(A x + a)  (B, D) -> (B, K),   g(z) = W z + b,  ‖wₖ‖ = 1  (B, K) -> (B, D)

    The K columns of W are the dictionary. The encoder is initialized as its transpose:
    each unit responds to its column, and fewer units are never active.
    Source: Olshausen & Field (1996), Bricken et al. (2023); start: Gao et al. (2024).
    """

    def __init__(self, data_dim: int, latent_dim: int) -> None:
        super().__init__()
        check_count("data_dim", data_dim)
        check_count("latent_dim", latent_dim)
        linear = check_input(nn.Linear(data_dim, latent_dim))
        self.encoder = nn.Sequential(linear, nn.ReLU())
        self.decoder = check_input(nn.Linear(latent_dim, data_dim))
        parametrize.register_parametrization(self.decoder, "weight", UnitColumns())
        nn.init.zeros_(linear.bias)
        with torch.no_grad():
            linear.weight.copy_(self.decoder.weight.T)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))  # g(f(x))


class GaussianHead(nn.Module):
    """Last layer of q(z|x): features (B, H) -> (mu, logvar), each (B, K)."""

    def __init__(self, n_in: int, latent_dim: int) -> None:
        super().__init__()
        check_count("n_in", n_in)
        check_count("latent_dim", latent_dim)
        self.mu = check_input(nn.Linear(n_in, latent_dim))
        self.logvar = check_input(nn.Linear(n_in, latent_dim))

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        return self.mu(h), self.logvar(h)


class VAE(nn.Module):
    """Encoder q(z|x) = N(μ, diag σ²), decoder p(x|z), prior p(z) = N(0, I).

    x (B, D)  --encoder-->  mu, logvar (B, K)
    z (B, K)  --decoder-->  parameters of the likelihood (B, D): logits for
                            ``bernoulli_nll``, the mean for ``gaussian_nll``
    """

    def __init__(
        self, data_dim: int, latent_dim: int, hidden: Sequence[int] = (256,)
    ) -> None:
        super().__init__()
        features = [mlp(data_dim, *hidden), nn.ReLU()] if hidden else []
        head = GaussianHead((data_dim, *hidden)[-1], latent_dim)
        self.encoder = nn.Sequential(*features, head)
        self.decoder = mlp(latent_dim, *reversed(hidden), data_dim)

    def forward(self, x: Tensor) -> Tensor:
        mu, _ = self.encoder(x)
        return self.decoder(mu)  # decode the mean of q(z|x)


# --- layers that check their input -----------------------------------------------------


def check_input(layer: Layer) -> Layer:
    """The layer, with a check of its input: ValueError for a wrong dtype or width."""
    layer.register_forward_pre_hook(check_layer_input)
    return layer


def to_images(side: int) -> nn.Unflatten:
    """A layer that reshapes rows of pixels to images.  (B, side²) -> (B, 1, side, side)"""
    layer = nn.Unflatten(1, (1, side, side))
    layer.register_forward_pre_hook(partial(check_pixels, side * side))
    return layer


def as_images(x: Tensor, side: int) -> Tensor:
    """Rows of pixels as images.  (B, side²) -> (B, 1, side, side)"""
    return to_images(side)(x)


def check_layer_input(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    x, weight = inputs[0], next(layer.parameters())
    check_floats(x)
    # Autocast converts both to one dtype, but only after this hook.
    if x.dtype == weight.dtype or not torch.is_autocast_enabled(weight.device.type):
        check_floats(x, weight)
    if isinstance(layer, nn.Linear):  # ``to_images`` has checked images
        _check_width(x, layer.in_features)


def check_pixels(pixels: int, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    check_rows(inputs[0])
    _check_width(inputs[0], pixels)


def _check_width(x: Tensor, width: int) -> None:
    if not x.ndim or x.shape[-1] != width or not x.numel():
        raise ValueError(
            f"this network takes rows of {width} numbers, at least one row, not "
            f"{tuple(x.shape)}."
        )
