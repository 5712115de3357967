"""The latent walk in a real browser, without a kernel."""

import numpy as np
import torch
from hands import RENDER, load
from torch import nn
from walk import Walk

from course_utils.widgets import LatentWalk


def vivid_decoder() -> nn.Sequential:
    """2 → 256 → 512 → 784 as in the course, with weights whose pixels use all grays."""
    torch.manual_seed(0)
    decoder = nn.Sequential(
        nn.Sequential(
            *(nn.Linear(2, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU()),
            nn.Linear(512, 784),
        ),
        nn.Sigmoid(),
    )
    for module in decoder.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight)
    return decoder


def make_walk(decoder: nn.Module) -> LatentWalk:
    return LatentWalk(decoder, torch.randn(200, 2), torch.arange(200) % 10)


def decode_in_browser(page, z: torch.Tensor) -> np.ndarray:
    script = """(z) => {
        const decode = widget.makeNetwork(model.get("decoder"));
        return z.map((point) => Array.from(decode(point)));
    }"""
    return np.array(page.evaluate(script, z.tolist()))


def test_the_browser_decodes_what_torch_decodes(page):
    decoder = vivid_decoder()
    load(page, make_walk(decoder))
    z = 5 * (2 * torch.rand(200, 2) - 1)
    in_browser = 255 * decode_in_browser(page, z)
    with torch.no_grad():
        exact = 255 * decoder(z).numpy()
        rounded = 255 * decoder.half().float()(z).numpy()
    assert exact.std() > 60, "the comparison is only worth something on vivid images"
    # The same numbers in another order of summation: float32 rounding, and no more.
    assert np.abs(in_browser - rounded).max() < 0.01
    # Weights in float16 have a relative error of 2⁻¹¹: invisible, below one gray level.
    assert np.abs(in_browser - exact).max() <= 1


def test_without_a_kernel_it_draws_saves_and_cleans_up(page):
    load(page, make_walk(vivid_decoder()))
    page.evaluate(RENDER)
    walk = Walk(page)
    before = walk.pixels()
    walk.plane.evaluate(
        """(stage) => {
            const { left, top, width } = stage.getBoundingClientRect();
            for (let x = 0.2; x < 0.7; x += 0.01) {
                const place = { clientX: left + x * width, clientY: top + 0.3 * width };
                stage.dispatchEvent(new PointerEvent("pointermove", place));
            }
        }"""
    )
    walk.settle()
    assert (walk.pixels() != before).any()
    page.wait_for_function("() => saved.length > 0")
    page.wait_for_timeout(200)
    assert page.evaluate("() => saved.length") == 1, "one message, once the hand rests"
    walk.hover(0.8, 0.8)
    page.evaluate("() => cleanUp()")
    assert page.evaluate("() => saved.length") == 2, "the last place is not forgotten"
    assert page.evaluate("() => model.listening()") == 0


def test_images_lie_on_their_place_in_the_lattice(page):
    decoder = vivid_decoder()
    load(page, make_walk(decoder))
    page.evaluate(RENDER)
    walk = Walk(page)
    walk.wait_for_lattice()
    drawn = walk.pixels(".lw-lattice canvas").reshape(21, 28, 21, 28)
    for row, column in [(0, 0), (0, 20), (10, 10), (20, 0), (3, 17)]:
        z = torch.tensor([[-1 + 0.1 * column, 1 - 0.1 * row]])  # z₂ grows upward
        with torch.no_grad():
            ink = 255 * decoder(z).numpy().reshape(28, 28)
        # One gray level for float16, half a level for the rounding to whole ones.
        assert np.abs(255 - ink - drawn[row, :, column]).max() <= 1.5
