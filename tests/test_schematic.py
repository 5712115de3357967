"""The schematic: what is drawn and told follows from the arguments."""

import math
import re
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest
from IPython.core.formatters import DisplayFormatter
from nbformat.v4 import new_output

from course_utils import schematic
from course_utils.schematic import autoencoder, funnel, generator, reparameterization, vae
from tools import formulas, render

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"
DEEP = (784, 256, 128, 2, 128, 256, 784)
PICTURES = {
    "autoencoder": autoencoder(),
    "loss": autoencoder(loss=True, lit="recon"),
    "linear": autoencoder(linear=True, lit="f g"),
    "sparse": autoencoder(penalty="λ‖z‖₁ < c & d", loss=True, lit="penalty"),
    "denoising": autoencoder(noise_on="x", lit="eps"),
    "probabilistic": autoencoder(noise_on="z", lit="eps"),
    "vae": vae(),
    "two terms": vae(lit="recon kl"),
    "distribution": vae(lit="mu sigma", terms=False),
    "generator": generator(),
    "discarded": generator(discarded=True),
    "funnel": funnel(DEEP),
    "wide": funnel((784, 1000, 784), active=20),
    "reparameterization": reparameterization(),
}


def elements(picture, kind):
    return list(ElementTree.fromstring(picture.svg).iter(SVG + kind))


def writing(picture, color=None):
    """The texts of a picture, of one color if given."""
    texts = elements(picture, "text")
    return ["".join(t.itertext()) for t in texts if color in (None, t.get("fill"))]


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_a_picture_is_svg_with_its_text_alternative(picture):
    root = ElementTree.fromstring(picture.svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == picture.text == repr(picture)
    assert root.get("viewBox").split()[2:] == [root.get("width"), root.get("height")]
    assert not {"style", "script", "use", "image"} & {
        e.tag[len(SVG) :] for e in root.iter()
    }
    assert not any(e.get("id") for e in root.iter())  # pictures in one page would share it
    assert min(float(t.get("font-size")) for t in elements(picture, "text")) >= 22


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_all_shapes_are_inside_the_picture(picture):
    root = ElementTree.fromstring(picture.svg)
    left, top, width, height = map(float, root.get("viewBox").split())
    points = [p for e in root.iter() for p in e.get("points", "").split()]
    xs, ys = zip(*(map(float, point.split(",")) for point in points))
    for kind in ("rect", "text"):
        for e in elements(picture, kind):
            (x, y, w, h) = (float(e.get(k, 0)) for k in ("x", "y", "width", "height"))
            if (w, h) != (width, height):  # the white background
                xs += x, x + w
                ys += y, y + h
    assert left <= min(xs) and max(xs) <= left + width
    assert top <= min(ys) and max(ys) <= top + height - 8


PARTS = {
    "x f z g x_hat eps penalty recon": lambda lit: autoencoder(
        lit=lit, noise_on="x", penalty="λ‖z‖₁", loss=True
    ),
    "x f mu sigma eps z g x_hat prior kl recon": lambda lit: vae(lit=lit),
}


def test_several_parts_are_lit_by_their_names():
    names = "the prior, the reconstruction term, the KL term"
    picture = vae(lit="prior recon kl")
    assert picture.text == f"{vae().text} Highlighted: {names}."
    bold = {"prior N(0, I)", "reconstruction −log p(x|z)", "KL"}
    assert set(writing(picture, schematic.BLUE)) == bold


@pytest.mark.parametrize("parts", PARTS)
def test_what_is_lit_is_bold_and_told_and_nothing_else(parts):
    plain = PARTS[parts]("")
    assert "Highlighted" not in plain.text
    assert schematic.BLUE not in plain.svg
    for part in parts.split():
        picture = PARTS[parts](part)
        assert picture.text == f"{plain.text} Highlighted: {schematic.NAMES[part]}."
        assert writing(picture) == writing(plain)
        styles = {(t.get("font-weight"), t.get("fill")) for t in elements(picture, "text")}
        assert styles == {("700", schematic.BLUE), ("400", schematic.DIM.text)}
        assert f'stroke="{schematic.BLUE}" stroke-width="4"' in picture.svg


def test_noise_is_drawn_where_it_is_added():
    def place(picture):  # of the dashed circle
        [dashed] = [r for r in elements(picture, "rect") if r.get("stroke-dasharray")]
        return float(dashed.get("x")) + float(dashed.get("width")) / 2

    x, f, z = (
        float(t.get("x"))
        for t in elements(autoencoder(), "text")
        if t.text in {"x", "f", "z"} and float(t.get("x")) < 400
    )
    assert x < place(autoencoder(noise_on="x")) < f < place(autoencoder(noise_on="z")) < z
    assert "before f" in autoencoder(noise_on="x").text
    assert "after f" in autoencoder(noise_on="z").text


def test_each_argument_draws_and_tells_its_part():
    for picture, without, drawn, told in [
        (autoencoder(linear=True), autoencoder(), "Bz + c", "no nonlinearity"),
        (autoencoder(penalty="λ‖f(x)‖²"), autoencoder(), "λ‖f(x)‖²", "code: λ‖f(x)‖²"),
        (autoencoder(loss=True), autoencoder(), "squared error ‖x − x̂‖²", "compares x̂"),
        (vae(), vae(terms=False), "prior N(0, I)", "compares q(z|x) with the prior"),
        (vae(), vae(terms=False), "reconstruction −log p(x|z)", "compares x̂ with x"),
        (generator(discarded=True), generator(), "encoder", "crossed out"),
    ]:
        assert drawn in writing(picture) and told in picture.text
        assert drawn not in writing(without) and told not in without.text


def bars(picture):
    """The heights of the layers, from left to right."""
    rects = [r for r in elements(picture, "rect") if r.get("rx") == "3"]
    return [float(r.get("height")) for r in rects]


def test_heights_and_numbers_of_a_funnel_are_its_sizes():
    picture = funnel(DEEP)
    assert [w for w in writing(picture) if w.isdecimal()] == [str(n) for n in DEEP]
    heights = bars(picture)
    assert heights == heights[::-1]
    for height, size in zip(heights[:3], DEEP):
        assert height / heights[0] == pytest.approx(math.sqrt(size / 784), rel=1e-3)
    assert "784–256–128–2–128–256–784" in picture.text
    assert "narrower than" in picture.text and "ReLU" in picture.text

    wide = funnel((784, 1000, 784))
    assert bars(wide)[1] > bars(wide)[0]
    assert "wider than" in wide.text and "ReLU" not in wide.text + wide.svg
    assert "as wide as" in funnel((784, 784, 784)).text


@pytest.mark.parametrize(("width", "active"), [(8, 3), (1000, 25), (64, 0), (6, 6)])
def test_the_active_units_of_a_code_are_filled(width, active):
    picture = funnel((784, width, 784), active=active)
    units = [r for r in elements(picture, "rect") if r.get("stroke-width") == "0.8"]
    filled = [r for r in units if r.get("fill") == schematic.BLUE]
    assert len(filled) == math.ceil(len(units) * active / width)
    assert f"{active} of the {width} units" in picture.text
    assert width > 8 or len(units) == width  # if there is room, a cell is a unit


def test_the_graphs_of_the_reparameterization_differ_in_what_is_random():
    picture = reparameterization()
    random = writing(picture, schematic.ORANGE)
    assert [w for w in random if w] == ["z", "ε"]
    assert "blocked" in picture.text and "flows from g through z to μ and σ" in picture.text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: autoencoder(lit="kl"), "not drawn: kl; drawn are x, f, z, g, x_hat"),
        (lambda: autoencoder(lit="x noise"), "not drawn: noise"),
        (lambda: vae(lit="prior", terms=False), "not drawn: prior"),
        (lambda: autoencoder(noise_on="f"), "noise_on must be"),
        (lambda: funnel((784, 2)), "odd number"),
        (lambda: funnel((784,)), "at least 3"),
        (lambda: funnel((784, 0, 784)), "positive"),
        (lambda: funnel((784, 10, 784), active=11), "between 0 and 10"),
    ],
)
def test_bad_arguments_are_named(wrong, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        wrong()


def contrast(a, b):
    """The ratio of WCAG 2, of two colors #rrggbb."""

    def luminance(color):
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [
            p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


def test_lines_and_words_have_enough_contrast():
    for pen in (schematic.PLAIN, schematic.RANDOM, schematic.LIT, schematic.DIM):
        assert contrast(pen.stroke, "#ffffff") >= 3
        assert contrast(pen.text, pen.fill) >= 4.5


def test_notebooks_and_decks_show_an_image_with_its_alternative():
    picture = autoencoder(penalty='"λ" < 1', loss=True)
    data, _ = DisplayFormatter().format(picture)
    alternative = re.search(r' alt="([^"]*)"', data["text/html"])[1]
    assert unescape(alternative) == picture.text == data["text/plain"]
    assert "<svg" not in data["text/html"]
    shown = render.output(
        new_output("display_data", data), None, ROOT, "title", formulas.macros()
    )
    assert shown.count("<img") == 1 and 'class="picture"' in shown
    assert f' alt="{alternative}"' in shown
    width, height = re.search(r'width="(\d+)" height="(\d+)"', picture.svg).groups()
    assert f"--ratio: {int(width) / int(height):.4f}" in shown


def test_the_picture_of_the_readme_is_drawn_by_the_code():
    """Else write vae().svg to docs/vae.svg."""
    assert (ROOT / "docs/vae.svg").read_text("utf-8") == vae().svg
    assert f"![{vae().text}](docs/vae.svg)" in (ROOT / "README.md").read_text("utf-8")
