"""Drag q over the true posterior of a digit and see ELBO + KL reach log p(x)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import traitlets
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from course_utils import plots
from course_utils._validation import gaussian_code
from course_utils.modes import measure
from course_utils.objectives import Decoder, GaussianEncoder, bernoulli_nll
from course_utils.theory.evidence import Nll
from course_utils.theory.posterior_grid import (
    PosteriorGrid,
    best_gaussian,
    bound_on_grid,
    grid_log_evidence,
    posterior_grid,
)
from course_utils.widgets._validation import (
    check_image_rows,
    finite,
    gray_shape,
    index_below,
)
from course_utils.widgets.core import BOTH_WAYS, with_core
from course_utils.widgets.picture import WithPicture, png

HALF_WIDTH = 5.0  # a of the plane [−a, a]² in which the posterior is searched


class EvidenceGap(WithPicture):
    """The posterior p(z|x), a Gaussian q over it, and bars for log p(x), ELBO and KL.

        EvidenceGap(vae.encoder, vae.decoder, x[:6], labels[:6])

    f       encoder, q(z|x): x (B, D) -> mu, logvar (B, 2)
    g       decoder, parameters of p(x|z) for ``nll``: z (B, 2) -> (B, D)
    x       (B, D), a few images: each costs about 0.2 s and 30 kB
    labels  (B,), names of the images, optional
    nll     of an exponential family, as for ``evidence.log_joint``
    shape   height and width of the images, by default square

    Both networks are evaluated in eval mode.

    Traits shared with the view: ``digit``, index of the image; ``mu`` and ``sigma``, two
    numbers each, of q, initially the encoder's. A q that is too narrow for the grid or
    outside its window is moved to the limit, and truncated at the edge of the window.
    In nats: ``elbo`` and ``kl`` = KL(q ‖ p(z|x)), which add up to ``log_evidence``.
    TypeError or ValueError for anything that cannot be drawn or computed.
    """

    _esm = with_core("evidence_gap.js")
    _css = with_core("evidence_gap.css")

    images = traitlets.List(traitlets.Bytes()).tag(sync=True)  # uint8 (D,), ink
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # height and width of images
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    windows = traitlets.List(traitlets.List()).tag(sync=True)  # of _describe
    log_joints = traitlets.List(traitlets.Bytes()).tag(sync=True)  # float32 (n, n)
    encoder_q = traitlets.List(traitlets.List()).tag(sync=True)  # (B, 4): μ₁, μ₂, σ₁, σ₂
    best_q = traitlets.List(traitlets.List()).tag(sync=True)
    half_width = traitlets.Float(HALF_WIDTH).tag(sync=True)
    digit = traitlets.Int(0).tag(**BOTH_WAYS)
    mu = traitlets.List(traitlets.Float(), [0.0, 0.0], 2, 2).tag(**BOTH_WAYS)
    sigma = traitlets.List(traitlets.Float(), [1.0, 1.0], 2, 2).tag(**BOTH_WAYS)

    @measure
    def __init__(
        self,
        f: GaussianEncoder,
        g: Decoder,
        x: Tensor,
        labels: ArrayLike | None = None,
        *,
        nll: Nll = bernoulli_nll,
        shape: plots.Shape | None = None,
    ) -> None:
        check_image_rows(x)
        sides = gray_shape(x.shape[1], shape)
        if labels is None:
            labels = [f"image {i}" for i in range(len(x))]
        names = plots.as_labels(labels, len(x), "images").tolist()
        mu, logvar = gaussian_code(f, x)
        if mu.shape[1] != 2:
            raise ValueError(
                f"the gap needs codes of 2 numbers, not {tuple(mu.shape[1:])}."
            )
        encoder_q = list(zip(mu, (0.5 * logvar).exp()))
        self._windows = [
            posterior_grid(g, image, *q, nll=nll, half_width=HALF_WIDTH)
            for image, q in zip(x, encoder_q)
        ]
        best = [best_gaussian(window, *q) for window, q in zip(self._windows, encoder_q)]
        images = (255 * x.clamp(0, 1)).round().byte().cpu().numpy()
        super().__init__(
            images=[image.tobytes() for image in images],
            shape=sides,
            labels=list(map(str, names)),
            windows=[_describe(window) for window in self._windows],
            log_joints=[
                window.log_joint.numpy().astype("<f4").tobytes() for window in self._windows
            ],
            encoder_q=[torch.cat(q).tolist() for q in encoder_q],
            best_q=[torch.cat(q).tolist() for q in best],
        )
        self._set_q_of_encoder()

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
    def _set_q_of_encoder(self, change: dict | None = None) -> None:
        q = self.encoder_q[self.digit]
        self.mu, self.sigma = q[:2], q[2:]

    @traitlets.validate("digit")
    def _one_of_the_images(self, proposal: dict) -> int:
        return index_below(len(self.labels), proposal)

    @traitlets.validate("mu")
    def _in_the_window(self, proposal: dict) -> list[float]:
        *center, reach, _ = self.windows[self.digit]
        pairs = zip(center, finite(proposal))
        return [min(c + reach, max(c - reach, value)) for c, value in pairs]

    @traitlets.validate("sigma")
    def _within_limits(self, proposal: dict) -> list[float]:
        _, _, reach, n = self.windows[self.digit]
        smallest = 2 * reach / (n - 1)  # the spacing of the grid
        return [min(reach / 4, max(smallest, value)) for value in finite(proposal)]

    def picture(self) -> bytes:
        """The current posterior and q, and the bars."""
        window, bound = self._windows[self.digit], self._bound()
        figure = _draw(window, self.mu, self.sigma, bound["elbo"], self.log_evidence)
        return png(figure, colors=256)

    def __repr__(self) -> str:
        return f"EvidenceGap({len(self.labels)} images: {', '.join(self.labels)})"


def _describe(window: PosteriorGrid) -> list[float]:
    """Center z₁, center z₂, half width, points per side."""
    center = [float(z[0] + z[-1]) / 2 for z in (window.z1, window.z2)]
    reach = float(window.z1[-1] - window.z1[0]) / 2
    return [*center, reach, len(window.z1)]


def _draw(
    window: PosteriorGrid,
    mu: Sequence[float],
    sigma: Sequence[float],
    elbo: float,
    log_evidence: float,
) -> Figure:
    """p(z|x) with q at one and two σ; bars for the last nats below log p(x)."""
    title = "The gap between ELBO and log p(x) is KL(q ‖ p(z|x))"
    ratios = {"width_ratios": (1.25, 1)}
    figure, [plane, bars] = plots.new_figure((8.2, 4.4), 1, 2, title, **ratios)
    plots.draw_posterior(
        plane, *map(plots.as_array, (window.z1, window.z2, window.log_joint))
    )
    plots.draw_gaussian(plane, mu, sigma, times=(1, 2), color="#d95f0e", lw=1.5)
    plane.plot(*mu, "o", color="#d95f0e", ms=4)
    plane.set(xlabel="$z_1$", ylabel="$z_2$", title="true posterior and $q$ (1σ, 2σ)")

    gap = log_evidence - elbo
    floor = log_evidence - max(16, 1.3 * gap)
    bars.bar(0, log_evidence - floor, bottom=floor, color="#6baed6")
    bars.bar(1, elbo - floor, bottom=floor, color="#fdae6b")
    bars.bar(1, gap, bottom=elbo, color="white", edgecolor="#d95f0e", hatch="////", lw=0)
    bars.axhline(log_evidence, color="black", lw=1)
    middle = (elbo + log_evidence) / 2
    bars.text(1.45, middle, f"KL(q ‖ p(z|x))\n{gap:.2f}", va="top" if gap < 2 else "center")
    for x, value in enumerate((log_evidence, elbo)):
        text = plots.with_minus(f"{value:.2f}")
        bars.text(x, (floor + elbo) / 2, text, ha="center", va="center")
    bars.set(xticks=(0, 1), xticklabels=("log p(x)", "ELBO"), ylabel="nats")
    bars.set(xlim=(-0.5, 2.4), ylim=(floor, log_evidence + 1))
    bars.spines[["top", "right"]].set_visible(False)
    return figure
