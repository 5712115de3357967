"""The reparameterization widget in a browser, without a kernel."""

import numpy as np
import pytest
import torch
from widget_page import User, check_delays, check_fit_and_contrast, load, show

from course_utils.theory.gradient_estimators import (
    reparameterized_gradients,
    score_function_gradients,
)
from course_utils.widgets import Reparameterization


def h(z):
    return z.square() + z.sin()


class Play(User):
    def __init__(self, page) -> None:
        super().__init__(page)
        self.root = page.locator(".reparameterization")
        self.stage = page.locator(".rp-axis .cw-stage")
        self.stage.wait_for()

    def get(self, name: str):
        return self.page.evaluate("(name) => model.get(name)", name)

    def handle(self, index: int) -> tuple[float, float]:
        """The position of a handle on the stage: 0 is μ, 1 and 2 are μ ± σ."""
        box = self.page.locator(".rp-handle").nth(index).bounding_box()
        stage = self.stage.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        return (x - stage["x"]) / stage["width"], (y - stage["y"]) / stage["height"]

    def path(self, name: str) -> str:
        return self.page.locator(f".rp-{name}").first.get_attribute("d")


@pytest.fixture
def play(page) -> Play:
    show(page, Reparameterization(h, mu=0.5, sigma=1.0))
    return Play(page)


def test_the_browser_s_gradients_are_those_of_python(page):
    widget = Reparameterization(h)
    load(page, widget)
    script = """([mu, sigma, draws]) => {
        const h = widget.makeFunction(model.get("reach"), model.get("heights"),
            model.get("slopes"));
        const noise = new Float32Array(model.get("noise").buffer);
        const found = h.estimates(mu, sigma, noise, 400, draws).map((v) => Array.from(v));
        return [h.gradient(mu, sigma), ...found];
    }"""
    for mu, sigma, draws in ((0.0, 1.0, 1), (-2.4, 0.2, 4), (2.5, 1.6, 16)):
        exact, score, slope = page.evaluate(script, [mu, sigma, draws])
        widget.mu, widget.sigma, widget.draws = mu, sigma, draws
        # The sums are over different lattices, both close to the integral.
        assert exact == pytest.approx(widget.gradient, abs=1e-5)
        eps = widget._noise[:, :draws].double()
        for found, estimator in (
            (score, score_function_gradients),
            (slope, reparameterized_gradients),
        ):
            single = estimator(h, mu, sigma, eps.flatten()).view(400, draws, 2).mean(1)
            # Cubics between points a/150 apart are off by the fourth power of that; the
            # score function divides by σ.
            assert np.array(found).reshape(400, 2) == pytest.approx(
                single.detach().numpy(), abs=1e-5 / sigma
            )


def test_the_cubics_are_h_and_its_slope(page):
    load(page, Reparameterization(h))
    z = torch.linspace(-9, 9, 500, dtype=torch.float64)
    script = """(z) => {
        const h = widget.makeFunction(model.get("reach"), model.get("heights"),
            model.get("slopes"));
        return z.map((at) => [h.height(at), h.slope(at)]);
    }"""
    heights, slopes = np.array(page.evaluate(script, z.tolist())).T
    assert heights == pytest.approx(h(z).numpy(), abs=1e-7)
    assert slopes == pytest.approx((2 * z + z.cos()).numpy(), abs=1e-5)


def test_kept_draws_follow_mu_and_sigma(play, page):
    """z = μ + σε: with the same ε, z moves as μ does, and spreads as σ does."""

    def z():
        numbers = play.path("z").replace("M", " ").replace("h0", " ").split()
        return np.sort(np.array(numbers[::2], float)) / 60 - 5  # 600 units for 10

    first = z()
    assert len(first) == 4
    play.set(mu=1.5)
    assert z() == pytest.approx(first + 1, abs=1e-6)
    play.set(sigma=0.5)
    assert z() - 1.5 == pytest.approx((first - 0.5) / 2, abs=1e-6)
    eps = np.sort(Reparameterization(h).eps.numpy())
    assert first == pytest.approx(0.5 + eps, abs=1e-6)


def test_dragging_the_handles_sets_mu_and_sigma(play):
    play.drag(play.stage, play.handle(0), (0.65, play.handle(0)[1]))
    assert play.get("mu") == pytest.approx(1.5, abs=0.05)
    assert play.get("sigma") == 1
    x, y = play.handle(1)
    play.drag(play.stage, (x, y), (x - 0.05, y))
    assert play.get("sigma") == pytest.approx(0.5, abs=0.05)
    assert play.get("mu") == pytest.approx(1.5, abs=0.05)
    play.drag(play.stage, play.handle(0), (1.4, 0.8))
    assert play.get("mu") == 2.5, "q stays on the axis"
    play.touch(play.stage, play.handle(0), (0.5, 0.8))
    assert play.get("mu") == pytest.approx(0, abs=0.05)


def test_keys_change_mu_and_with_shift_sigma(play, page):
    play.stage.focus()
    for keys in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        play.press(keys)
    assert play.get("mu") == pytest.approx(0.55)
    play.press("Shift+ArrowRight")
    assert play.get("sigma") == pytest.approx(1.05)
    assert "0.55" in page.locator(".rp-read").inner_text()
    assert page.evaluate("() => leaked.filter((key) => key !== 'Shift')") == []
    play.wait_for_save("sigma")
    assert "0.55" in page.locator(".cw-spoken").inner_text()


def test_draws_are_kept_or_redrawn(play, page):
    play.stage.focus()
    number = play.get("number")
    play.press("ArrowRight")
    assert play.get("number") == number, "kept while q moves"
    page.get_by_role("button", name="redraw ε once").click()
    assert play.get("number") == number + 1
    page.get_by_role("radio", name="redraw ε").check()
    play.stage.focus()
    play.press("ArrowRight")
    play.press("ArrowRight")
    assert play.get("number") == number + 3, "another set for each move"


def test_errors_fall_with_more_draws_and_are_larger_for_the_score_function(play, page):
    def rms_errors():
        numbers = page.locator(".rp-table b").all_inner_texts()
        return [float(text.replace("−", "-")) for text in numbers]

    one = None
    for choice in ("1", "16"):
        page.get_by_role("radio", name=choice, exact=True).check()
        play.settle()
        reparameterized, score = rms_errors()
        assert score > 1.5 * reparameterized
        if one is None:
            one = reparameterized, score
        else:  # a sixteenth of the variance, estimated from 400 sets
            for before, after in zip(one, (reparameterized, score)):
                assert before / after == pytest.approx(4, rel=0.3)
    assert "16 draws" in page.locator(".rp-clouds .cw-title").inner_text()


MOVE_AND_LOOK = """async (pace) => {
    let time = 0;
    performance.now = () => (time += pace); // ms between two looks at the clock
    const frame = () => new Promise(requestAnimationFrame);
    model.set("mu", 0.6);
    for (let i = 0; i < 4; i++) await frame();
    const look = () => [".rp-read", ".rp-table"].map((part) =>
        document.querySelector(part).textContent);
    const looks = [look()];
    model.set("mu", 0.7);
    while (looks.length < 3) {
        await frame();
        looks.push(look());
    }
    return looks;
}"""


@pytest.mark.parametrize("pace, together", [(0, True), (30, False)])
def test_on_a_slow_computer_the_clouds_wait_for_the_next_frame(page, pace, together):
    show(page, Reparameterization(h))
    before, first, second = page.evaluate(MOVE_AND_LOOK, pace)
    assert first[0] != before[0], "the axis follows at once"
    assert (first[1] != before[1]) == together
    assert second[1] != before[1]


def test_it_cleans_up(play, page):
    play.stage.focus()
    play.press("ArrowRight")
    play.close()
    assert page.evaluate("() => saved.at(-1).mu") == play.get("mu")


@pytest.mark.timing
def test_it_responds_within_a_frame(play, page):
    page.get_by_role("radio", name="16", exact=True).check()

    def move():
        y = play.handle(0)[1]
        play.drag(play.stage, play.handle(0), (0.7, y), (0.3, y), (0.6, y), steps=20)

    check_delays(page, play.stage, "pointermove", move)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1180, 760, 420])
def test_it_fits_the_page_with_readable_text(play, page, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    play.settle()
    check_fit_and_contrast(play.root, play.stage, scheme)
