"""Drag q over the true posterior of a digit and see ELBO + KL reach log p(x)."""

from __future__ import annotations

import math

import anywidget
import numpy as np
import torch
import traitlets
from torch import Tensor

from course_utils import plots
from course_utils.objectives import Decoder, GaussianEncoder, bernoulli_nll
from course_utils.theory.evidence import Nll
from course_utils.theory.posterior_grid import (
    PosteriorGrid,
    best_gaussian,
    bound_on_grid,
    grid_log_evidence,
    posterior_grid,
)
from course_utils.widgets.core import BOTH_WAYS, with_core
from course_utils.widgets.picture import WithPicture, png


class EvidenceGap(WithPicture, anywidget.AnyWidget):
    """The posterior p(z|x) close up, a Gaussian q on it, and bars for log p(x), ELBO, KL.

        EvidenceGap(vae.decoder, vae.encoder, x[:6], labels[:6])

    decoder     p(x|z) as ``nll`` reads it, z (B, 2) -> (B, side²); f the encoder, q(z|x)
    x           (B, side²), a handful of images: each costs about 0.2 s and 30 kB
    labels      (B,), what the images are called, if they have names
    nll         of an exponential family, as for ``evidence.log_joint``
    half_width  of the plane in which a posterior is looked for
    n           points a side of each posterior's own lattice, at least

    Traits that live with the view: ``digit``, number of the image; ``mu`` and ``sigma``, two
    numbers each, of q, which start where the encoder puts them. A q that is too narrow
    for the lattice or leaves its window is moved to the limit; what reaches beyond the
    window is cut off. Properties: ``elbo`` and
    ``kl`` = KL(q ‖ p(z|x)), which add up to ``log_evidence``, nats.
    ValueError, in words, for anything that cannot be drawn or computed.
    """

    _esm = with_core("evidence_gap.js")
    _css = with_core("evidence_gap.css")

    images = traitlets.List(traitlets.Bytes()).tag(sync=True)  # uint8 (side²,), ink
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    windows = traitlets.List().tag(sync=True)  # center z₁, center z₂, reach, points a side
    log_joints = traitlets.List(traitlets.Bytes()).tag(sync=True)  # float32 (n, n)
    encoder_q = traitlets.List().tag(sync=True)  # μ₁, μ₂, σ₁, σ₂ of each image
    best_q = traitlets.List().tag(sync=True)
    half_width = traitlets.Float().tag(sync=True)
    digit = traitlets.Int(0).tag(**BOTH_WAYS)
    mu = traitlets.List(traitlets.Float(), [0.0, 0.0], 2, 2).tag(**BOTH_WAYS)
    sigma = traitlets.List(traitlets.Float(), [1.0, 1.0], 2, 2).tag(**BOTH_WAYS)

    @torch.no_grad()
    def __init__(
        self,
        decoder: Decoder,
        f: GaussianEncoder,
        x: Tensor,
        labels: Tensor | None = None,
        *,
        nll: Nll = bernoulli_nll,
        half_width: float = 5.0,
        n: int = 81,
    ) -> None:
        names = _checked_names(x, labels)
        mu, logvar = f(x)
        if mu.shape != (len(x), 2):
            raise ValueError(
                f"the gap needs codes of 2 numbers, not {tuple(mu.shape[1:])}."
            )
        encoder = [(m, s) for m, s in zip(mu, (0.5 * logvar).exp())]
        self._windows = [
            posterior_grid(decoder, image, *q, nll=nll, half_width=half_width, n=n)
            for image, q in zip(x, encoder)
        ]
        best = [best_gaussian(window, *q) for window, q in zip(self._windows, encoder)]
        images = (255 * x.clamp(0, 1)).round().byte().cpu().numpy()
        super().__init__(
            images=[image.tobytes() for image in images],
            labels=names,
            windows=[_describe(window) for window in self._windows],
            log_joints=[
                window.log_joint.numpy().astype("<f4").tobytes() for window in self._windows
            ],
            encoder_q=[torch.cat(q).tolist() for q in encoder],
            best_q=[torch.cat(q).tolist() for q in best],
            half_width=half_width,
        )
        self._as_encoded()

    @property
    def log_evidence(self) -> float:
        return grid_log_evidence(self._windows[self.digit])

    @property
    def elbo(self) -> float:
        return self._bound()["elbo"]

    @property
    def kl(self) -> float:
        return self._bound()["gap"]

    def _bound(self) -> dict[str, float]:
        q = torch.tensor([self.mu, self.sigma], dtype=torch.float64)
        terms = bound_on_grid(self._windows[self.digit], *q)
        return {name: float(value) for name, value in terms.items()}

    @traitlets.observe("digit")
    def _as_encoded(self, change: dict | None = None) -> None:
        q = self.encoder_q[self.digit]
        self.mu, self.sigma = q[:2], q[2:]

    @traitlets.validate("digit")
    def _one_of_the_images(self, proposal: dict) -> int:
        if not 0 <= proposal["value"] < len(self.labels):
            raise traitlets.TraitError(f"digit must be from 0 to {len(self.labels) - 1}.")
        return proposal["value"]

    @traitlets.validate("mu")
    def _in_the_window(self, proposal: dict) -> list[float]:
        *center, reach, _ = self.windows[self.digit]
        values = _finite("mu", proposal["value"])
        return [min(c + reach, max(c - reach, v)) for c, v in zip(center, values)]

    @traitlets.validate("sigma")
    def _on_the_lattice(self, proposal: dict) -> list[float]:
        _, _, reach, n = self.windows[self.digit]
        values = _finite("sigma", proposal["value"])
        return [min(reach / 4, max(2 * reach / (n - 1), v)) for v in values]

    def picture(self) -> bytes:
        """As it is now: posterior and q, and the bars."""
        window, bound = self._windows[self.digit], self._bound()
        figure = plots.posterior_and_bound(
            window.log_joint, window.z1, window.z2, mu=self.mu, sigma=self.sigma,
            elbo=bound["elbo"], log_evidence=self.log_evidence,
            title="What the ELBO lacks of log p(x) is KL(q ‖ p(z|x))",
        )  # fmt: skip
        return png(figure, colors=256)

    def __repr__(self) -> str:
        return f"EvidenceGap({len(self.labels)} images: {', '.join(self.labels)})"


def _describe(window: PosteriorGrid) -> list[float]:
    center = [float(z[0] + z[-1]) / 2 for z in (window.z1, window.z2)]
    reach = float(window.z1[-1] - window.z1[0]) / 2
    return [*center, reach, len(window.z1)]


def _finite(name: str, values: list[float]) -> list[float]:
    if not all(map(math.isfinite, values)):
        raise traitlets.TraitError(f"{name} must be two finite numbers.")
    return values


def _checked_names(x: Tensor, labels: Tensor | None) -> list[str]:
    if x.ndim != 2 or len(x) == 0 or math.isqrt(x.shape[1]) ** 2 != x.shape[1]:
        raise ValueError(
            f"the gap needs square images, one a row, (B, side²), not {tuple(x.shape)}."
        )
    if labels is None:
        return [f"image {i}" for i in range(len(x))]
    labels = np.asarray(labels.cpu() if hasattr(labels, "cpu") else labels)
    if labels.shape != (len(x),):
        raise ValueError(
            f"each image needs its label: {len(x)} images, labels of shape {labels.shape}."
        )
    return [str(label) for label in labels.tolist()]
