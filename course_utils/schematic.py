"""The picture that grows: x → f → z → g → x̂, drawn again with other parts lit.

    autoencoder(noise_on="x", lit="eps")    noise is added before f
    vae(lit="recon kl")                     the two terms of the loss
    funnel((784, 256, 2, 256, 784))         the layers and their widths

Each function returns a ``Picture``, which a notebook shows as the last line of a cell. Its
text alternative is computed from the same arguments. ``lit`` names parts as the code does:
x, f, z, g, x_hat, mu, sigma, eps, prior, recon, kl, penalty. A lit part is blue, thick and
bold; then all others are thin and gray. What is random has a dashed outline.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import NamedTuple

BLUE, TINT = "#1565c0", "#eaf2fb"  # as in the slides
ORANGE, ORANGE_TINT = "#a35405", "#fdf3e3"
INK, GRAY = "#1b2430", "#7d8794"
ITALIC = (
    "font-family=\"'STIX Two Text', 'Times New Roman', 'Liberation Serif', serif\" "
    'font-style="italic"'
)
UPRIGHT = "font-family=\"system-ui, 'Segoe UI', Roboto, Arial, sans-serif\""
WIDTH = 760  # so that a word of 22 units has 11 pixels on a telephone
MIDDLE = 136  # the line on which x, f, z, g and x̂ stand
WORDS = 232  # the line of the words below them
Point = tuple[float, float]

NAMES = {
    "x": "the input x",
    "f": "the encoder f",
    "z": "the code z",
    "g": "the decoder g",
    "x_hat": "the reconstruction x̂",
    "eps": "the noise ε",
    "mu": "the mean μ",
    "sigma": "the standard deviation σ",
    "prior": "the prior",
    "recon": "the reconstruction term",
    "kl": "the KL term",
    "penalty": "the penalty",
}


@dataclass(frozen=True)
class Picture:
    """A drawing as SVG and its text alternative, which is also its repr.

    Notebooks get an HTML image: JupyterLab shows it also in a notebook that is not trusted,
    and with its alternative; GitHub and nbviewer damage SVG that is not in an image.
    """

    svg: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        source = b64encode(self.svg.encode()).decode()
        return (
            f'<img src="data:image/svg+xml;base64,{source}" alt="{escape(self.text)}" '
            'style="max-width: 100%; height: auto">'
        )


# The pictures.


def autoencoder(
    *,
    lit: str = "",
    noise_on: str | None = None,
    penalty: str | None = None,
    linear: bool = False,
    loss: bool = False,
) -> Picture:
    """x → f → z → g → x̂: bars are vectors, trapezoids are networks.

    ``noise_on``: "x" adds noise ε before f, "z" after f. ``penalty``: the formula of a term
    on the code, such as "λ‖z‖₁". ``linear``: f and g are affine maps. ``loss``: a bracket
    from x to x̂ is the squared error. ValueError if ``lit`` names a part that is not drawn.
    """
    if noise_on not in (None, "x", "z"):
        raise ValueError(f'noise_on must be None, "x" or "z"; got {noise_on!r}')
    optional = {"eps": noise_on, "penalty": penalty, "recon": loss}
    pen = pens(lit, ["x", "f", "z", "g", "x_hat", *filter(optional.get, optional)])
    arrows = DIM if lit else PLAIN
    shapes = [
        vector(86, "x", "input", pen["x"]),
        network(228, "Ax + b" if linear else "f", "encoder", pen["f"], narrows=True),
        vector(380, "z", "code", pen["z"], half=34),
        network(532, "Bz + c" if linear else "g", "decoder", pen["g"], narrows=False),
        vector(674, "x̂", "reconstruction", pen["x_hat"]),
        arrow(404, 482, arrows),
        arrow(582, 650, arrows),
    ]
    sentences = [
        "Linear autoencoder." if linear else "Autoencoder.",
        "The encoder f maps x to the code z, the decoder g maps z to x̂.",
    ]
    if linear:
        shapes.append(write(380, 50, "no nonlinearity"))
        sentences.append("Both are affine, Ax + b and Bz + c: there is no nonlinearity.")
    for source, start, end, place in (
        ("x", 110, 178, "the input, before f"),
        ("z", 278, 356, "the code, after f"),
    ):
        if noise_on == source:
            shapes.append(noisy_arrow(start, end, pen["eps"], arrows))
            sentences.append(f"Noise ε is added to {place}.")
        else:
            shapes.append(arrow(start, end, arrows))
    bottom = WORDS
    if penalty:
        bottom += 46
        half = 8 * len(penalty) + 14, 20
        shapes.append(node(380, bottom - 12, escape(penalty), pen["penalty"], half, 20))
        sentences.append(f"The loss has a penalty on the code: {penalty}.")
    if loss:
        bottom += 48
        shapes.append(bracket(86, 674, bottom, "squared error", "‖x − x̂‖²", pen["recon"]))
        sentences.append("The squared error compares x̂ with x.")
    top = 0 if noise_on else 20 if linear else 56
    return picture(sentences, shapes, lit=lit, bottom=bottom + 14, top=top)


def vae(*, lit: str = "", terms: bool = True) -> Picture:
    """x → f → μ, σ → z = μ + σ ⊙ ε → g → x̂.

    ``terms``: the two terms of the loss. Below z the prior N(0, I), and the KL divergence
    as a line between it and q(z|x), which μ and σ describe; a bracket from x to x̂ is the
    reconstruction term. ValueError if ``lit`` names a part that is not drawn.
    """
    drawn = ["x", "f", "mu", "sigma", "eps", "z", "g", "x_hat"]
    drawn += ["prior", "kl", "recon"] if terms else []
    pen = pens(lit, drawn)
    rest = DIM if lit else PLAIN
    q, up, down = 290, MIDDLE - 36, MIDDLE + 36
    shapes = [
        vector(66, "x", "input", pen["x"]),
        network(172, "f", "encoder", pen["f"], narrows=True, half=42),
        node(q, up, "μ", pen["mu"]),
        node(q, down, "σ", pen["sigma"]),
        vector(414, "z", "code", pen["z"], half=34),
        network(534, "g", "decoder", pen["g"], narrows=False, half=42),
        vector(676, "x̂", "reconstruction", pen["x_hat"]),
        node(414, 30, "ε", pen["eps"], (24, 24), 24, dashed=True),
        write(450, 38, "z = μ + σ ⊙ ε", pen["eps"], size=26, anchor="start"),
        arrow(90, 130, rest),
        line([(214, MIDDLE - 14), (q - 26, up + 4)], rest, head=True),
        line([(214, MIDDLE + 14), (q - 26, down - 4)], rest, head=True),
        line([(q + 26, up + 4), (390, MIDDLE - 12)], rest, head=True),
        line([(q + 26, down - 4), (390, MIDDLE + 12)], rest, head=True),
        line([(414, 55), (414, MIDDLE - 35)], pen["eps"], head=True),
        arrow(438, 492, rest),
        arrow(576, 652, rest),
        write(q, WORDS, "q(z|x)", rest, size=25),
    ]
    sentences = [
        "Variational autoencoder."
        if terms
        else "Autoencoder whose code is a distribution.",
        "The encoder f maps x to the mean μ and the standard deviation σ of q(z|x).",
        "The code is z = μ + σ ⊙ ε with noise ε; the decoder g maps z to x̂.",
    ]
    bottom = WORDS
    if terms:
        bottom = 360
        shapes += [
            node(q, 298, "prior N(0, I)", pen["prior"], (92, 20), 20, dashed=True),
            line([(q, WORDS + 9), (q, 277)], pen["kl"], head=True),
            line([(q, 277), (q, WORDS + 9)], pen["kl"], head=True),
            write(q + 20, WORDS + 34, "KL", pen["kl"], anchor="start"),
            bracket(66, 676, bottom, "reconstruction", "−log p(x|z)", pen["recon"]),
        ]
        sentences.append("The KL term compares q(z|x) with the prior N(0, I).")
        sentences.append("The reconstruction term compares x̂ with x.")
    return picture(sentences, shapes, lit=lit, bottom=bottom + 14)


def generator(*, discarded: bool = False) -> Picture:
    """z ~ N(0, I) → g → x. ``discarded``: beside it the encoder, gray and crossed out."""
    shapes = [
        node(380, 26, "z ∼ N(0, I)", RANDOM, (84, 20), 20, dashed=True),
        line([(380, 47), (380, MIDDLE - 35)], head=True),
        vector(380, "z", "code", half=34),
        network(532, "g", "decoder", narrows=False),
        vector(674, "x", "new image"),
        arrow(404, 482),
        arrow(582, 650),
    ]
    sentences = [
        "Generation.",
        "A code z is drawn from N(0, I); the decoder g maps it to a new image x.",
    ]
    if discarded:
        shapes += [
            vector(86, "x", "input", DIM),
            network(228, "f", "encoder", DIM, narrows=True),
            arrow(110, 178, DIM),
            arrow(278, 356, DIM),
            cross(228, MIDDLE, 58, 66),
        ]
        sentences.append("The encoder f is crossed out: it is not used any more.")
    left = 0 if discarded else 280
    return picture(sentences, shapes, bottom=WORDS + 14, left=left)


def funnel(sizes: Sequence[int], *, active: int | None = None) -> Picture:
    """The layers as bars, with their widths: from the data to the code and back.

    The height of a bar is proportional to the square root of its width: 784 pixels have
    28, the side of the image. The middle bar is the code z. At hidden layers the graph of
    a ReLU stands for the nonlinearity. ``active``: the number of units of z that are not
    zero, drawn as the same share of the cells of z, rounded up.

    ValueError for an even number of sizes, a size below 1, or active outside 0…width of z.
    """
    if len(sizes) < 3 or len(sizes) % 2 == 0 or min(sizes) < 1:
        raise ValueError(
            "sizes must be an odd number of at least 3 positive widths, with that of the "
            f"code in the middle; got {tuple(sizes)}"
        )
    last, middle = len(sizes) - 1, len(sizes) // 2
    width = sizes[middle]
    if active is not None and not 0 <= active <= width:
        raise ValueError(
            f"active must be between 0 and {width}, the width of z; got {active}"
        )
    centers = [60 + 640 / last * i for i in range(len(sizes))]
    # at least 3: a layer of one unit is still seen
    halves = [max(3, math.sqrt(size / max(sizes)) * 88) for size in sizes]
    between = Pen("#d5dbe3", 1, "#f3f5f8", INK, 400)
    shapes = [trapezoid(*pair, between) for pair in pairwise(zip(centers, halves))]
    for i, (center, half, size) in enumerate(zip(centers, halves, sizes)):
        pen = LIT if i == middle else PLAIN
        if i == middle and active is not None:
            shapes.append(cells(center, half, width, active))
        else:
            shapes.append(rectangle(center, MIDDLE, (12, half), pen, 3))
        shapes.append(write(center, MIDDLE + 114, str(size), pen))
        if i not in (0, middle, last):  # the graph of max(0, x)
            y = MIDDLE + 141
            graph = [(center - 16, y + 9), (center, y + 9), (center + 14, y - 9)]
            shapes.append(line(graph))
    for center, word, name in ((220, "encoder", "f"), (540, "decoder", "g")):
        shapes.append(write(center + 22, 36, word, anchor="end"))
        shapes.append(write(center + 32, 36, name, size=34, anchor="start"))
    for center, name, pen in ((60, "x", PLAIN), (380, "z", LIT), (700, "x̂", PLAIN)):
        shapes.append(write(center, 36, name, pen, size=34))

    widths = "–".join(map(str, sizes))
    kind = "as wide as"
    if width != sizes[0]:
        kind = "narrower than" if width < sizes[0] else "wider than"
    sentences = [
        "Layers of an autoencoder.",
        f"Layers of widths {widths}, drawn with heights that grow with the square root.",
        f"The code z, in the middle, has width {width} and is {kind} the data.",
    ]
    bottom = MIDDLE + 114
    if len(sizes) > 3:
        bottom += 34
        shapes.append(write(60, bottom, "ReLU:"))  # left of their graphs
        sentences.append("Each hidden layer has a ReLU.")
    if active is not None:
        bottom += 34
        shapes.append(write(380, bottom, f"{active} of {width} units are not zero", LIT))
        sentences.append(
            f"Highlighted: {active} of the {width} units of z, which are not zero."
        )
    return picture(sentences, shapes, bottom=bottom + 14)


def reparameterization() -> Picture:
    """The lecture's two graphs of z ~ N(μ, σ²I) and its gradient.

    Left z itself is random, and the gradient stops there. Right ε is random and
    z = μ + σ ⊙ ε is computed, so that the gradient reaches μ and σ.
    """
    shapes = [
        graph(200, stochastic=True),
        graph(560, stochastic=False),
        line([(380, 16), (380, 304)], DIM),
        node(86, 332, "", RANDOM, (14, 14), 14, dashed=True),
        write(110, 340, "stochastic", anchor="start"),
        node(286, 332, "", PLAIN, (13, 13)),
        write(310, 340, "deterministic", anchor="start"),
        line([(560, 332), (504, 332)], LIT, head=True),
        write(572, 340, "gradient", anchor="start"),
    ]
    sentences = [
        "Reparameterization.",
        "Left, the original form: z is a stochastic node, drawn from N(μ, σ²I).",
        "The gradient comes back from g to z and is blocked there.",
        "Right, the reparameterized form: ε is stochastic, z = μ + σ ⊙ ε is deterministic.",
        "The gradient flows from g through z to μ and σ.",
    ]
    return picture(sentences, shapes, bottom=356)


def graph(center: float, *, stochastic: bool) -> str:
    """One of the two graphs: μ, σ → z → g, and the gradient back."""
    mu, z, g, up, middle, down = center - 128, center + 8, center + 132, 88, 142, 196
    shapes = [
        node(mu, up, "μ"),
        node(mu, down, "σ"),
        node(g, middle, "g"),
        line([(mu + 26, up + 6), (z - 26, middle - 12)], head=True),
        line([(mu + 26, down - 6), (z - 26, middle + 12)], head=True),
        line([(z + 26, middle - 10), (g - 26, middle - 10)], head=True),
        line([(g - 26, middle + 12), (z + 26, middle + 12)], LIT, head=True),
    ]
    if stochastic:
        shapes += [
            write(center, 26, "original"),
            node(z, middle, "z", RANDOM, (24, 24), 24, dashed=True),
            cross((mu + z) / 2, (up + middle) / 2 - 3, 10, 10),
            cross((mu + z) / 2, (down + middle) / 2 + 3, 10, 10),
            write(center, 258, "z ∼ N(μ, σ²I)", size=26),
            write(center, 292, "gradient blocked at z", BLOCKED),
        ]
    else:
        shapes += [
            write(center, 26, "reparameterized"),
            node(z, middle, "z"),
            node(z, 64, "ε", RANDOM, (24, 24), 24, dashed=True),
            line([(z, 89), (z, middle - 26)], RANDOM, head=True),
            line([(z - 28, middle - 28), (mu + 27, up - 12)], LIT, head=True),
            line([(z - 28, middle + 28), (mu + 27, down + 12)], LIT, head=True),
            write(center, 258, "z = μ + σ ⊙ ε", size=26),
            write(center, 292, "gradient flows to μ and σ", LIT),
        ]
    return "".join(shapes)


# Pens: how a part is drawn.


class Pen(NamedTuple):
    stroke: str
    width: float
    fill: str
    text: str
    weight: int


PLAIN = Pen(INK, 2, "#ffffff", INK, 400)
RANDOM = Pen(ORANGE, 2.5, ORANGE_TINT, ORANGE, 400)
LIT = Pen(BLUE, 4, TINT, BLUE, 700)
DIM = Pen(GRAY, 1.5, "#ffffff", "#66707d", 400)
BLOCKED = Pen("#b3261e", 3.5, "none", "#b3261e", 700)


def pens(lit: str, drawn: Sequence[str]) -> dict[str, Pen]:
    """The pen of each part; ValueError if a lit part is not drawn."""
    if unknown := [name for name in lit.split() if name not in drawn]:
        raise ValueError(
            f"lit names parts that are not drawn: {', '.join(unknown)}; "
            f"drawn are {', '.join(drawn)}"
        )
    if lit:
        return {name: LIT if name in lit.split() else DIM for name in drawn}
    return {name: RANDOM if name in ("eps", "prior") else PLAIN for name in drawn}


# Shapes: coordinates and a pen in, SVG out.


def vector(x: float, name: str, text: str, pen: Pen = PLAIN, *, half: float = 66) -> str:
    """A bar with its letter, and a word below."""
    shapes = rectangle(x, MIDDLE, (24, half), pen, 6)
    shapes += write(x, MIDDLE + 10, name, pen, size=34)
    if len(text) > 10:  # "reconstruction" would leave the picture
        return shapes + write(WIDTH - 4, WORDS, text, pen, anchor="end")
    return shapes + write(x, WORDS, text, pen)


def network(
    x: float, name: str, text: str, pen: Pen = PLAIN, *, narrows: bool, half: float = 50
) -> str:
    """A trapezoid, narrower on one side, with its letter, and a word below."""
    left, right = (66, 32) if narrows else (32, 66)
    shapes = trapezoid((x - half, left), (x + half, right), pen)
    shapes += write(x, MIDDLE + 10, name, pen, size=34 if len(name) == 1 else 28)
    return shapes + write(x, WORDS, text, pen)


def node(
    x: float,
    y: float,
    text: str,
    pen: Pen = PLAIN,
    half: Point = (25, 25),
    corner: float = 6,
    *,
    dashed: bool = False,
) -> str:
    """A letter or a formula in a frame: round and dashed if it is random."""
    size, below = (34, 10) if len(text) == 1 else (25, 8)
    frame = rectangle(x, y, half, pen, corner, dashed=dashed)
    return frame + write(x, y + below, text, pen, size=size)


def noisy_arrow(start: float, end: float, pen: Pen, arrows: Pen) -> str:
    """An arrow on which ε, a dashed circle above it, is added."""
    x, r = (start + end) / 2 - 5, 13
    shapes = [
        line([(start, MIDDLE), (x - r, MIDDLE)], arrows),
        arrow(x + r, end, arrows),
        line([(x, 55), (x, MIDDLE - r)], pen, head=True),
        rectangle(x, MIDDLE, (r, r), pen, r),
        line([(x - 7, MIDDLE), (x + 7, MIDDLE)], pen),
        line([(x, MIDDLE - 7), (x, MIDDLE + 7)], pen),
        node(x, 30, "ε", pen, (24, 24), 24, dashed=True),
        write(x + 34, 38, "noise", pen, anchor="start"),
    ]
    return "".join(shapes)


def bracket(left: float, right: float, y: float, text: str, formula: str, pen: Pen) -> str:
    """A term of the loss that compares x̂ with x, as a bracket below both."""
    middle, half = (left + right) / 2, 6.5 * len(text + formula) + 6
    formula = f'<tspan font-size="25" {ITALIC}>{formula}</tspan>'
    return (
        line([(left, y - 34), (left, y - 8), (middle - half, y - 8)], pen)
        + line([(middle + half, y - 8), (right, y - 8), (right, y - 34)], pen)
        + write(middle, y, f"{text} {formula}", pen)
    )


def cells(x: float, half: float, width: int, active: int) -> str:
    """A code as cells in rows of four, the share that is active filled, evenly spread.

    A cell is a unit if there is room for them all.
    """
    rows = min(math.ceil(width / 4), max(1, int(half / 3.5)))
    n = min(width, 4 * rows)
    filled = math.ceil(n * active / width)
    side = 2 * half / rows
    shapes = []
    for i in range(n):
        fill = BLUE if i * filled % n < filled else "#ffffff"
        at = x + 8 * (i % 4 - 1.5), MIDDLE - half + (i // 4 + 0.5) * side
        shapes.append(rectangle(*at, (4, side / 2), Pen(INK, 0.8, fill, INK, 400)))
    return "".join(shapes)


def cross(x: float, y: float, dx: float, dy: float) -> str:
    falling = line([(x - dx, y - dy), (x + dx, y + dy)], BLOCKED)
    return falling + line([(x - dx, y + dy), (x + dx, y - dy)], BLOCKED)


def arrow(start: float, end: float, pen: Pen = PLAIN) -> str:
    return line([(start, MIDDLE), (end, MIDDLE)], pen, head=True)


def line(points: Sequence[Point], pen: Pen = PLAIN, *, head: bool = False) -> str:
    """A line through the points. The head is no <marker>, which would need an id."""
    joined = " ".join(f"{x:g},{y:g}" for x, y in points)
    shape = f'<polyline points="{joined}" {paint(pen._replace(fill="none"))}/>'
    if not head:
        return shape
    (x0, y0), (x1, y1) = points[-2:]
    angle, length = math.atan2(y1 - y0, x1 - x0), 8 + 1.5 * pen.width
    corners = [(x1, y1)]
    for turn in (angle - 0.4, angle + 0.4):
        corners.append((x1 - length * math.cos(turn), y1 - length * math.sin(turn)))
    return shape + polygon(corners, pen._replace(fill=pen.stroke, width=1))


def trapezoid(left: Point, right: Point, pen: Pen) -> str:
    """Around the line ``MIDDLE``; of each vertical side x and half the height."""
    (a, p), (b, q) = left, right
    return polygon(
        [(a, MIDDLE - p), (b, MIDDLE - q), (b, MIDDLE + q), (a, MIDDLE + p)], pen
    )


def polygon(corners: Sequence[Point], pen: Pen) -> str:
    joined = " ".join(f"{x:.4g},{y:.4g}" for x, y in corners)
    return f'<polygon points="{joined}" stroke-linejoin="round" {paint(pen)}/>'


def rectangle(
    x: float, y: float, half: Point, pen: Pen, corner: float = 0, *, dashed: bool = False
) -> str:
    """A rectangle around (x, y); a circle if corner is half its side."""
    dashes = ' stroke-dasharray="7 5"' if dashed else ""
    dx, dy = half
    return (
        f'<rect x="{x - dx:g}" y="{y - dy:g}" width="{2 * dx:g}" height="{2 * dy:g}" '
        f'rx="{corner:g}" {paint(pen)}{dashes}/>'
    )


def paint(pen: Pen) -> str:
    return f'fill="{pen.fill}" stroke="{pen.stroke}" stroke-width="{pen.width:g}"'


def write(
    x: float,
    y: float,
    markup: str,
    pen: Pen = PLAIN,
    *,
    size: float = 22,
    anchor: str = "middle",
) -> str:
    """Words; if larger, a symbol or a formula, in italics with serifs."""
    if markup == "x̂":  # few fonts have the hat at its place above an italic x
        top = y - 0.62 * size
        hat = [(x - 6, top), (x + 1, top - 8), (x + 8, top)]
        stroke = pen._replace(stroke=pen.text, width=pen.weight / 200)
        return line(hat, stroke) + write(x, y, "x", pen, size=size)
    font = ITALIC if size > 22 else UPRIGHT
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{pen.weight}" '
        f'text-anchor="{anchor}" fill="{pen.text}" {font}>{markup}</text>'
    )


def picture(
    sentences: Sequence[str],
    shapes: Sequence[str],
    *,
    bottom: float,
    left: float = 0,
    top: float = 0,
    lit: str = "",
) -> Picture:
    """The SVG of the shapes on white, and the text alternative, with what is lit."""
    text = " ".join(sentences)
    if lit:
        text += f" Highlighted: {', '.join(NAMES[name] for name in lit.split())}."
    size = f'width="{WIDTH - left:g}" height="{bottom - top:g}"'
    return Picture(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'viewBox="{left:g} {top:g} {WIDTH - left:g} {bottom - top:g}" role="img" '
        f'aria-label="{escape(text)}">'
        f'<rect x="{left:g}" y="{top:g}" {size} rx="8" fill="#ffffff"/>'
        f"{''.join(shapes)}</svg>\n",
        text,
    )
