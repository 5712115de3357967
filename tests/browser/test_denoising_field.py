"""The denoising field in a browser, without a kernel."""

from functools import cache
from itertools import pairwise

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

from course_utils.theory import mixtures
from course_utils.theory.lattice import distance_to_nearest
from course_utils.widgets.denoising_field import DenoisingField

SIGMAS = (0.2, 0.4, 0.8)


class RandomDenoiser(nn.Sequential):
    """A random network of the notebook's size, with outputs near the point ``to``."""

    def __init__(self, to: tuple[float, float]) -> None:
        widths = (2, 128, 128, 64, 128, 128, 2)
        layers = [nn.Linear(a, b) for a, b in pairwise(widths)]
        steps = [step for layer in layers[:-1] for step in (layer, nn.ReLU())]
        super().__init__(*steps, layers[-1])
        with torch.no_grad():
            layers[-1].weight *= 2
            layers[-1].bias.copy_(torch.tensor(to))


@cache
def make_field() -> tuple[DenoisingField, dict[float, nn.Module], torch.Tensor]:
    torch.manual_seed(0)
    denoisers = {s: RandomDenoiser((s, -2 * s)) for s in SIGMAS}
    points = mixtures.sample_mixture(300, mixtures.ring_of_means(), sigma=0.2)
    return DenoisingField(denoisers, points), denoisers, points


@torch.no_grad()
def follow(r: nn.Module, x: torch.Tensor, steps: int) -> torch.Tensor:
    for _ in range(steps):
        x = x + 0.1 * (r(x) - x)
    return x


class Field(User):
    """The field of a page: a user's actions, and what it shows."""

    def __init__(self, page) -> None:
        super().__init__(page)
        self.stage = page.locator(".denoising-field .cw-stage")
        self.stage.wait_for()

    def place(self, x) -> tuple[float, float]:
        """The position of x on the stage, as shares of its width and height."""
        return (1 + x[0] / 3) / 2, (1 - x[1] / 3) / 2

    def particles(self) -> np.ndarray:
        return np.array(
            self.page.evaluate(
                """() => [...document.querySelectorAll(".df-particle")].map((node) =>
                    [+node.getAttribute("cx"), +node.getAttribute("cy")])"""
            )
        )

    def wait_for_rest(self, word: str = "at rest") -> str:
        caption = self.page.locator(".df-read caption")
        self.page.wait_for_function(
            "([el, word]) => el.textContent.includes(word)",
            arg=[caption.element_handle(), word],
        )
        return caption.inner_text()

    def number(self, name: str) -> float:
        return float(self.page.locator(name).first.inner_text().replace("−", "-"))

    def trail_pixels(self) -> int:
        """The number of pixels of the trails."""
        return (pixels(self.page.locator(".cw-stage canvas").nth(1), channel=3) > 0).sum()


@pytest.fixture
def field(page) -> Field:
    show(page, make_field()[0])
    return Field(page)


def test_the_browser_s_steps_are_those_of_torch(page):
    widget, denoisers, points = make_field()
    load(page, widget)
    script = """([index, starts, steps]) => {
        const r = widget.makeNetwork(model.get("networks")[index]);
        return starts.map((x) => {
            for (let i = 0; i < steps; i++) {
                ({ x } = widget.denoisingStep(r, x, model.get("eta")));
            }
            return x;
        });
    }"""
    starts = 6 * torch.rand(20, 2) - 3
    for index, r in enumerate(denoisers.values()):
        for steps in (1, 60):
            found = torch.tensor(page.evaluate(script, [index, starts.tolist(), steps]))
            # float16 keeps 11 bits of a weight, so r(x) is right to some 1e-3, and the
            # errors of all steps add up to what one whole r(x) has.
            torch.testing.assert_close(found, follow(r, starts, steps), atol=5e-3, rtol=0)
            assert (found - starts).norm(dim=1).mean() > 0.05, "the particles move"

    script = """(xs) => {
        const { buffer, byteOffset, byteLength } = model.get("points");
        const points = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
        return xs.map((x) => widget.nearestCode(points, x).distance);
    }"""
    found = torch.tensor(page.evaluate(script, starts.tolist()))
    torch.testing.assert_close(found, distance_to_nearest(starts, points))


def test_a_click_drops_a_particle_which_follows_the_arrows_to_rest(field, page):
    _, denoisers, points = make_field()
    start = (-1.5, 1.2)
    field.drag(field.stage, (0.9, 0.9), field.place(start))
    dropped = page.evaluate("model.get('start')")
    assert dropped == pytest.approx(start, abs=0.03), "where the drag ends: ± two pixels"
    caption = field.wait_for_rest()
    steps = int(caption.split()[-2])
    end = follow(denoisers[0.2], torch.tensor([dropped]), steps)
    assert field.particles() == pytest.approx(end.numpy(), abs=5e-3)
    x = torch.from_numpy(field.particles()).float()
    assert field.number(".df-near") == pytest.approx(
        distance_to_nearest(x, points).item(), abs=0.0051
    )
    assert (denoisers[0.2](x) - x).norm() < 0.008, "0.003 at rest, and float16"
    # A path is no shorter than the straight line; this one is nearly straight.
    straight = np.linalg.norm(field.particles()[0] - dropped)
    assert straight - 0.006 < field.number(".df-way") < 1.3 * straight
    assert field.trail_pixels() > 100, "its trail is visible"
    assert page.evaluate("() => saved.at(-1).start") == dropped
    spoken = page.locator(".cw-spoken").inner_text()
    assert "at rest" in spoken and "nearest data point" in spoken


def test_it_requests_no_frames_at_rest_or_after_the_clean_up(field, page):
    page.evaluate(
        """() => {
            const request = requestAnimationFrame.bind(window);
            window.requested = 0;
            window.requestAnimationFrame = (f) => { requested += 1; return request(f); };
        }"""
    )

    def requests_no_frame() -> bool:
        before = page.evaluate("requested")
        page.wait_for_timeout(200)
        return page.evaluate("requested") == before

    assert requests_no_frame(), "nothing moves before the first particle"
    page.get_by_role("button", name="one from").click()
    page.wait_for_function("() => requested > 3")
    field.wait_for_rest()
    assert requests_no_frame()
    page.get_by_role("button", name="100").click()
    page.evaluate("() => cleanUp()")
    assert requests_no_frame()
    assert page.evaluate("() => model.listening()") == 0


def test_touch_drops_a_particle(field, page):
    field.touch(field.stage, field.place((1, 1)), field.place((1.5, 2)))
    assert page.evaluate("model.get('start')") == pytest.approx((1.5, 2), abs=0.02)
    assert len(field.particles()) == 1


def test_keys_move_the_pointer_and_drop_particles(field, page):
    field.stage.focus()
    for keys in ("ArrowRight", "ArrowUp", "ArrowUp", "Shift+ArrowLeft"):
        field.press(keys)
    assert len(field.particles()) == 0
    field.press("Enter")
    assert page.evaluate("model.get('start')") == pytest.approx((0.09, 0.24))
    field.press("Space")
    assert len(field.particles()) == 2
    page.get_by_role("button", name="one from (0.1, 0.2)").focus()
    field.press("Enter")
    assert len(field.particles()) == 3
    assert page.evaluate("() => leaked.filter((key) => key !== 'Shift')") == []


def test_the_pointer_shows_the_denoiser_s_output(field, page):
    r = make_field()[1][0.2]

    def position(name):
        node = page.locator(f".{name}")
        return [float(node.get_attribute(key)) for key in ("cx", "cy")]

    page.mouse.move(*field.at(field.stage, 0.25, 0.6))
    field.settle()
    x = position("df-pointer")
    assert x == pytest.approx((-1.5, -0.6), abs=0.03)
    assert position("df-answer") == pytest.approx(r(torch.tensor(x)).tolist(), abs=3e-3)
    assert len(field.particles()) == 0, "hovering drops nothing"
    page.mouse.move(5, 5)
    field.settle()
    assert position("df-pointer") == [0, 0], "without a mouse, the start of the button"


def test_another_sigma_changes_the_field_and_particles_continue(field, page):
    _, denoisers, _ = make_field()
    arrows = page.locator(".df-arrows")
    page.get_by_role("button", name="one from").click()
    field.wait_for_rest()
    first, drawn = field.particles()[0], arrows.get_attribute("d")
    slider = page.get_by_role("slider")
    slider.focus()
    field.press("ArrowRight")
    assert page.evaluate("model.get('sigma')") == 0.4
    assert arrows.get_attribute("d") != drawn
    field.wait_for_rest(": step")  # they move again
    field.wait_for_rest()
    x = torch.from_numpy(field.particles()).float()
    assert (denoisers[0.4](x) - x).norm() < 0.008
    assert np.linalg.norm(field.particles()[0] - first) > 0.2
    field.wait_for_save("sigma")
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    assert page.evaluate("model.get('sigma')") == 0.8
    field.set(sigma=0.2)
    assert slider.input_value() == "0" and arrows.get_attribute("d") == drawn
    assert page.evaluate("() => leaked") == []


def test_arrows_start_on_the_lattice_and_point_along_the_field(field, page):
    widget = make_field()[0]
    at, vectors = (
        np.frombuffer(values, "<f4").reshape(-1, 2)
        for values in (widget.lattice, widget.fields[0])
    )
    path = page.locator(".df-arrows").get_attribute("d")
    shafts = np.array(
        [
            [float(value) for value in part.replace("L", " ").split()]
            for part in path.split("M")[1::2]
        ]
    )
    assert shafts[:, :2] == pytest.approx(at, abs=1e-6)
    ratio = (shafts[:, 2:] - shafts[:, :2]) / vectors
    assert ratio == pytest.approx(ratio[0, 0], rel=1e-3), "one scale for all"
    assert ratio[0, 0] > 0


def test_a_hundred_particles_start_uniformly_and_can_be_cleared(field, page):
    page.emulate_media(reduced_motion="reduce")  # they are at rest sooner
    start_places = """() => {
        document.querySelector(".df-crowd").click(); // positions before they move
        return [...document.querySelectorAll(".df-particle")].map((node) =>
            [+node.getAttribute("cx"), +node.getAttribute("cy")]);
    }"""
    spread = np.array(page.evaluate(start_places))
    assert len(spread) == 100 and (np.abs(spread) <= 3).all()
    # Uniform in [−3, 3]: deviation √3, whose 5 standard errors at 100 draws are 0.4.
    assert spread.std(0) == pytest.approx(3**0.5, abs=0.4)
    field.wait_for_rest()
    assert "100 particles" in page.locator(".df-read caption").inner_text()
    assert page.locator(".df-mean").first.inner_text() == "on average"
    field.stage.focus()
    for _ in range(60):
        page.keyboard.press("Enter")
    assert len(field.particles()) == 150, "the oldest are removed"
    page.get_by_role("button", name="clear").click()
    assert len(field.particles()) == 0 and field.trail_pixels() == 0
    assert page.locator(".df-way").inner_text() == "–"


@pytest.mark.timing
def test_a_hundred_particles_are_drawn_within_a_frame(field, page):
    def move():
        page.get_by_role("button", name="100").click()
        field.drag(field.stage, (0.2, 0.2), (0.8, 0.3), (0.3, 0.8), steps=30)

    check_delays(page, field.stage, "pointermove", move)


@pytest.mark.timing
def test_changing_sigma_with_a_hundred_particles_takes_less_than_a_frame(field, page):
    slider = page.get_by_role("slider")

    def turn():
        page.get_by_role("button", name="100").click()
        field.drag(slider, (0.02, 0.5), *[(0.98, 0.5), (0.02, 0.5)] * 16, steps=4)

    check_delays(page, slider, "input", turn)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 700, 400])
def test_it_fits_the_page_with_readable_text(field, page, scheme, width):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    page.get_by_role("button", name="one from").click()
    field.wait_for_rest()
    check_fit_and_contrast(page.locator(".denoising-field"), field.stage, scheme)
    plane, side = (page.locator(f".df-{n}").bounding_box() for n in ("plane", "side"))
    beside = side["x"] > plane["x"] + plane["width"]
    assert beside == (width > 600) and plane["width"] > 270
    _, surface = grays(field.stage)
    for name in (".df-way", ".df-read caption", ".df-rule", ".df-one"):
        assert abs(grays(page.locator(name))[0] - surface) > 128, name
