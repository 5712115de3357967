"""Draw a digit and see its posterior, reconstruction and ELBO under a VAE."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor, nn

from course_utils import plots
from course_utils.models import GaussianHead
from course_utils.objectives import bernoulli_nll, kl_to_standard_normal
from course_utils.widgets._validation import checked_digits, checked_points
from course_utils.widgets.core import BOTH_WAYS, with_core
from course_utils.widgets.network import browser_network, n_out
from course_utils.widgets.picture import WithPicture, png

DRAWS = 64  # z ~ q(z|x) over which the browser averages
SHOWN = 6  # of them, as images


class DrawDigit(WithPicture):
    """A canvas to draw on, and q(z|x), reconstruction and ELBO: the lecture's "Testing".

        mu, _ = vae.encoder(test)
        elbos = elbo.elbo(vae.encoder, vae.decoder, test)
        DrawDigit(vae.encoder, vae.decoder, mu, labels, elbos, examples=test[:6])

    f         encoder, q(z|x): an nn.Sequential that the browser can run, at the end a
              GaussianHead with two codes, x (B, D) -> mu, logvar (B, 2). Its first layer
              tells D, the pixels of a gray square image: 784 for 28 × 28. One that starts
              with convolutions makes images of rows first, by nn.Unflatten.
    g         decoder, p(x|z): an nn.Sequential, z (B, 2) -> logits of D pixels
    codes     (N, 2), means of test digits, drawn as dots
    labels    (N,), digits 0 to 9 that color the dots
    elbos     (M,), nats, of test digits, for comparison with that of the drawing
    examples  (n, D), test images in [0, 1] to start from; the first is shown at once

    The browser runs copies of both networks in float16 and takes the mean over 64 fixed
    draws of ε, so that the ELBO does not fluctuate; they do not follow further training.
    A drawing becomes x as MNIST's digits did: cropped, its longer side scaled to 20 pixels,
    placed with its center of mass in the middle of 28 × 28; other sizes in proportion.

    Traits shared with the view: ``pixels``, the bytes of x, about 0.1 s after the
    pointer rests. Properties: ``x`` (1, D) in [0, 1], which may be set; ``mu`` and
    ``sigma`` (2,) of q(z|x); ``elbo``, nats, by torch with the browser's draws. They are
    defined for an empty drawing, too.
    TypeError or ValueError for anything that the browser cannot run or draw.
    Source: lecture, "Testing"; Y. LeCun, C. Cortes, C. Burges: the page of MNIST.
    """

    _esm = with_core("draw_digit.js")
    _css = with_core("draw_digit.css")

    encoder = traitlets.Dict().tag(sync=True)  # of browser_network
    decoder = traitlets.Dict().tag(sync=True)
    eps = traitlets.Bytes().tag(sync=True)  # float32 (64, 2), standard normal
    codes = traitlets.Bytes().tag(sync=True)  # float32 (N, 2)
    labels = traitlets.Bytes().tag(sync=True)  # uint8 (N,)
    colors = traitlets.List(traitlets.Unicode()).tag(sync=True)
    elbos = traitlets.Bytes().tag(sync=True)  # float32 (M,)
    examples = traitlets.List(traitlets.Bytes()).tag(sync=True)  # uint8 (D,), ink
    pixels = traitlets.Bytes().tag(
        **BOTH_WAYS,  # a delayed echo would erase newer strokes
        from_json=lambda value, widget: bytes(value),
    )  # uint8 (D,), ink

    def __init__(
        self,
        f: nn.Module,
        g: nn.Module,
        codes: ArrayLike,
        labels: ArrayLike,
        elbos: ArrayLike,
        *,
        examples: ArrayLike | None = None,
    ) -> None:
        self._size = n = _image_size(f)
        encoder, decoder = _checked_encoder(f, n), _checked_decoder(g, n)
        codes = checked_points("codes", codes)
        labels = checked_digits(labels, len(codes), "codes")
        self._points = codes, labels
        empty = np.empty((0, n))
        images = _checked_images("examples", empty if examples is None else examples, n)
        elbos = _checked_elbos(elbos)
        self._networks = copy.deepcopy(f).eval(), copy.deepcopy(g).eval()
        self._eps = torch.randn(DRAWS, 2, generator=torch.Generator().manual_seed(0))
        super().__init__(
            encoder=encoder,
            decoder=decoder,
            eps=self._eps.numpy().astype("<f4").tobytes(),
            codes=codes.astype("<f4").tobytes(),
            labels=labels.tobytes(),
            colors=list(plots.DIGIT_COLORS),
            elbos=elbos.astype("<f4").tobytes(),
            examples=[image.tobytes() for image in images],
            pixels=images[0].tobytes() if len(images) else bytes(n),
        )

    @traitlets.validate("pixels")
    def _an_image(self, proposal: dict) -> bytes:
        n = self._size
        if len(proposal["value"]) != n:
            raise traitlets.TraitError(
                f"pixels must be {n} bytes, {_sides(n)}, not {len(proposal['value'])}."
            )
        return proposal["value"]

    @property
    def x(self) -> Tensor:
        """Input of the encoder, on its device.  -> (1, D) in [0, 1]"""
        pixels = torch.frombuffer(bytearray(self.pixels), dtype=torch.uint8)
        return (pixels.float() / 255)[None].to(next(self._networks[0].parameters()))

    @x.setter
    def x(self, image: ArrayLike) -> None:
        [pixels] = _checked_images("x", plots.as_array(image).reshape(1, -1), self._size)
        self.pixels = pixels.tobytes()

    @property
    def mu(self) -> Tensor:
        return self._q()[0][0]

    @property
    def sigma(self) -> Tensor:
        return (0.5 * self._q()[1][0]).exp()

    @property
    @torch.no_grad()
    def elbo(self) -> float:
        mu, logvar = self._q()
        logits = self._networks[1](self._draws(DRAWS)).flatten(1)
        nll = bernoulli_nll(self.x.expand_as(logits), logits).mean()
        return float(-nll - kl_to_standard_normal(mu, logvar)[0])

    @torch.no_grad()
    def _q(self) -> tuple[Tensor, Tensor]:
        return self._networks[0](self.x)

    def _draws(self, n: int) -> Tensor:
        """z = μ + σ ⊙ ε with the first of the browser's ε.  -> (n, 2)"""
        mu, logvar = self._q()
        return mu + (0.5 * logvar).exp() * self._eps[:n].to(mu)

    @torch.no_grad()
    def picture(self) -> bytes:
        """Input, reconstruction, draws; q(z|x) in the plane; its ELBO among the others."""
        g = nn.Sequential(self._networks[1], nn.Flatten())
        images = {
            "input of the encoder": self.x,
            "reconstruction": g(self.mu[None]).sigmoid(),
            "draws, decoded": g(self._draws(SHOWN)).sigmoid(),
        }
        figure = _draw(*self._points, self.mu, self.sigma, images)
        scores = figure.axes[-1]
        scores.hist(np.frombuffer(self.elbos, "<f4"), bins=60, color="#9aa0a6")
        scores.axvline(self.elbo, color="black", lw=2)
        label = f"ELBO of test digits, nats; of the drawing: {self.elbo:.0f}"
        scores.set(xlabel=label.replace("-", "−"), yticks=[])
        return png(figure, colors=128)

    def __repr__(self) -> str:
        codes, elbos = len(self.labels), len(self.elbos) // 4
        return f"DrawDigit({codes} codes, {elbos} ELBOs, {len(self.examples)} examples)"


def _draw(
    codes: np.ndarray,
    labels: np.ndarray,
    mu: Tensor,
    sigma: Tensor,
    images: Mapping[str, Tensor],
) -> Figure:
    """Rows of images with their names; beside them q(z|x) among the codes, and below it
    empty axes, the last."""
    figure = plt.figure(figsize=(9.4, 5.4), dpi=90, layout="constrained")
    plt.close(figure)
    figure.suptitle("The drawing, its q(z|x) and its ELBO", fontsize=12, fontweight="bold")
    [[left, right]] = figure.subfigures(1, 2, squeeze=False, width_ratios=(1, 1.5))
    for cell, (name, rows) in zip(left.add_gridspec(len(images), 1), images.items()):
        line = cell.subgridspec(1, max(3, len(rows)))
        for i, image in enumerate(rows):
            axis = left.add_subplot(line[i])
            plots.draw_image(axis, plots.as_array(image))
            axis.axis("off")
            if i == 0:
                axis.set_title(name, loc="left", fontsize=10)
    plane, _ = right.subplots(2, 1, height_ratios=(4, 1))
    plots.draw_codes(plane, codes, labels)
    plots.draw_gaussian(plane, mu, sigma, times=(1, 2), color="black", lw=1.5)
    plane.annotate(
        "$q(z|x)$", plots.as_array(mu), (22, 18), textcoords="offset points", fontsize=12,
        arrowprops={"arrowstyle": "-", "shrinkB": 5}, bbox={"fc": "white", "ec": "none"},
    )  # fmt: skip
    return figure


# --- checks ---------------------------------------------------------------------------


def _image_size(f: nn.Module) -> int:
    """The pixels of an image that the encoder reads; ValueError unless it is a square."""
    for layer in f.modules() if isinstance(f, nn.Module) else ():
        if isinstance(layer, nn.Linear | nn.Unflatten):
            sizes = getattr(layer, "unflattened_size", None)
            n: int = math.prod(sizes) if sizes else layer.in_features  # type: ignore[assignment]
            if math.isqrt(n) ** 2 != n:
                raise ValueError(
                    f"drawings are gray square images; this encoder reads {n} numbers."
                )
            return n
    raise TypeError(
        "the encoder must be an nn.Sequential that begins with a Linear layer or, for "
        "convolutions, with nn.Unflatten(1, (1, height, width))."
    )


def _sides(n: int) -> str:
    return f"{math.isqrt(n)} × {math.isqrt(n)}"


def _checked_encoder(f: nn.Module, n: int) -> dict:
    network = browser_network(f, n_in=n)
    last = f
    while isinstance(last, nn.Sequential):
        last = last[-1]
    if not isinstance(last, GaussianHead):
        raise TypeError(
            "the encoder must end in a GaussianHead, which outputs μ and log σ² of q(z|x), "
            "as that of a VAE; the encoder of an Autoencoder outputs a point only."
        )
    if n_out(network) != 4:
        raise ValueError(
            f"the plane needs codes of 2 numbers; this encoder has {n_out(network) // 2}."
        )
    return network


def _checked_decoder(g: nn.Module, n: int) -> dict:
    network = browser_network(g, n_in=2)
    if n_out(network) != n:
        raise ValueError(
            f"the decoder must output {n} logits, {_sides(n)}, not {n_out(network)}."
        )
    if network["layers"][-1][0] not in ("linear", "conv", "transposed", "scale"):
        raise ValueError(
            f"the decoder must output logits, but it ends in {network['layers'][-1][0]}: "
            "remove the last layer, since the ELBO is computed from logits."
        )
    return network


def _checked_elbos(elbos: ArrayLike) -> np.ndarray:
    elbos = plots.as_array(elbos)
    if elbos.ndim != 1 or len(elbos) < 2:
        raise ValueError(
            "the histogram needs the ELBOs of some test digits, shape (M,), not "
            f"{elbos.shape}: elbo.elbo(vae.encoder, vae.decoder, test) computes them."
        )
    if not np.isfinite(elbos).all():
        raise ValueError("elbos contain NaN or infinity.")
    if elbos.min() == elbos.max():
        raise ValueError("all elbos are equal: one is needed for each test digit.")
    return elbos


def _checked_images(name: str, images: ArrayLike, pixels: int) -> np.ndarray:
    """Images in 256 gray levels.  (n, D) in [0, 1] -> (n, D) uint8"""
    images = plots.as_array(images)
    if images.ndim != 2 or images.shape[1] != pixels:
        raise ValueError(
            f"{name} must hold images of {pixels} pixels, one per row, not {images.shape}."
        )
    if not ((images >= 0) & (images <= 1)).all():  # also refuses NaN
        raise ValueError(f"{name} must have pixels in [0, 1], 0 is white and 1 is black.")
    return np.round(255 * images).astype(np.uint8)
