"""DrawDigit in a browser, without a kernel."""

import base64
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

from course_utils import data
from course_utils.models import VAE
from course_utils.objectives import bernoulli_nll, kl_to_standard_normal
from course_utils.widgets import DrawDigit

PAPER = 420  # pixels of the paper, fifteen for one of an image


@cache
def digits() -> torch.Tensor:
    return data.mnist("test")[0][:40].cpu()


OF_THE_COURSE = (512, 256)  # units of the encoder's hidden layers


@cache
def random_vae(hidden: tuple[int, int] = OF_THE_COURSE) -> VAE:
    """Images of high contrast and narrow posteriors."""
    torch.manual_seed(0)
    vae = VAE(784, 2, hidden)
    with torch.no_grad():
        for module in vae.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)
        vae.encoder[-1].mu.weight *= 0.1
        vae.encoder[-1].logvar.weight *= 0.1
        vae.encoder[-1].logvar.bias -= 4
    return vae


def make(n=2000, hidden=(64, 32), **arguments) -> DrawDigit:
    vae = random_vae(hidden)
    torch.manual_seed(0)
    codes, labels = 2 * torch.randn(n, 2), torch.arange(n) % 10
    elbos = -150 + 30 * torch.randn(1000)
    return DrawDigit(vae.encoder, vae.decoder, codes, labels, elbos, **arguments)


class Paper(User):
    def __init__(self, page) -> None:
        super().__init__(page)
        self.root = page.locator(".draw-digit")
        self.paper = page.locator(".dd-paper")
        self.paper.wait_for()

    def x(self) -> np.ndarray:
        """The input of the encoder, as ink from 0 to 1.  -> (28, 28)"""
        return 1 - pixels(self.page.locator(".dd-pair canvas").first) / 255

    def number(self, name: str) -> float:
        text = self.page.locator(f"[data-number={name}]").inner_text()
        return float(text.replace("−", "-"))

    def at_rest(self) -> None:
        self.page.wait_for_function(
            "() => !document.querySelector('.dd-sum').classList.contains('dd-rough')"
        )


@pytest.fixture
def paper(page) -> Paper:
    show(page, make())
    return Paper(page)


# --- arithmetic against torch -----------------------------------------------------------


JUDGE_EXAMPLES = """() => {
    const evaluate = widget.makeEvaluator(model);
    return model.get("examples").map((bytes) => {
        const ink = new Uint8Array(bytes.buffer);
        const now = evaluate(Float32Array.from(ink, (value) => value / 255));
        const image = Array.from(now.reconstruct());
        while (now.taken() < now.draws) now.draw();
        return { mu: now.mu, sigma: now.sigma, image, ...now.terms() };
    });
}"""


def test_the_browser_s_elbo_is_that_of_torch(page):
    widget = make(hidden=OF_THE_COURSE, examples=digits())
    load(page, widget)
    found = page.evaluate(JUDGE_EXAMPLES)
    vae = random_vae()
    for image, shown in zip(digits(), found):
        x = (255 * image).round()[None] / 255
        with torch.no_grad():
            mu, logvar = vae.encoder(x)
            sigma = (0.5 * logvar).exp()
            logits = vae.decoder(mu + sigma * widget._eps)
            nll = bernoulli_nll(x.expand_as(logits), logits).mean()
            kl = kl_to_standard_normal(mu, logvar)
            back = vae.decoder(mu).sigmoid()[0]
        # Weights in float16 are off by 2⁻¹¹ of their size, z by some thousandths of it.
        assert shown["mu"] == pytest.approx(mu[0].tolist(), abs=0.01)
        assert shown["sigma"] == pytest.approx(sigma[0].tolist(), rel=0.01)
        assert shown["kl"] == pytest.approx(kl.item(), rel=0.01)
        assert shown["reconstruction"] == pytest.approx(-nll.item(), rel=0.01)
        assert shown["elbo"] == pytest.approx(-(nll + kl).item(), rel=0.01)
        assert np.abs(255 * (np.array(shown["image"]) - back.numpy())).max() < 3


def test_with_float16_weights_the_elbo_differs_by_rounding_only(page):
    """With weights that float16 holds exactly, only rounding of float32 sums is left."""
    vae, widget = random_vae(), make(hidden=OF_THE_COURSE, examples=digits()[:8])
    load(page, widget)
    found = page.evaluate(JUDGE_EXAMPLES)
    halves = VAE(784, 2, (512, 256))
    halves.load_state_dict(vae.state_dict())
    halves.half().float()
    for image, shown in zip(digits(), found):
        x = (255 * image).round()[None] / 255
        with torch.no_grad():
            mu, logvar = halves.encoder(x)
            logits = halves.decoder(mu + (0.5 * logvar).exp() * widget._eps)
            exact = -bernoulli_nll(x.expand_as(logits), logits).mean()
            exact -= kl_to_standard_normal(mu, logvar)[0]
        assert shown["elbo"] == pytest.approx(exact.item(), rel=1e-4)


# --- from the paper to x ----------------------------------------------------------------

AS_MNIST = """(text) => {
    const ink = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    return Array.from(widget.asMnist(ink, Math.sqrt(ink.length)));
}"""


def as_mnist(page, ink: np.ndarray) -> np.ndarray:
    """The browser's image of a paper, ink from 0 to 255.  (side, side) -> (28, 28)"""
    text = base64.b64encode(ink.astype(np.uint8).tobytes()).decode()
    return np.array(page.evaluate(AS_MNIST, text)).reshape(28, 28)


def center_of_mass(image: np.ndarray) -> tuple[float, float]:
    rows, columns = np.indices(image.shape) + 0.5
    return (rows * image).sum() / image.sum(), (columns * image).sum() / image.sum()


def test_an_enlarged_mnist_digit_is_normalized_to_itself(page):
    load(page, make())
    for image in (255 * digits()[:20]).round().numpy().reshape(-1, 28, 28):
        large = image.repeat(5, 0).repeat(5, 1)
        again = as_mnist(page, large)
        # Its longer side has 20 pixels, and its center of mass is the middle.
        assert np.abs(again - image).max() <= 1


def test_the_normalized_image_is_independent_of_place_and_size(page):
    load(page, make())
    blob = np.zeros((200, 200))
    blob[40:120, 60:80], blob[100:120, 60:110] = 255, 255  # an L of 80 × 50
    first = as_mnist(page, blob)
    assert as_mnist(page, np.roll(blob, (30, 50), (0, 1))).tolist() == first.tolist()
    twice = np.zeros((400, 400))
    twice[200:360, 20:120] = blob[40:120, 60:110].repeat(2, 0).repeat(2, 1)
    assert np.abs(as_mnist(page, twice) - first).max() <= 1


def test_a_drawing_is_as_large_as_mnist_s_and_centered_by_its_mass(page):
    load(page, make())
    rng = np.random.default_rng(0)
    for _ in range(10):
        ink = np.zeros((150, 150))
        for y, x in rng.integers(10, 120, (4, 2)):
            ink[y : y + 20, x : x + 9] = 255
        image = as_mnist(page, ink)
        rows, columns = np.nonzero(image)
        sides = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert max(sides) in (20, 21)  # a cut between pixels may touch one more
        for middle in center_of_mass(image):
            assert 13.99 <= middle <= 15.01  # within one pixel, as 98 % of 500 test digits
        # Area averages keep the ink, on the scale of the image.
        scale = max(np.ptp(axis) + 1 for axis in np.nonzero(ink)) / 20
        assert image.sum() == pytest.approx(ink.sum() / scale**2, rel=0.02)


def test_an_empty_paper_is_no_image_and_no_error(page, paper):
    assert as_mnist(page, np.zeros((50, 50))).sum() == 0
    assert "Draw a digit" in page.locator(".dd-result").inner_text()
    assert page.locator("[data-number=elbo]").inner_text() == "–"
    assert page.locator(".dd-undo").is_disabled()


def test_a_line_is_as_wide_as_mnist_s_strokes(paper, page):
    """With the middle pen, a stroke is as wide as the strokes of most test digits."""
    paper.drag(paper.paper, (0.5, 0.1), (0.5, 0.9), steps=20)
    x = paper.x()
    width = x[9:19].sum(1).mean()
    ones = data.mnist("test")
    straight = ones[0][ones[1] == 1][:300].cpu().numpy().reshape(-1, 28, 28)
    upright = [one for one in straight if np.ptp(np.nonzero(one)[1]) < 6]
    widths = [one[9:19].sum(1).mean() for one in upright]
    assert np.quantile(widths, 0.05) < width < np.quantile(widths, 0.95)


# --- user actions -----------------------------------------------------------------------


def test_a_stroke_updates_the_elbo_and_is_saved_at_rest(paper, page):
    paper.drag(paper.paper, (0.3, 0.2), (0.7, 0.2), (0.45, 0.85), steps=8)
    x = paper.x()
    assert x.sum() > 20 and paper.number("kl") > 0
    paper.at_rest()
    total = paper.number("reconstruction") - paper.number("kl")
    assert paper.number("elbo") == pytest.approx(total, abs=0.11)
    paper.wait_for_save("pixels")
    widget = make()
    widget.pixels = bytes(
        page.evaluate("Array.from(new Uint8Array(saved.at(-1).pixels.buffer))")
    )
    assert widget.x.numpy().reshape(28, 28) == pytest.approx(x, abs=0.005)
    spoken = page.locator("p.cw-spoken").inner_text()
    assert page.locator(".dd-result").inner_text() in spoken
    assert page.locator(".dd-pens").inner_text().split() == ["thin", "medium", "thick"]
    # The page shows the ELBO that torch computes.
    assert paper.number("elbo") == pytest.approx(widget.elbo, rel=0.01)


def test_draws_computed_over_several_frames_are_complete_at_rest(paper, page):
    def images():
        return [pixels(one).tolist() for one in page.locator(".dd-draws canvas").all()]

    paper.drag(paper.paper, (0.3, 0.2), (0.7, 0.2), (0.45, 0.85), steps=4)
    paper.at_rest()
    in_turns, elbo = images(), paper.number("elbo")
    page.evaluate("() => { model.set('pixels', model.get('pixels')); }")  # all at once
    paper.at_rest()
    assert images() == in_turns
    assert paper.number("elbo") == elbo, "no value of an earlier frame is left"


def test_touch_and_keys_draw(paper, page):
    paper.touch(paper.paper, (0.2, 0.5), (0.5, 0.5), (0.8, 0.5))
    assert paper.x().sum() > 10
    page.get_by_role("button", name="Clear").click()
    paper.settle()
    assert paper.x().sum() == 0
    paper.paper.focus()
    for key in ("ArrowUp", "ArrowLeft"):
        paper.press(key)
    assert paper.x().sum() == 0, "the pen is up"
    for key in (" ", *["Shift+ArrowDown"] * 4, *["ArrowRight"] * 4, " "):
        paper.press(key)
    drawn = paper.x()
    assert drawn.sum() > 10
    paper.press("Shift+ArrowUp")
    assert (paper.x() == drawn).all(), "the pen is up again"
    paper.press("Backspace")
    assert paper.x().sum() == 0
    assert page.evaluate("() => leaked.filter((key) => key !== 'Shift')") == []


def test_undo_takes_back_one_stroke(paper, page):
    paper.drag(paper.paper, (0.3, 0.2), (0.3, 0.8))
    one = paper.x()
    paper.drag(paper.paper, (0.5, 0.2), (0.8, 0.8))
    assert (paper.x() != one).any()
    page.get_by_role("button", name="Undo").click()
    paper.settle()
    assert (paper.x() == one).all()


@pytest.mark.parametrize("change", ["Backspace", "Clear", "Python"])
def test_a_stroke_ends_when_the_paper_is_changed(paper, page, change):
    def change_the_paper():
        if change == "Backspace":
            page.keyboard.press(change)
            return
        page.evaluate(
            """(change) => change === "Clear" ? document.querySelector(".dd-clear").click()
                : model.set("pixels", new DataView(new Uint8Array(784).buffer))""",
            change,
        )

    page.mouse.move(*paper.at(paper.paper, 0.3, 0.2))
    page.mouse.down()
    page.mouse.move(*paper.at(paper.paper, 0.5, 0.5), steps=4)
    paper.settle()
    assert paper.x().sum() > 0
    change_the_paper()
    page.mouse.move(*paper.at(paper.paper, 0.7, 0.3), steps=4)
    page.mouse.up()
    paper.settle()
    assert paper.x().sum() == 0, "the button is down, but its stroke has ended"

    paper.press(" ")
    paper.press("ArrowRight")
    assert paper.x().sum() > 0
    change_the_paper()
    paper.press("ArrowRight")
    assert paper.x().sum() == 0, "the pen is up"
    paper.drag(paper.paper, (0.3, 0.2), (0.3, 0.8))
    assert paper.x().sum() > 0, "the next stroke is drawn"


def test_example_digits_are_encoded_unchanged(page):
    show(page, make(examples=digits()[:3]))
    paper = Paper(page)
    for i, name in enumerate(("test digit 1", "test digit 2", "test digit 3")):
        page.get_by_role("button", name=name).click()
        paper.settle()
        assert paper.x().flatten() == pytest.approx(digits()[i].numpy(), abs=0.003)


def test_python_puts_an_image_on_the_paper(paper, page):
    widget = make()
    widget.x = digits()[5]
    paper.set(pixels=widget.pixels)
    assert paper.x().flatten() == pytest.approx(digits()[5].numpy(), abs=0.003)


def test_a_scribble_has_a_lower_elbo_than_all_test_digits_and_the_page_shows_it(
    paper, page
):
    rng = np.random.default_rng(1)
    places = [tuple(place) for place in rng.uniform(0.1, 0.9, (25, 2))]
    paper.drag(paper.paper, *places, steps=2)
    paper.at_rest()
    lowest = float(np.frombuffer(make().elbos, "<f4").min())
    assert paper.number("elbo") < lowest
    assert "Lower than all" in page.locator(".dd-result").inner_text()
    assert page.locator(".dd-here").inner_text().startswith("←")
    line, chart = (page.locator(f".dd-{name}").bounding_box() for name in ("line", "chart"))
    assert chart["x"] - 3 <= line["x"] <= chart["x"] + 3, "and is drawn at the edge"


def test_it_cleans_up(paper, page):
    paper.drag(paper.paper, (0.3, 0.2), (0.3, 0.8))
    paper.close()
    assert page.evaluate("() => saved.length") > 0, "the drawing is saved"


@pytest.mark.timing
def test_it_responds_within_a_frame(page):
    show(page, make(10_000, OF_THE_COURSE))  # as many codes as in the course
    paper = Paper(page)

    def move():
        places = [(0.2, 0.2), (0.8, 0.3), (0.3, 0.8), (0.7, 0.8)]
        paper.drag(paper.paper, *places, steps=20)
        page.get_by_role("button", name="Clear").click()

    check_delays(page, paper.paper, "pointermove", move)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1180, 760, 420])
def test_it_fits_the_page_with_readable_text(page, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    show(page, make(examples=digits()[:6]))
    paper = Paper(page)
    check_fit_and_contrast(paper.root, page.locator(".dd-plane .cw-stage").first, scheme)
    assert grays(paper.paper)[1] == 255, "the paper is white in each theme"


SHAPE = HEIGHT, WIDTH = 20, 30
NAMES = ["circle", "ring", "square"]


def make_of(shape, **arguments) -> DrawDigit:
    torch.manual_seed(0)
    vae = VAE(shape[0] * shape[1], 2, (8,))
    codes, labels, elbos = torch.randn(30, 2), torch.arange(30) % 3, -torch.rand(30)
    return DrawDigit(
        vae.encoder, vae.decoder, codes, labels, elbos, shape=shape, **arguments
    )


def drawn(page, shape) -> np.ndarray:
    """What the encoder reads, 0 to 255, once it is sent."""
    page.wait_for_function("() => saved.length > 0")
    sent = page.evaluate("Array.from(new Uint8Array(model.get('pixels').buffer))")
    return np.array(sent).reshape(shape)


@pytest.mark.parametrize("shape", [SHAPE, (30, 20), (36, 36), (8, 40)])
def test_a_drawing_of_another_size_keeps_its_place(page, shape):
    height, width = shape
    show(page, make_of(shape, names=NAMES))
    assert page.locator(".dd-pair").inner_text().count(f"{height} × {width}") == 1
    box = page.locator(".dd-paper").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(width / height, rel=0.01)
    # A straight stroke, which ends with half a circle beyond each of its ends.
    User(page).drag(page.locator(".dd-paper"), (0.2, 0.5), (0.6, 0.5), steps=20)
    found = drawn(page, shape)
    pen = 2.6 / 28 * max(shape)  # in pixels of the image
    left, right = 0.2 * width - pen / 2, 0.6 * width + pen / 2
    top, bottom = 0.5 * height - pen / 2, 0.5 * height + pen / 2

    def shares(n, first, last):  # of each pixel, between two places
        return np.clip(np.arange(n) + 1, first, last) - np.clip(np.arange(n), first, last)

    middle = found[height // 2 - 1 : height // 2 + 1].mean(0) / 255
    inside = slice(int(0.2 * width) + 1, int(0.6 * width) - 1)
    assert middle[inside].min() > 0.97
    assert np.abs(found[:, inside].mean(1) / 255 - shares(height, top, bottom)).max() < 0.06
    assert np.flatnonzero(found.max(0)).tolist() == [
        *range(int(left + 0.05), int(np.ceil(right - 0.05)))
    ], "it begins and ends where the pen did"


def test_the_paper_shows_examples_of_another_size(page):
    ramp = torch.linspace(0, 1, HEIGHT * WIDTH).view(1, HEIGHT, WIDTH)
    show(page, make_of(SHAPE, examples=ramp))
    gray = 255 - np.round(255 * ramp[0].numpy())
    for canvas in (".dd-pair canvas", ".dd-examples canvas"):
        assert np.abs(pixels(page.locator(canvas).first) - gray).max() <= 1
    ink = pixels(page.locator(".dd-paper canvas"), channel=3)
    grain = PAPER // WIDTH
    assert ink.shape == (grain * HEIGHT, grain * WIDTH)
    assert np.abs(ink[grain // 2 :: grain, grain // 2 :: grain] - (255 - gray)).max() <= 1


def test_halved_digits_are_drawn_as_mnist_s(page):
    torch.manual_seed(0)
    vae, elbos = VAE(14 * 14, 2, (8,)), -torch.rand(30)
    codes, labels = torch.randn(20, 2), torch.arange(20) % 10
    show(page, DrawDigit(vae.encoder, vae.decoder, codes, labels, elbos))
    assert "Draw a digit" in page.locator(".draw-digit").inner_text()
    User(page).drag(page.locator(".dd-paper"), (0.3, 0.2), (0.3, 0.8))
    rows, columns = np.nonzero(drawn(page, (14, 14)))
    assert np.ptp(rows) + 1 == 10, "20 / 28 of 14 pixels"
    assert 6 <= columns.mean() <= 8, "in the middle, not where it was drawn"


def test_classes_have_their_names_and_images_are_not_called_digits(page):
    examples = torch.rand(2, *SHAPE)
    show(page, make_of(SHAPE, names=NAMES, examples=examples))
    legend = page.locator(".dd-plane .cw-legend button")
    assert legend.all_inner_texts() == NAMES
    plane = page.locator(".dd-plane .cw-stage canvas").first
    page.wait_for_timeout(100)
    all_dots = (pixels(plane, channel=3) > 0).sum()
    legend.nth(1).click()
    assert 0 < (pixels(plane, channel=3) > 0).sum() < all_dots / 2
    words = page.locator(".draw-digit").inner_html()
    assert "digit" not in words.replace("draw-digit", "")
    assert "Draw an image" in words and "test image 2" in words
