"""Images that are no squares, in each widget that draws those of a model."""

import numpy as np
import pytest
import torch
from torch import nn
from widget_page import pixels, show, wait_until

from course_utils.models import VAE
from course_utils.widgets import EvidenceGap, LatentWalk, SideBySide

SHAPE = HEIGHT, WIDTH = 4, 9
RAMP = torch.linspace(0, 1, HEIGHT * WIDTH)  # another shape would break its rows
GRAYS = 255 - 255 * RAMP.view(SHAPE).numpy()


def ramp() -> nn.Linear:
    """A decoder that gives the ramp everywhere."""
    decoder = nn.Linear(2, len(RAMP))
    nn.init.zeros_(decoder.weight)
    decoder.bias.data = RAMP.clone()
    return decoder


def make_walk() -> LatentWalk:
    walk = LatentWalk(ramp(), torch.randn(20, 2), torch.arange(20) % 10, shape=SHAPE)
    walk.path = "straight"
    return walk


def make_side() -> SideBySide:
    return SideBySide({"g": (ramp(), torch.randn(9, 2))}, torch.arange(9), shape=SHAPE)


def make_gap() -> EvidenceGap:
    torch.manual_seed(0)
    vae = VAE(len(RAMP), 2, (8,))
    return EvidenceGap(vae.encoder, vae.decoder, RAMP[None], shape=SHAPE)


@pytest.mark.parametrize(
    "make, canvas, images",
    [
        (make_walk, ".lw-here canvas", (1, 1)),
        (make_walk, ".lw-lattice canvas", (21, 21)),
        (make_walk, ".lw-strip", (1, None)),
        (make_side, ".sb-image", (1, 1)),
        (make_gap, ".eg-digits canvas", (1, 1)),
    ],
)
def test_each_canvas_has_the_rows_of_the_images(page, make, canvas, images):
    show(page, make())

    def is_drawn() -> bool:
        """Lattice and strip are drawn in slices."""
        drawn = pixels(page.locator(canvas).first)
        rows, columns = images[0], images[1] or drawn.shape[1] // WIDTH
        expected = np.tile(GRAYS, (rows, columns))
        return drawn.shape == expected.shape and np.abs(drawn - expected).max() <= 1

    wait_until(page, is_drawn)
