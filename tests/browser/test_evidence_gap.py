"""The evidence gap in a browser, without a kernel."""

from functools import cache

import numpy as np
import pytest
import torch
from widget_page import User, check_delays, check_fit_and_contrast, load, pixels, show

from course_utils.models import VAE
from course_utils.theory.posterior_grid import bound_on_grid
from course_utils.widgets import EvidenceGap

CORNERS = [(-1, -1), (-1, 1), (1, -1), (1, 1)]


@cache
def make_gap() -> EvidenceGap:
    torch.manual_seed(0)
    vae = VAE(36, 2, (8,))
    with torch.no_grad():
        vae.decoder[-1].weight *= 8  # posteriors narrower than the prior
    return EvidenceGap(vae.encoder, vae.decoder, torch.rand(3, 36), torch.arange(3))


class Gap(User):
    """The gap of a page: a user's actions, what it shows, and its state in Python."""

    def __init__(self, page, gap: EvidenceGap) -> None:
        super().__init__(page)
        self.gap = gap
        self.stage = page.locator(".evidence-gap .cw-stage")
        self.stage.wait_for()

    def q(self) -> tuple[np.ndarray, np.ndarray]:
        mu, sigma = self.page.evaluate("() => [model.get('mu'), model.get('sigma')]")
        return np.array(mu), np.array(sigma)

    def place(self, z) -> tuple[float, float]:
        """The position of z on the stage, as shares of its width and height."""
        *center, reach, _ = self.gap.windows[self.page.evaluate("model.get('digit')")]
        x, y = (np.asarray(z) - center) / reach
        return (1 + x) / 2, (1 - y) / 2

    def number(self, name: str) -> float:
        text = self.page.locator(f"[data-number={name}]").first.inner_text()
        return float(text.replace("−", "-"))

    def check_numbers(self) -> None:
        """The page shows the numbers that Python computes for its q."""
        self.settle()
        self.gap.digit = self.page.evaluate("model.get('digit')")
        self.gap.mu, self.gap.sigma = (values.tolist() for values in self.q())
        for name, value in (
            ("elbo", self.gap.elbo),
            ("gap", self.gap.kl),
            ("logEvidence", self.gap.log_evidence),
        ):
            assert self.number(name) == pytest.approx(value, abs=0.0051)
        split = self.number("reconstruction") - self.number("klToPrior")
        assert split == pytest.approx(self.gap.elbo, abs=0.011)


@pytest.fixture
def gap(page) -> Gap:
    widget = make_gap()
    widget.digit = 1
    widget.digit = 0  # resets q to the encoder's
    show(page, widget)
    return Gap(page, widget)


def test_the_browser_s_bound_is_that_of_torch(page):
    widget = make_gap()
    load(page, widget)
    script = """([digit, qs]) => {
        const view = widget.makeBound(model.get("windows")[digit],
            model.get("log_joints")[digit]);
        return qs.map(([mu, sigma]) => view.bound(mu, sigma));
    }"""
    for digit, (*center, reach, n) in enumerate(widget.windows):
        spread = 2 * torch.rand(50, 2) - 1
        mu = torch.tensor(center) + reach * spread
        low = 2 * reach / (n - 1)
        sigma = low * (reach / 4 / low) ** torch.rand(50, 2)
        qs = torch.stack([mu, sigma], 1).double()
        in_browser = page.evaluate(script, [digit, qs.tolist()])
        for q, found in zip(qs, in_browser):
            exact = bound_on_grid(widget._windows[digit], *q)
            # Values reach it as float32: 1e-5 nats at 200; sums run in float64 in both.
            assert found["elbo"] == pytest.approx(float(exact["elbo"]), abs=1e-4)
            assert found["gap"] == pytest.approx(float(exact["gap"]), abs=1e-4)
            for name, key in (("reconstruction",) * 2, ("klToPrior", "kl_to_prior")):
                assert found[name] == pytest.approx(float(exact[key]), abs=1e-4)


def test_q_follows_the_pointer(gap, page):
    gap.check_numbers()
    mu, sigma = gap.q()
    gap.drag(gap.stage, gap.place(mu), (0.3, 0.3), (0.4, 0.6))
    *center, reach, _ = gap.gap.windows[0]
    expected = np.array(center) + reach * np.array([-0.2, -0.2])
    assert gap.q()[0] == pytest.approx(expected, abs=0.01 * reach)  # ± two pixels
    assert gap.q()[1] == pytest.approx(sigma)
    gap.check_numbers()

    mu = gap.q()[0]
    handle = gap.place(mu + np.array([max(2 * sigma[0], 0.13 * reach), 0]))
    wider = gap.place(mu + np.array([1.5 * max(2 * sigma[0], 0.13 * reach), 0]))
    gap.drag(gap.stage, handle, wider)
    low, high = 2 * reach / (gap.gap.windows[0][3] - 1), reach / 4
    assert gap.q()[0] == pytest.approx(mu)
    assert gap.q()[1][0] == pytest.approx(np.clip(1.5 * sigma[0], low, high), rel=0.05)
    assert gap.q()[1][1] == pytest.approx(sigma[1])
    gap.check_numbers()

    gap.touch(gap.stage, (0.1, 0.9), (0.2, 0.9))  # far from q, which jumps to the touch
    expected = np.array(center) + reach * np.array([-0.6, -0.8])
    assert gap.q()[0] == pytest.approx(expected, abs=0.01 * reach)
    gap.drag(gap.stage, (0.2, 0.9), (-0.3, 1.2))
    assert gap.q()[0] == pytest.approx(np.array(center) - reach), "q stays in the window"
    gap.check_numbers()
    page.mouse.move(*gap.at(gap.stage, 0.5, 0.5))
    gap.settle()
    assert gap.q()[0] == pytest.approx(np.array(center) - reach), (
        "without a pressed button q stays"
    )


def test_keys_move_mu_and_with_shift_change_sigma(gap, page):
    gap.stage.focus()
    mu, sigma = gap.q()
    reach = gap.gap.windows[0][2]
    for keys in ("ArrowRight", "ArrowUp", "ArrowUp"):
        gap.press(keys)
    assert gap.q()[0] - mu == pytest.approx(reach * np.array([0.02, 0.04]))
    for keys in ("Shift+ArrowLeft", "Shift+ArrowUp"):
        gap.press(keys)
    assert gap.q()[1] / sigma == pytest.approx([1 / 1.05, 1.05])
    gap.check_numbers()
    assert page.evaluate("() => leaked.filter((key) => key !== 'Shift')") == []
    for name in ("mu", "sigma"):
        gap.wait_for_save(name)


def test_buttons_and_digits_move_q_to_their_gaussian(gap, page):
    best, encoder = gap.gap.best_q, gap.gap.encoder_q

    def wait_for_q(q):
        page.wait_for_function(
            "(q) => [...model.get('mu'), ...model.get('sigma')].every("
            "(value, i) => Math.abs(value - q[i]) < 1e-9)",
            arg=q,
        )
        gap.check_numbers()

    page.get_by_role("button", name="best").click()
    wait_for_q(best[0])
    closed = gap.number("gap")
    page.get_by_role("button", name="encoder").click()
    wait_for_q(encoder[0])
    assert gap.number("gap") >= closed
    page.get_by_role("radio").nth(2).check()
    wait_for_q(encoder[2])
    assert page.evaluate("() => saved.at(-1).digit") == 2, "the digit is sent at once"
    gap.press("ArrowLeft")
    wait_for_q(encoder[1])
    gap.set(digit=0)
    assert page.get_by_role("radio").nth(0).is_checked()
    gap.close()


def test_the_bars_meet_the_line_of_log_p_of_x(gap, page):
    page.evaluate("() => model.set('mu', [model.get('mu')[0] + 0.4, model.get('mu')[1]])")
    gap.settle()
    evidence, elbo, rest, line = (
        page.locator(f".eg-{name}").bounding_box()
        for name in ("evidence", "elbo", "gap", "line")
    )
    assert evidence["y"] == pytest.approx(line["y"], abs=1)
    assert rest["y"] == pytest.approx(line["y"], abs=1)
    assert rest["y"] + rest["height"] == pytest.approx(elbo["y"], abs=1)
    chart = page.locator(".eg-chart").bounding_box()
    nats = rest["height"] / chart["height"] * 17  # 16 below the line, 1 above
    assert nats == pytest.approx(gap.number("gap"), abs=0.1) and nats > 0.2


def test_a_gap_larger_than_the_chart_shows_a_note(gap, page):
    note = page.locator(".eg-deep")
    *center, reach, _ = gap.gap.windows[0]
    deepest = max(
        ([c + s * reach for c, s in zip(center, signs)] for signs in CORNERS),
        key=lambda mu: bound_on_grid(
            gap.gap._windows[0], torch.tensor(mu), torch.full((2,), reach / 9)
        )["gap"],
    )
    assert note.is_hidden() and gap.number("gap") < 16
    gap.set(mu=deepest)
    assert gap.number("gap") > 16 and note.is_visible()


def test_the_map_moves_away_from_q(gap, page):
    *center, reach, _ = gap.gap.windows[0]
    plane = page.locator(".eg-map")
    left = plane.bounding_box()["x"]
    gap.set(mu=[c + 0.9 * reach for c in center])
    assert plane.bounding_box()["x"] < left - 100
    gap.set(mu=center)
    assert plane.bounding_box()["x"] == left


def test_the_heat_map_is_darkest_where_the_posterior_is(gap, page):
    alpha = pixels(page.locator(".evidence-gap .cw-stage canvas"), channel=3)
    n = gap.gap.windows[0][3]
    row, column = divmod(alpha.argmax(), n)
    joint = gap.gap._windows[0].log_joint
    i, j = divmod(int(joint.argmax()), n)
    # All values within 1/255 of the peak have an alpha of 255: up to two spacings.
    assert abs(column - i) <= 2 and abs(n - 1 - row - j) <= 2


@pytest.mark.timing
def test_the_gap_responds_within_a_frame(page, gap):
    def move():
        places = [(0.2, 0.3), (0.8, 0.4), (0.3, 0.7)]
        gap.drag(gap.stage, gap.place(gap.q()[0]), *places, steps=20)

    check_delays(page, gap.stage, "pointermove", move)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1000, 420])
def test_it_fits_the_page_with_readable_text(gap, page, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    gap.settle()
    check_fit_and_contrast(page.locator(".evidence-gap"), gap.stage, scheme)
    stage, plane = gap.stage.bounding_box(), page.locator(".eg-map").bounding_box()
    assert plane["width"] < stage["width"] / 4, "the whole plane is small, in the corner"
    assert stage["x"] + stage["width"] - plane["x"] - plane["width"] < 10
