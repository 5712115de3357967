"""SideBySide in a browser, without a kernel."""

import re
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from widget_page import (
    User,
    check_delays,
    check_fit_and_contrast,
    grays,
    load,
    pixels,
    show,
)

from course_utils.models import Autoencoder
from course_utils.theory.lattice import distance_to_nearest
from course_utils.widgets.side_by_side import SideBySide

EDGE = 1.05  # the stage is larger than the box by this factor


OF_THE_COURSE = (512, 256)  # units of a network's hidden layers


@cache
def make_side(hidden=(64, 32)) -> tuple[SideBySide, list[nn.Module], list[torch.Tensor]]:
    torch.manual_seed(0)
    decoders = [Autoencoder(784, 2, hidden=hidden).decoder for _ in range(3)]
    for decoder in decoders:
        for layer in decoder:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)  # images of high contrast
        decoder.half().float()  # weights that float16 holds exactly
    decoders[2] = nn.Sequential(decoders[2], nn.Sigmoid())
    codes = [spread * torch.randn(500, 2) for spread in (1, 8, 1.2)]
    models = dict(zip(("AE", "PAE", "VAE"), zip(decoders, codes)))
    return SideBySide(models, torch.arange(500) % 10), decoders, codes


class Side(User):
    """The planes of a page: a user's actions, and what they show."""

    def __init__(self, page) -> None:
        super().__init__(page)
        self.stages = page.locator(".side-by-side .cw-stage")
        self.stages.first.wait_for()

    def z(self) -> list[float]:
        return self.page.evaluate("model.get('z')")

    def place(self, z) -> tuple[float, float]:
        edge = EDGE * self.page.evaluate("model.get('half_width')")
        return (1 + z[0] / edge) / 2, (1 - z[1] / edge) / 2

    def images(self, kind: str = "image") -> np.ndarray:
        """Gray levels of the canvases below the planes: (3, 28, width)."""
        return np.array([pixels(one) for one in self.page.locator(f".sb-{kind}").all()])

    def check(self) -> None:
        """Each column shows the image of z by torch, and the distance to its codes."""
        self.settle()
        _, decoders, codes = make_side()
        z = torch.tensor([self.z()], dtype=torch.float32)
        shown, far = self.images(), self.page.locator(".sb-far b").all_inner_texts()
        for image, text, decoder, plane in zip(shown, far, decoders, codes, strict=True):
            with torch.no_grad():
                exact = 255 - 255 * decoder(z).clamp(0, 1).view(28, 28).numpy()
            # The picture rounds to whole gray levels; sums run in another order.
            assert np.abs(image - exact).max() < 0.6
            exact = distance_to_nearest(z, plane).item()
            assert float(text) == pytest.approx(exact, abs=0.0051)


@pytest.fixture
def side(page) -> Side:
    show(page, make_side()[0])
    return Side(page)


def test_one_pointer_moves_z_in_all_planes(side, page):
    side.check()
    for i, z in enumerate([(-2, 1), (0.5, 2.5), (2.9, -2.9)]):
        page.mouse.move(*side.at(side.stages.nth(i), *side.place(z)))
        side.settle()
        assert side.z() == pytest.approx(z, abs=0.03), "the mouse: ± a pixel"
        side.check()
    for i in range(3):  # the same z at the same place of each plane
        ring = page.locator(".sb-at").nth(i).bounding_box()
        stage = side.stages.nth(i).bounding_box()
        x = (ring["x"] + ring["width"] / 2 - stage["x"]) / stage["width"]
        y = (ring["y"] + ring["height"] / 2 - stage["y"]) / stage["height"]
        assert (x, y) == pytest.approx(side.place(side.z()), abs=0.005)
    side.drag(side.stages.nth(1), (0.9, 0.5), (1.2, 0.5))
    assert side.z()[0] == 3, "z stays in the box"
    side.wait_for_save("z")
    spoken = page.locator(".cw-spoken").inner_text()
    assert re.search(r"; nearest code in AE: \d, \d\.\d\d away; in PAE: \d, ", spoken)


def test_classes_have_names(page):
    codes = torch.linspace(-2.9, 2.9, 60)[:, None].repeat(1, 2)
    names = ["circle", "ring <i>", *map(str, range(10))]
    labels = torch.arange(60) % 12
    show(page, SideBySide({"AE": (nn.Linear(2, 16), codes)}, labels, names=names))
    side = Side(page)
    buttons = page.locator(".cw-legend button")
    assert buttons.all_inner_texts() == names
    side.set(z=codes[1].tolist())
    side.stages.first.focus()
    side.press("ArrowUp")
    side.wait_for_save("z")
    spoken = page.locator(".cw-spoken").inner_text()
    assert re.search(r"; nearest code in AE: ring <i>, 0\.06 away$", spoken)
    for number in (0, 11):  # a circle of the first color, a square of the second
        buttons.nth(number).click()
        side.settle()
        canvas = side.stages.first.locator("canvas")
        *color, alpha = (pixels(canvas, channel) for channel in range(4))
        assert (alpha == 255).sum() > 100
        found = [int(np.median(level[alpha == 255])) for level in color]
        assert "#" + bytes(found).hex() == ("#3a3c67", "#f83b17")[number > 0]
        buttons.nth(number).click()


def test_a_line_leads_to_the_nearest_code(side, page):
    _, _, codes = make_side()
    side.drag(side.stages.first, side.place((1, 1)), side.place((-1.3, 2)))
    z = torch.tensor([side.z()])
    for line, plane in zip(page.locator(".sb-to-code").all(), codes, strict=True):
        start, end = (
            [float(value) for value in part.split()]
            for part in line.get_attribute("d").removeprefix("M").split("L")
        )
        assert start == pytest.approx(z[0].tolist())
        assert end == pytest.approx(plane[torch.cdist(z, plane).argmin()].tolist())


def test_touch_and_keys_move_z(side, page):
    side.touch(side.stages.nth(2), side.place((0, 0)), side.place((1, -2)))
    assert side.z() == pytest.approx((1, -2), abs=0.03)
    side.check()
    z = side.z()
    side.stages.nth(1).focus()
    for keys in ("ArrowRight", "ArrowUp", "Shift+ArrowUp"):
        side.press(keys)
    assert side.z() == pytest.approx((z[0] + 0.06, z[1] + 0.36))
    side.check()
    assert page.evaluate("() => leaked.filter((key) => key !== 'Shift')") == []


def test_another_box_applies_to_all_planes(side, page):
    page.get_by_role("radio").nth(1).check()
    assert page.evaluate("model.get('half_width')") == 10
    page.mouse.move(*side.at(side.stages.nth(1), *side.place((-7, 7))))
    side.check()
    assert side.z() == pytest.approx((-7, 7), abs=0.1)
    ticks = page.locator(".cw-below").nth(2).inner_text()
    assert "−10" in ticks and "10" in ticks
    page.get_by_role("radio").nth(0).check()
    assert side.z() == [-3, 3], "z is moved into the box"
    side.check()
    side.set(half_width=10)
    assert page.get_by_role("radio").nth(1).is_checked()


def test_draws_come_from_the_prior(page):
    load(page, make_side()[0])
    z = np.array(
        page.evaluate("() => Array.from({ length: 20000 }, () => widget.standardNormal())")
    )
    # Five standard errors: 0.036 of a mean, 0.05 of a variance or covariance, and 0.008 of
    # the share within one σ of the origin, 1 − exp(−½).
    assert z.mean(0) == pytest.approx(np.zeros(2), abs=0.036)
    assert np.cov(z.T) == pytest.approx(np.eye(2), abs=0.05)
    within = (np.linalg.norm(z, axis=1) < 1).mean()
    assert within == pytest.approx(1 - np.exp(-0.5), abs=0.018)


def test_a_draw_moves_z_and_its_pictures_are_kept(side, page):
    assert (side.images("draws") == 0).all(), "nothing is drawn yet"
    button = page.get_by_role("button", name="Draw")
    button.click()
    side.check()
    first, z = side.images(), side.z()
    assert z != [0, 0] and (side.images("draws")[:, :, :28] == first).all()
    button.focus()
    side.press("Enter")
    side.check()
    assert side.z() != z
    past = side.images("draws")
    assert (past[:, :, :28] == side.images()).all() and (past[:, :, 28:56] == first).all()
    assert page.evaluate("() => leaked") == []

    page.evaluate("() => { Math.random = () => 1 - 1e-7; }")  # 5.7 to the right
    button.click()
    assert page.evaluate("model.get('half_width')") == 10, "z needs the larger box"
    assert side.z() == pytest.approx([(14 * np.log(10)) ** 0.5, 0], abs=1e-4)
    side.check()


def test_it_cleans_up(side, page):
    page.mouse.move(*side.at(side.stages.first, 0.3, 0.3))
    side.close()
    assert page.evaluate("() => saved.length") == 1, "the last z is saved"


@pytest.mark.timing
def test_three_decoders_respond_within_a_frame(page):
    show(page, make_side(OF_THE_COURSE)[0])
    side = Side(page)
    stage = side.stages.nth(1)

    def move():
        for place in ((0.2, 0.2), (0.8, 0.3), (0.3, 0.8)):
            page.mouse.move(*side.at(stage, *place), steps=20)

    check_delays(page, stage, "pointermove", move)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 700, 400])
def test_planes_are_side_by_side_with_readable_text(side, page, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.get_by_role("button", name="Draw").click()
    side.settle()
    check_fit_and_contrast(page.locator(".side-by-side"), side.stages.first, scheme)
    boxes = [side.stages.nth(i).bounding_box() for i in range(3)]
    assert len({box["y"] for box in boxes}) == 1
    assert min(box["width"] for box in boxes) > 110
    assert max(box["width"] for box in boxes) - min(box["width"] for box in boxes) < 1
    _, surface = grays(side.stages.first)
    for name in (".sb-z", ".sb-far b", ".cw-title"):
        text = page.locator(name).first
        assert abs(grays(text)[0] - surface) > 128, name
        assert text.evaluate("(el) => el.scrollWidth <= el.clientWidth + 1"), name
    paper = grays(page.locator(".sb-image").first)[1]
    assert paper == 255, "images are white in each theme"
