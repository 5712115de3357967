"""Formulas as MathML that Chromium, Firefox and Safari's engine show alike."""

import re
from xml.etree import ElementTree

import pytest

from tools.formulas import as_text, draw, macros, mathml


def tree(latex: str, display: bool = False) -> ElementTree.Element:
    html = mathml(latex, display, macros())
    return ElementTree.fromstring(html.replace("&ApplyFunction;", "\u2061"))


@pytest.mark.parametrize("latex", [r"r^*(\tilde x)", r"z^\star", "x_t^*", r"A^\dagger"])
def test_a_sign_in_a_superscript_has_no_space(latex):
    (sign,) = (mo for mo in tree(latex).iter("mo") if mo.text in "∗⋆†")
    assert (sign.get("lspace"), sign.get("rspace")) == ("0", "0")


@pytest.mark.parametrize("latex", ["h'(x)", "f''"])
def test_a_prime_is_no_superscript(latex):
    (prime,) = (mo for mo in tree(latex).iter("mo") if mo.text in "′″")
    assert (prime.get("lspace"), prime.get("rspace")) == ("0", "0")
    assert not list(tree(latex).iter("msup"))


@pytest.mark.parametrize("latex", [r"\sigma \odot \varepsilon", r"a \otimes b"])
def test_a_circled_sign_is_not_large(latex):
    (sign,) = tree(latex).iter("mo")
    assert sign.get("largeop") == "false"


@pytest.mark.parametrize(
    "latex",
    [
        r"\begin{aligned} a &= \Big[ b \\ & \end{aligned}",
        r"\begin{aligned} a &= \begin{pmatrix} 1 & 2 \end{pmatrix} \end{aligned}",
    ],
)
def test_each_cell_of_a_table_is_one_row(latex):
    cells = list(tree(latex, display=True).iter("mtd"))
    assert all([child.tag for child in cell] in ([], ["mrow"]) for cell in cells)
    assert any(len(cell) for cell in cells)


@pytest.mark.parametrize("size", ["big", "Big", "bigg", "Bigg"])
def test_a_large_bracket_opens(size):
    """A minus behind it is a sign, and a function has no space before it."""
    for opens, closes in ("()", "[]", (r"\{", r"\}")):
        plain = mathml(rf"\{size}{opens}-\log x\{size} {closes}", False, macros())
        sided = mathml(rf"\{size}l{opens}-\log x\{size}r {closes}", False, macros())
        assert plain == sided
        assert re.search(r'<mo lspace="0" rspace="0">−</mo>', plain)


@pytest.mark.parametrize(
    "latex", [r"\widehat{\mathcal{L}}", r"\widehat{\mathbb E}", r"\widehat{x}"]
)
def test_a_wide_accent_over_a_letter_is_a_plain_one(latex):
    assert mathml(latex, False, macros()) == mathml(
        latex.replace("wide", ""), False, macros()
    )


def test_a_wide_accent_over_more_is_wide():
    (accent,) = (
        mover for mover in tree(r"\widehat{ab}").iter("mover") if mover.get("accent")
    )
    assert accent[1].get("stretchy") == "true"


def test_punctuation_stays_in_the_line_of_its_formula():
    drawn, _ = draw("a code $z$ ($x$). On $k$ go, $$y$$.", macros())
    joined = re.findall(r'<span class="joined">(.*?)</span>', drawn)
    assert [re.sub("<math>.*</math>", "·", part) for part in joined] == ["(·)."]


@pytest.mark.parametrize(
    ("latex", "line"),
    [
        (r"\log p(x|z) = -\tfrac12 \lVert x-\hat x\rVert^2", "log p(x|z) = − 1/2‖x − x̂‖^2"),
        (r"\frac{a+b}{2}\sum_{i=1}^n \sqrt{z_i^2}", "(a + b)/2∑_(i = 1)^n√z_i^2"),
        (r"\mathrm{KL}(q, p) < \text{a bound}", "KL(q, p) < a bound"),
    ],
)
def test_a_formula_as_a_line_of_text(latex, line):
    assert as_text(mathml(latex, False, macros())) == line
