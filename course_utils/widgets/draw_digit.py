"""Draw an image and see its posterior, reconstruction and ELBO under a VAE."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor, nn

from course_utils import plots
from course_utils._validation import in_words
from course_utils.models import GaussianHead
from course_utils.objectives import bernoulli_nll, kl_to_standard_normal
from course_utils.widgets._validation import checked_points, checked_shape, gray_shape
from course_utils.widgets.classes import WithClasses, are_digits, class_traits
from course_utils.widgets.core import BOTH_WAYS, with_core
from course_utils.widgets.network import browser_network, n_out
from course_utils.widgets.picture import WithPicture, png

DRAWS = 64  # z ~ q(z|x) over which the browser averages
SHOWN = 6  # of them, as images
OF_MNIST = [28, 28], [14, 14]  # sizes of its digits, and of those of ``data.half_size``


class DrawDigit(WithPicture, WithClasses):
    """A canvas to draw on, and q(z|x), reconstruction and ELBO: the lecture's "Testing".

        mu, _ = vae.encoder(test)
        elbos = elbo.elbo(vae.encoder, vae.decoder, test)
        DrawDigit(vae.encoder, vae.decoder, mu, labels, elbos, examples=test[:6])

    f         encoder, q(z|x): an nn.Sequential that the browser can run, at the end a
              GaussianHead with two codes, x (B, D) -> mu, logvar (B, 2). Its first layer
              is a Linear of D pixels or, for convolutions, nn.Unflatten(1, (1, H, W)).
    g         decoder, p(x|z): an nn.Sequential, z (B, 2) -> logits of D pixels
    codes     (N, 2), means of test images, drawn as dots
    labels    (N,), whole numbers from 0, or words, of any number of classes. Ten have
              colors of their own; more than ten differ by color and marker.
    elbos     (M,), nats, of test images, for comparison with that of the drawing
    names     of the classes: those of labels 0, 1, …, or the order of words
    shape     (height, width) of an image, gray; by default as the encoder's Unflatten
              says, else a square
    examples  test images in [0, 1] to start from, (n, D), (n, H, W) or (n, 1, H, W); the
              first is shown at once

    The browser runs copies of both networks in float16 and takes the mean over 64 fixed
    draws of ε, so that the ELBO does not fluctuate; they do not follow further training.
    Images of 28 × 28 or 14 × 14 pixels with the classes 0 to 9 are MNIST's digits: there a
    drawing becomes x as they did, cropped, its longer side scaled to 20 of 28 pixels,
    placed with its center of mass in the middle. Every other drawing keeps its place and
    size: a pixel of x is the mean of the paper under it.

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
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # height, width
    digits = traitlets.Bool().tag(sync=True)  # whether these are MNIST's
    codes = traitlets.Bytes().tag(sync=True)  # float32 (N, 2)
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
        names: Sequence[str] | None = None,
        shape: plots.Shape | None = None,
        examples: ArrayLike | None = None,
    ) -> None:
        sides = _drawn_shape(f, g, shape)
        encoder, decoder = _checked_encoder(f, sides), _checked_decoder(g, sides)
        codes = checked_points("codes", codes)
        _, classes = class_traits(labels, len(codes), names)
        self._points = codes, labels, names
        images = _checked_images("examples", [] if examples is None else examples, sides)
        elbos = _checked_elbos(elbos)
        self._networks = copy.deepcopy(f).eval(), copy.deepcopy(g).eval()
        self._eps = torch.randn(DRAWS, 2, generator=torch.Generator().manual_seed(0))
        super().__init__(
            encoder=encoder,
            decoder=decoder,
            eps=self._eps.numpy().astype("<f4").tobytes(),
            shape=sides,
            digits=sides in OF_MNIST and are_digits(classes),
            codes=codes.astype("<f4").tobytes(),
            **classes,
            elbos=elbos.astype("<f4").tobytes(),
            examples=[image.tobytes() for image in images],
            pixels=images[0].tobytes() if len(images) else bytes(math.prod(sides)),
        )

    @traitlets.validate("pixels")
    def _an_image(self, proposal: dict) -> bytes:
        n = math.prod(self.shape)
        if len(proposal["value"]) != n:
            raise traitlets.TraitError(
                f"pixels must be {n} bytes, {_text(self.shape)}, not "
                f"{len(proposal['value'])}."
            )
        return proposal["value"]

    @property
    def x(self) -> Tensor:
        """Input of the encoder, on its device.  -> (1, D) in [0, 1]"""
        pixels = torch.frombuffer(bytearray(self.pixels), dtype=torch.uint8)
        return (pixels.float() / 255)[None].to(next(self._networks[0].parameters()))

    @x.setter
    def x(self, image: ArrayLike) -> None:
        image = np.atleast_1d(plots.as_array(image))
        batch = image if len(image) == 1 else image[None]
        self.pixels = _checked_images("x", batch, self.shape).tobytes()

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
        figure = _draw(*self._points, self.mu, self.sigma, images, self.shape)
        scores = figure.axes[-1]
        scores.hist(np.frombuffer(self.elbos, "<f4"), bins=60, color="#9aa0a6")
        scores.axvline(self.elbo, color="black", lw=2)
        of = "digits" if self.digits else "images"
        label = f"ELBO of test {of}, nats; of the drawing: {self.elbo:.0f}"
        scores.set(xlabel=plots.with_minus(label), yticks=[])
        return png(figure, colors=128)

    def __repr__(self) -> str:
        codes, elbos = len(self._points[0]), len(self.elbos) // 4
        return f"DrawDigit({codes} codes, {elbos} ELBOs, {len(self.examples)} examples)"


def _draw(
    codes: np.ndarray,
    labels: ArrayLike,
    names: Sequence[str] | None,
    mu: Tensor,
    sigma: Tensor,
    images: Mapping[str, Tensor],
    shape: plots.Shape,
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
            plots.draw_image(axis, plots.as_array(image), shape)
            axis.axis("off")
            if i == 0:
                axis.set_title(name, loc="left", fontsize=10)
    plane, _ = right.subplots(2, 1, height_ratios=(4, 1))
    plots.draw_codes(plane, codes, labels, names=names)
    plane.set_anchor("E")  # so that the layout leaves room for the legend at its right
    plots.draw_gaussian(plane, mu, sigma, times=(1, 2), color="black", lw=1.5)
    plane.annotate(
        "$q(z|x)$", plots.as_array(mu), (22, 18), textcoords="offset points", fontsize=12,
        arrowprops={"arrowstyle": "-", "shrinkB": 5}, bbox={"fc": "white", "ec": "none"},
    )  # fmt: skip
    return figure


# --- checks ---------------------------------------------------------------------------


def _drawn_shape(f: nn.Module, g: nn.Module, shape: plots.Shape | None) -> list[int]:
    """Height and width of the images that the encoder reads.

    TypeError if no layer tells; ValueError for another ``shape``, and for color.
    """
    layers = f.modules() if isinstance(f, nn.Module) else ()
    first = next((a for a in layers if isinstance(a, nn.Linear | nn.Unflatten)), None)
    if first is None:
        raise TypeError(
            "the encoder must be an nn.Sequential that begins with a Linear layer or, for "
            "convolutions, with nn.Unflatten(1, (1, height, width))."
        )
    own = (first.in_features,) if isinstance(first, nn.Linear) else first.unflattened_size
    if -1 in own:  # torch computes this side from the others
        row = torch.empty(1, n_out(browser_network(g, n_in=2)))
        with in_words(f"{first}, for images as the decoder makes them,"):
            own = row.unflatten(1, own).shape[1:]
    sides = checked_shape(torch.empty(1, *own), shape)
    return gray_shape(math.prod(sides), sides)


def _text(shape: plots.Shape) -> str:
    height, width = shape
    return f"{height} × {width}"


def _checked_encoder(f: nn.Module, shape: list[int]) -> dict:
    network = browser_network(f, n_in=math.prod(shape))
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


def _checked_decoder(g: nn.Module, shape: list[int]) -> dict:
    network, n = browser_network(g, n_in=2), math.prod(shape)
    if n_out(network) != n:
        raise ValueError(
            f"the decoder must output {n} logits, {_text(shape)}, not {n_out(network)}."
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
            "the histogram needs the ELBOs of some test images, shape (M,), not "
            f"{elbos.shape}: elbo.elbo(vae.encoder, vae.decoder, test) computes them."
        )
    if not np.isfinite(elbos).all():
        raise ValueError("elbos contain NaN or infinity.")
    if elbos.min() == elbos.max():
        raise ValueError("all elbos are equal: one is needed for each test image.")
    return elbos


def _checked_images(name: str, images: ArrayLike, shape: list[int]) -> np.ndarray:
    """Gray images as rows of bytes.  (n, D), (n, H, W) or (n, 1, H, W) -> (n, D) uint8"""
    images = np.atleast_1d(plots.as_array(images))
    n, pixels = len(images), math.prod(shape)
    if n and images.shape[1:] not in ((pixels,), (*shape,), (1, *shape)):
        raise ValueError(
            f"{name} must hold gray images of {_text(shape)} pixels, in rows (n, {pixels}) "
            f"or (n, {shape[0]}, {shape[1]}), not {images.shape}."
        )
    if not ((images >= 0) & (images <= 1)).all():  # also refuses NaN
        raise ValueError(f"{name} must have pixels in [0, 1], 0 is white and 1 is black.")
    return np.round(255 * images).astype(np.uint8).reshape(n, pixels)
