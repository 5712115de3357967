"""The picture that grows: x → f → z → g → x̂, drawn again with other parts lit.

    autoencoder(noise_on="x", lit="eps")    noise is added before f
    vae(lit={"recon", "kl"})                the two terms of the loss
    funnel((784, 256, 2, 256, 784))         the layers and their widths

Each function returns a ``Picture``, which a notebook shows as the last line of a cell. Its
text alternative is computed from the same arguments. Parts have the names of the code: x,
f, z, g, x_hat, mu, sigma, eps, prior, recon, kl, penalty. A lit part is blue, thick and
bold; then all others are thin and gray. What is random has a dashed outline.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple
from zlib import crc32

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

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> dict[str, str]:
        source = b64encode(self.svg.encode()).decode()
        image = (
            f'<img src="data:image/svg+xml;base64,{source}" alt="{escape(self.text)}" '
            'style="max-width: 100%; height: auto">'
        )
        return {"text/plain": self.text, "text/html": image, "image/svg+xml": self.svg}


# The pictures.


def autoencoder(
    *,
    lit: str | Iterable[str] = (),
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
    drawn = ["x", "f", "z", "g", "x_hat"]
    drawn += ["eps"] if noise_on else []
    drawn += ["penalty"] if penalty else []
    drawn += ["recon"] if loss else []
    pen = pens(lit, drawn)
    arrows = pen["arrows"]
    shapes = [
        vector(86, "x", "input", pen["x"]),
        network(228, "Ax + b" if linear else "f", "encoder", pen["f"], narrows=True),
        vector(380, "z", "code", pen["z"], half_height=34),
        network(532, "Bz + c" if linear else "g", "decoder", pen["g"], narrows=False),
        vector(674, "x̂", "reconstruction", pen["x_hat"]),
        arrow(404, 482, arrows),
        arrow(582, 650, arrows),
    ]
    for source, start, end in (("x", 110, 178), ("z", 278, 356)):
        if noise_on == source:
            shapes.append(noisy_arrow(start, end, pen["eps"], arrows))
        else:
            shapes.append(arrow(start, end, arrows))
    if linear:
        shapes.append(word(380, 50, "no nonlinearity", PLAIN))
    bottom = WORDS
    if penalty:
        bottom += 46
        shapes.append(pill(380, bottom - 12, penalty, pen["penalty"]))
    if loss:
        bottom += 48
        shapes.append(bracket((86, 674), bottom, "squared error", "‖x − x̂‖²", pen["recon"]))

    title = "Linear autoencoder" if linear else "Autoencoder"
    sentences = ["The encoder f maps x to the code z, the decoder g maps z to x̂."]
    if linear:
        sentences.append("Both are affine, Ax + b and Bz + c: there is no nonlinearity.")
    if noise_on == "x":
        sentences.append("Noise ε is added to the input, before f.")
    if noise_on == "z":
        sentences.append("Noise ε is added to the code, after f.")
    if penalty:
        sentences.append(f"The loss has a penalty on the code: {penalty}.")
    if loss:
        sentences.append("The squared error compares x̂ with x.")
    top = 0 if noise_on else 20 if linear else 56
    return picture(title, sentences, lit, shapes, bottom=bottom + 14, top=top)


def vae(*, lit: str | Iterable[str] = (), kl: bool = True, loss: bool = True) -> Picture:
    """x → f → μ, σ → z = μ + σ ⊙ ε → g → x̂.

    ``kl``: below z the prior N(0, I), and the KL divergence as a line between it and
    q(z|x), which μ and σ describe. ``loss``: the bracket of the reconstruction term.
    ValueError if ``lit`` names a part that is not drawn.
    """
    drawn = ["x", "f", "mu", "sigma", "eps", "z", "g", "x_hat"]
    drawn += ["prior", "kl"] if kl else []
    drawn += ["recon"] if loss else []
    pen = pens(lit, drawn)
    arrows = pen["arrows"]
    q, up, down = 290, MIDDLE - 36, MIDDLE + 36
    shapes = [
        vector(66, "x", "input", pen["x"]),
        network(172, "f", "encoder", pen["f"], narrows=True, half_width=42),
        square(q, up, "μ", pen["mu"]),
        square(q, down, "σ", pen["sigma"]),
        vector(414, "z", "code", pen["z"], half_height=34),
        network(534, "g", "decoder", pen["g"], narrows=False, half_width=42),
        vector(676, "x̂", "reconstruction", pen["x_hat"]),
        circle(414, 30, "ε", pen["eps"]),
        letter(450, 38, "z = μ + σ ⊙ ε", pen["eps"], size=26, anchor="start"),
        arrow(90, 130, arrows),
        line([(214, MIDDLE - 14), (q - 26, up + 4)], arrows, head=True),
        line([(214, MIDDLE + 14), (q - 26, down - 4)], arrows, head=True),
        line([(q + 26, up + 4), (390, MIDDLE - 12)], arrows, head=True),
        line([(q + 26, down - 4), (390, MIDDLE + 12)], arrows, head=True),
        line([(414, 55), (414, MIDDLE - 35)], pen["eps"], head=True),
        arrow(438, 492, arrows),
        arrow(576, 652, arrows),
        letter(q, WORDS, "q(z|x)", DIM if lit else PLAIN, size=25),
    ]
    bottom = WORDS
    if kl:
        bottom += 80
        shapes += [
            pill(q, bottom - 14, "prior N(0, I)", pen["prior"], half_width=92, dashed=True),
            line([(q, WORDS + 9), (q, bottom - 35)], pen["kl"], head=True, both=True),
            word(q + 20, WORDS + 34, "KL", pen["kl"], anchor="start"),
        ]
    if loss:
        bottom += 48
        shapes.append(
            bracket((66, 676), bottom, "reconstruction", "−log p(x|z)", pen["recon"])
        )

    sentences = [
        "The encoder f maps x to the mean μ and the standard deviation σ of q(z|x).",
        "The code is z = μ + σ ⊙ ε with noise ε; the decoder g maps z to x̂.",
    ]
    if kl:
        sentences.append("The KL term compares q(z|x) with the prior N(0, I).")
    if loss:
        sentences.append("The reconstruction term compares x̂ with x.")
    title = "Variational autoencoder" if kl else "Autoencoder whose code is a distribution"
    return picture(title, sentences, lit, shapes, bottom=bottom + 14)


def generator(*, discarded: bool = False) -> Picture:
    """z ~ N(0, I) → g → x. ``discarded``: beside it the encoder, gray and crossed out."""
    shapes = [
        pill(380, 26, "z ∼ N(0, I)", RANDOM, half_width=84, dashed=True),
        line([(380, 47), (380, MIDDLE - 35)], head=True),
        vector(380, "z", "code", PLAIN, half_height=34),
        network(532, "g", "decoder", PLAIN, narrows=False),
        vector(674, "x", "new image", PLAIN),
        arrow(404, 482),
        arrow(582, 650),
    ]
    sentences = ["A code z is drawn from N(0, I); the decoder g maps it to a new image x."]
    if discarded:
        shapes += [
            vector(86, "x", "input", DIM),
            network(228, "f", "encoder", DIM, narrows=True),
            arrow(110, 178, DIM),
            arrow(278, 356, DIM),
            line([(170, 70), (286, 202)], BLOCKED),
            line([(170, 202), (286, 70)], BLOCKED),
        ]
        sentences.append("The encoder f is crossed out: it is not used any more.")
    left = 0 if discarded else 280
    return picture("Generation", sentences, (), shapes, bottom=WORDS + 14, left=left)


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
    middle = len(sizes) // 2
    width = sizes[middle]
    if active is not None and not 0 <= active <= width:
        raise ValueError(
            f"active must be between 0 and {width}, the width of z; got {active}"
        )
    step = 640 / (len(sizes) - 1)
    centers = [60 + step * i for i in range(len(sizes))]
    halves = [math.sqrt(size / max(sizes)) * 88 for size in sizes]
    halves = [max(half, 3) for half in halves]  # a layer of one unit is still seen
    shapes = []
    for i in range(len(sizes) - 1):
        (a, b), (top, end) = centers[i : i + 2], halves[i : i + 2]
        corners = [
            (a, MIDDLE - top),
            (b, MIDDLE - end),
            (b, MIDDLE + end),
            (a, MIDDLE + top),
        ]
        shapes.append(polygon(corners, Pen("#d5dbe3", 1, "#f3f5f8", INK, 400)))
    for i, (center, half, size) in enumerate(zip(centers, halves, sizes)):
        pen = LIT if i == middle else PLAIN
        if i == middle and active is not None:
            shapes.append(cells(center, half, width, active))
        else:
            shapes.append(rectangle(center, MIDDLE, 12, half, pen, corner=3))
        shapes.append(word(center, MIDDLE + 114, str(size), pen))
        if i not in (0, middle, len(sizes) - 1):
            shapes.append(relu(center, MIDDLE + 141))
    for center, text, name in ((220, "encoder", "f"), (540, "decoder", "g")):
        shapes.append(word(center + 22, 36, text, PLAIN, anchor="end"))
        shapes.append(letter(center + 32, 36, name, PLAIN, anchor="start"))
    for center, name, pen in ((60, "x", PLAIN), (380, "z", LIT), (700, "x̂", PLAIN)):
        shapes.append(letter(center, 36, name, pen))
    hidden = len(sizes) > 3
    bottom = MIDDLE + 114
    if hidden:
        bottom += 34
        shapes.append(word(60, bottom, "ReLU:", PLAIN))  # left of their graphs
    if active is not None:
        bottom += 34
        note = f"{active} of {width} units are not zero"
        shapes.append(word(380, bottom, note, LIT))

    widths = "–".join(map(str, sizes))
    kind = "as wide as"
    if width != sizes[0]:
        kind = "narrower than" if width < sizes[0] else "wider than"
    sentences = [
        f"Layers of widths {widths}, drawn with heights that grow with the square root.",
        f"The code z, in the middle, has width {width} and is {kind} the data.",
    ]
    if hidden:
        sentences.append("Each hidden layer has a ReLU.")
    if active is not None:
        sentences.append(
            f"Highlighted: {active} of the {width} units of z, which are not zero."
        )
    return picture("Layers of an autoencoder", sentences, (), shapes, bottom=bottom + 14)


def reparameterization() -> Picture:
    """The lecture's two graphs of z ~ N(μ, σ²I) and its gradient.

    Left z itself is random, and the gradient stops there. Right ε is random and
    z = μ + σ ⊙ ε is computed, so that the gradient reaches μ and σ.
    """
    shapes = [graph(200, stochastic=True), graph(560, stochastic=False)]
    shapes += [
        line([(380, 16), (380, 304)], DIM),
        circle(86, 332, "", RANDOM, radius=14),
        word(110, 340, "stochastic", PLAIN, anchor="start"),
        square(286, 332, "", PLAIN, half=13),
        word(310, 340, "deterministic", PLAIN, anchor="start"),
        line([(560, 332), (504, 332)], LIT, head=True),
        word(572, 340, "gradient", PLAIN, anchor="start"),
    ]
    sentences = [
        "Left, the original form: z is a stochastic node, drawn from N(μ, σ²I).",
        "The gradient comes back from g to z and is blocked there.",
        "Right, the reparameterized form: ε is stochastic, z = μ + σ ⊙ ε is deterministic.",
        "The gradient flows from g through z to μ and σ.",
    ]
    return picture("Reparameterization", sentences, (), shapes, bottom=356)


def graph(center: float, *, stochastic: bool) -> str:
    """One of the two graphs: μ, σ → z → g, and the gradient back."""
    mu, z, g, up, middle, down = center - 128, center + 8, center + 132, 88, 142, 196
    shapes = [
        square(mu, up, "μ", PLAIN),
        square(mu, down, "σ", PLAIN),
        square(g, middle, "g", PLAIN),
        line([(mu + 26, up + 6), (z - 26, middle - 12)], head=True),
        line([(mu + 26, down - 6), (z - 26, middle + 12)], head=True),
        line([(z + 26, middle - 10), (g - 26, middle - 10)], head=True),
        line([(g - 26, middle + 12), (z + 26, middle + 12)], LIT, head=True),
    ]
    if stochastic:
        shapes += [
            word(center, 26, "original", PLAIN),
            circle(z, middle, "z", RANDOM),
            cross((mu + z) / 2, (up + middle) / 2 - 3),
            cross((mu + z) / 2, (down + middle) / 2 + 3),
            letter(center, 258, "z ∼ N(μ, σ²I)", PLAIN, size=26),
            word(center, 292, "gradient blocked at z", BLOCKED),
        ]
    else:
        shapes += [
            word(center, 26, "reparameterized", PLAIN),
            square(z, middle, "z", PLAIN),
            circle(z, 64, "ε", RANDOM),
            line([(z, 89), (z, middle - 26)], RANDOM, head=True),
            line([(z - 28, middle - 28), (mu + 27, up - 12)], LIT, head=True),
            line([(z - 28, middle + 28), (mu + 27, down + 12)], LIT, head=True),
            letter(center, 258, "z = μ + σ ⊙ ε", PLAIN, size=26),
            word(center, 292, "gradient flows to μ and σ", LIT),
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


def pens(lit: str | Iterable[str], drawn: Sequence[str]) -> dict[str, Pen]:
    """The pen of each part; ValueError if a lit part is not drawn."""
    names = lit_names(lit)
    if unknown := [name for name in names if name not in drawn]:
        raise ValueError(
            f"lit names parts that are not drawn: {', '.join(unknown)}; "
            f"drawn are {', '.join(drawn)}"
        )
    if names:
        return {name: LIT if name in names else DIM for name in [*drawn, "arrows"]}
    random = ("eps", "prior")
    return {name: RANDOM if name in random else PLAIN for name in [*drawn, "arrows"]}


def lit_names(lit: str | Iterable[str]) -> list[str]:
    """The names in the order of ``NAMES``, so that a set gives the same picture always."""
    names = {lit} if isinstance(lit, str) else set(lit)
    return [name for name in NAMES if name in names] + sorted(names - set(NAMES))


# Shapes: coordinates and a pen in, SVG out.


def vector(x: float, name: str, text: str, pen: Pen, *, half_height: float = 66) -> str:
    """A bar with its letter, and a word below."""
    bar = rectangle(x, MIDDLE, 24, half_height, pen, corner=6)
    anchor = (
        "end" if len(text) > 10 else "middle"
    )  # "reconstruction" would leave the picture
    at = WIDTH - 4 if anchor == "end" else x
    return (
        bar + letter(x, MIDDLE + 10, name, pen) + word(at, WORDS, text, pen, anchor=anchor)
    )


def network(
    x: float, name: str, text: str, pen: Pen, *, narrows: bool, half_width: float = 50
) -> str:
    """A trapezoid, narrower on one side, with its letter, and a word below."""
    left, right = (66, 32) if narrows else (32, 66)
    corners = [
        (x - half_width, MIDDLE - left),
        (x + half_width, MIDDLE - right),
        (x + half_width, MIDDLE + right),
        (x - half_width, MIDDLE + left),
    ]
    size = 34 if len(name) == 1 else 28
    shape = polygon(corners, pen) + letter(x, MIDDLE + 10, name, pen, size=size)
    return shape + word(x, WORDS, text, pen)


def noisy_arrow(start: float, end: float, pen: Pen, arrows: Pen) -> str:
    """An arrow on which ε, a dashed circle above it, is added."""
    x, r = (start + end) / 2 - 5, 13
    return "".join(
        [
            line([(start, MIDDLE), (x - r, MIDDLE)], arrows),
            line([(x + r, MIDDLE), (end, MIDDLE)], arrows, head=True),
            line([(x, 55), (x, MIDDLE - r)], pen, head=True),
            rectangle(x, MIDDLE, r, r, pen, corner=r),
            line([(x - 7, MIDDLE), (x + 7, MIDDLE)], pen),
            line([(x, MIDDLE - 7), (x, MIDDLE + 7)], pen),
            circle(x, 30, "ε", pen),
            word(x + 34, 38, "noise", pen, anchor="start"),
        ]
    )


def square(x: float, y: float, name: str, pen: Pen, *, half: float = 25) -> str:
    """A deterministic node."""
    return rectangle(x, y, half, half, pen, corner=6) + letter(x, y + 10, name, pen)


def circle(x: float, y: float, name: str, pen: Pen, *, radius: float = 24) -> str:
    """A stochastic node: dashed."""
    shape = rectangle(x, y, radius, radius, pen, corner=radius, dashed=True)
    return shape + letter(x, y + 10, name, pen)


def pill(
    x: float,
    y: float,
    text: str,
    pen: Pen,
    *,
    half_width: float | None = None,
    dashed: bool = False,
) -> str:
    """A formula in a frame with round ends."""
    half = half_width or 8 * len(text) + 14
    frame = rectangle(x, y, half, 20, pen, corner=20, dashed=dashed)
    return frame + letter(x, y + 8, text, pen, size=25)


def bracket(ends: tuple[float, float], y: float, text: str, formula: str, pen: Pen) -> str:
    """A term of the loss that compares x̂ with x, as a bracket below both."""
    left, right = ends
    middle, half = (left + right) / 2, 6.5 * len(text + formula) + 6
    shapes = [
        line([(left, y - 34), (left, y - 8), (middle - half, y - 8)], pen),
        line([(middle + half, y - 8), (right, y - 8), (right, y - 34)], pen),
    ]
    symbols = f'<tspan font-size="25" {ITALIC}>{escape(formula)}</tspan>'
    return "".join(shapes) + writing(middle, y, f"{escape(text)} {symbols}", pen, 22)


def cells(x: float, half_height: float, width: int, active: int) -> str:
    """A code as cells in rows of four, the share that is active filled.

    A cell is a unit if there is room for them all.
    """
    rows = min(math.ceil(width / 4), max(1, int(half_height / 3.5)))
    n = min(width, 4 * rows)
    filled = math.ceil(n * active / width)
    # Steps of the golden ratio scatter them evenly, whatever their number.
    order = sorted(range(n), key=lambda i: i * 0.618 % 1)[:filled]
    side = 2 * half_height / rows
    shapes = []
    for i in range(n):
        pen = Pen(INK, 0.8, BLUE if i in order else "#ffffff", INK, 400)
        at = x + 8 * (i % 4 - 1.5), MIDDLE - half_height + (i // 4 + 0.5) * side
        shapes.append(rectangle(*at, 4, side / 2, pen))
    return "".join(shapes)


def cross(x: float, y: float) -> str:
    return line([(x - 10, y - 10), (x + 10, y + 10)], BLOCKED) + line(
        [(x - 10, y + 10), (x + 10, y - 10)], BLOCKED
    )


def relu(x: float, y: float) -> str:
    """The graph of max(0, x), small."""
    return line([(x - 16, y + 9), (x, y + 9), (x + 14, y - 9)])


def arrow(start: float, end: float, pen: Pen = PLAIN) -> str:
    return line([(start, MIDDLE), (end, MIDDLE)], pen, head=True)


def line(
    points: Sequence[tuple[float, float]],
    pen: Pen = PLAIN,
    *,
    head: bool = False,
    both: bool = False,
) -> str:
    """A line through the points, with a head at its end or at both."""
    joined = " ".join(f"{x:g},{y:g}" for x, y in points)
    shapes = [f'<polyline points="{joined}" {paint(pen._replace(fill="none"))}/>']
    if head:
        shapes.append(arrowhead(points[-2], points[-1], pen))
    if both:
        shapes.append(arrowhead(points[1], points[0], pen))
    return "".join(shapes)


def arrowhead(start: tuple[float, float], end: tuple[float, float], pen: Pen) -> str:
    """A triangle that ends where the line ends. No <marker>, which would need an id."""
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    length = 8 + 1.5 * pen.width
    corners = [end]
    for turn in (-0.4, 0.4):
        x, y = math.cos(angle + turn), math.sin(angle + turn)
        corners.append((end[0] - length * x, end[1] - length * y))
    return polygon(corners, pen._replace(fill=pen.stroke, width=1))


def rectangle(
    x: float,
    y: float,
    half_width: float,
    half_height: float,
    pen: Pen,
    *,
    corner: float = 0,
    dashed: bool = False,
) -> str:
    """A rectangle around (x, y); a circle if corner is half its side."""
    dashes = ' stroke-dasharray="7 5"' if dashed else ""
    return (
        f'<rect x="{x - half_width:g}" y="{y - half_height:g}" width="{2 * half_width:g}" '
        f'height="{2 * half_height:g}" rx="{corner:g}" {paint(pen)}{dashes}/>'
    )


def polygon(corners: Sequence[tuple[float, float]], pen: Pen) -> str:
    joined = " ".join(f"{x:.4g},{y:.4g}" for x, y in corners)
    return f'<polygon points="{joined}" stroke-linejoin="round" {paint(pen)}/>'


def paint(pen: Pen) -> str:
    return f'fill="{pen.fill}" stroke="{pen.stroke}" stroke-width="{pen.width:g}"'


def letter(
    x: float, y: float, text: str, pen: Pen, *, size: float = 34, anchor: str = "middle"
) -> str:
    """A symbol or a formula, in italics with serifs."""
    if text == "x̂":  # few fonts have the hat at its place above an italic x
        top = y - 0.62 * size
        hat = [(x - 6, top), (x + 1, top - 8), (x + 8, top)]
        stroke = pen._replace(stroke=pen.text, width=pen.weight / 200)
        return line(hat, stroke) + letter(x, y, "x", pen, size=size)
    return writing(x, y, escape(text), pen, size, anchor=anchor, font=ITALIC)


def word(x: float, y: float, text: str, pen: Pen, *, anchor: str = "middle") -> str:
    return writing(x, y, escape(text), pen, 22, anchor=anchor)


def writing(
    x: float,
    y: float,
    markup: str,
    pen: Pen,
    size: float,
    *,
    anchor: str = "middle",
    font: str = UPRIGHT,
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{pen.weight}" '
        f'text-anchor="{anchor}" fill="{pen.text}" {font}>{markup}</text>'
    )


def picture(
    title: str,
    sentences: Sequence[str],
    lit: str | Iterable[str],
    shapes: Sequence[str],
    *,
    bottom: float,
    left: float = 0,
    top: float = 0,
) -> Picture:
    """The SVG of the shapes on white, and the text alternative, with what is lit."""
    names = [NAMES[name] for name in lit_names(lit)]
    told = " ".join(
        [*sentences, f"Highlighted: {', '.join(names)}."] if names else sentences
    )
    body = "".join(shapes)
    key = f"schematic-{crc32((told + body).encode()):08x}"  # ids differ between pictures
    size = f'width="{WIDTH - left:g}" height="{bottom - top:g}"'
    return Picture(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'viewBox="{left:g} {top:g} {WIDTH - left:g} {bottom - top:g}" role="img" '
        f'aria-labelledby="{key}-title {key}-desc">'
        f'<title id="{key}-title">{escape(title)}</title>'
        f'<desc id="{key}-desc">{escape(told)}</desc>'
        f'<rect x="{left:g}" y="{top:g}" {size} rx="8" fill="#ffffff"/>'
        f"{body}</svg>\n",
        f"{title}. {told}",
    )
