"""Figures say in words what they show, from the numbers that they draw."""

import re
from datetime import date
from io import BytesIO
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from test_plots import CASES

from course_utils import plots
from course_utils.alt_text import alt_text, show_figures_with_words
from course_utils.widgets.picture import png, words_of
from tools import files

FIXED = ("history", "named_bars")  # their cases have numbers of their own


@pytest.mark.parametrize("draw", CASES.values(), ids=CASES)
def test_every_plot_says_its_title_and_numbers(draw):
    words = alt_text(draw(lambda values: values, title="The message"))
    assert words.startswith("The message. ")
    assert len(re.findall(r"\d", words)) >= 3
    assert len(words) < 2000
    assert not re.search(r"[$\\]|nan|0x|  ", words)


@pytest.mark.parametrize("name", [n for n in CASES if n not in FIXED])
def test_other_numbers_give_other_words(name):
    """So the words cannot be out of date."""

    def moved(values):
        return values + 0.3 if values.is_floating_point() else values

    first, second = (CASES[name](kind, title="t") for kind in (lambda v: v, moved))
    assert alt_text(first) != alt_text(second)


def test_lines_bars_and_points_are_told():
    figure, axis = plt.subplots()
    axis.plot([1, 2, 3], [5, -4, 6], label="the loss")
    axis.bar([7, 8], [0.25, 0.5])
    axis.scatter([1, 2], [30, 40])
    axis.set(xlabel=r"$\beta_k$", ylabel="nats", title="Panel", ylim=(-5, 50))
    figure.suptitle("Title.")
    words = alt_text(figure)
    plt.close(figure)
    for part in (
        "Title. Panel: ",
        "the loss: 5 at 1, 6 at 3, lowest −4 at 2",
        "7 0.25, 8 0.5",
        "2 points, x from 1 to 2, y from 30 to 40",
        "x axis: betak",
        "y axis: nats, from −5 to 50",
    ):
        assert part in words


ANY = {
    "nothing": lambda axis: None,
    "no points": lambda axis: (axis.plot([], []), axis.bar([], []), axis.scatter([], [])),
    "not a number": lambda axis: axis.plot([1, np.nan], [np.nan, 2]),
    "names": lambda axis: axis.plot(["a", "b"], [1, 2]),
    "dates": lambda axis: axis.plot(np.array(["2020-01-01"], "datetime64[D]"), [1]),
    "colors": lambda axis: axis.imshow(np.zeros((2, 3, 3))),
    "one value": lambda axis: axis.imshow([[np.nan]]),
    "contours": lambda axis: axis.contourf(np.eye(3)),
    "mesh": lambda axis: axis.pcolormesh(np.eye(3)),
    "error bars": lambda axis: axis.errorbar([1, 2], [3, 4], 0.1),
    "boxes": lambda axis: axis.boxplot([[1, 2, 3]]),
    "pie": lambda axis: axis.pie([1, 2]),
    "area": lambda axis: axis.fill_between([1, 2], [3, 4]),
    "flow": lambda axis: axis.streamplot(range(3), range(3), np.ones((3, 3)), np.eye(3)),
    "stacked bars": lambda axis: (axis.bar("ab", [1, 2]), axis.bar("ab", [1, 2], bottom=1)),
}


@pytest.mark.parametrize("draw", ANY.values(), ids=ANY)
def test_any_figure_can_be_told(draw):
    figure, axis = plt.subplots()
    figure.suptitle("Something")
    draw(axis)
    words = alt_text(figure)
    plt.close(figure)
    assert words.startswith("Something.")


@pytest.mark.parametrize(
    "draw, words",
    [
        (
            lambda axis: axis.plot([date(2024, 1, 1), date(2024, 1, 3)], [5, 6]),
            "5 at 1.97e4",
        ),
        (lambda axis: axis.plot(["cat", "dog"], [5, 6]), "5 at 0, 6 at 1"),
        (lambda axis: axis.bar(["cat", "dog"], [5, 6]), "cat 5, dog 6"),
        (lambda axis: axis.barh(["cat", "dog"], [5, 6]), "cat 5, dog 6"),
        (lambda axis: axis.bar([], []), ""),
    ],
)
def test_words_dates_and_no_data_are_told_too(draw, words):
    figure, axis = plt.subplots()
    draw(axis)
    assert alt_text(figure).startswith(words)
    plt.close(figure)


def test_a_figure_in_another_format_is_left_to_ipython(monkeypatch):
    """As by ``%config InlineBackend.figure_formats = ["svg"]``."""
    shell = SimpleNamespace(display_formatter=DisplayFormatter(), kernel=None)
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: shell)
    monkeypatch.setattr(plt, "switch_backend", lambda name: None)
    show_figures_with_words()
    shell.display_formatter.formatters["image/svg+xml"].for_type(Figure, lambda _: "<svg/>")
    data, _ = shell.display_formatter.format(Figure())
    assert data["image/svg+xml"] == "<svg/>"


def test_images_are_compared_with_the_first_row():
    x = np.zeros((3, 16))
    figure = plots.image_rows({"x": x, "x̂": x + 0.5}, title="t")
    assert "x̂: 3 images, 50 % ink, mean squared error 4 to the first row" in alt_text(
        figure
    )


def test_a_picture_of_a_widget_carries_its_words():
    figure = plots.image_rows({"x": np.zeros((3, 16))}, title="Some image")
    picture = png(figure, colors=8)
    assert words_of(picture) == alt_text(figure)
    Image.open(BytesIO(picture)).verify()


@pytest.fixture(scope="module")
def outputs(slow):
    """What a notebook shows: a figure of the course, a figure of one's own, a widget."""
    cells = [
        """from course_utils import plots
plots.image_rows({"x": [[0.5] * 16]}, title="Mine")""",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2], [3, 4])\nplt.title('Own');",
        """from course_utils.widgets import Dial
axes = {"x": [1, 2], "xlabel": "x", "ylabel": "y"}
Dial("k", {k: plots.curves(lines={"a": [k, 9]}, title=f"k = {k}", **axes) for k in (1, 2)})
""",
    ]
    cells.append(
        """from IPython.display import display
handle = display("a text", display_id=True)
for k in (1, 2):
    handle.update(plots.curves(lines={"a": [k, 9]}, title=f"n = {k}", **axes))
"""
    )
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    NotebookClient(notebook, kernel_name="python3").execute()
    return [
        [output for output in cell.outputs if "image/png" in output.get("data", {})]
        for cell in notebook.cells
    ]


def test_every_figure_of_a_notebook_is_shown_once_and_has_an_alternative(outputs):
    expected = ("Mine. x: 1 image,", "Own: 3 at 1, 4 at 2", "k = 1", "n = 2. a: 2 at 1")
    for shown, words in zip(outputs, expected, strict=True):
        [output] = shown
        assert words in output.metadata["image/png"]["alt"]
        assert re.search(r'<img [^>]*alt="[^"]*' + words, output.data["text/html"])
        assert output.data["image/png"].strip() in output.data["text/html"]


def alternatives(path):
    """The alternatives of the stored pictures of a notebook, None where there is none."""
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if any(kind.startswith("image/") for kind in data):
                found = re.search(r'<img [^>]*alt="([^"]+)"', data.get("text/html", ""))
                yield cell.id, found and found[1]


@pytest.mark.parametrize("path", files.course_notebooks(), ids=lambda path: path.stem)
def test_each_stored_picture_has_an_alternative_of_its_own(path):
    found = dict(alternatives(path))
    assert [name for name, words in found.items() if not words] == []
    assert len(set(found.values())) == len(found)


def test_images_in_color_are_told_by_their_mean_color():
    red = np.zeros((2, 3, 4, 4))
    red[:, 0] = 0.5
    words = alt_text(plots.image_rows({"x": red, "x̂": red + 0.25}, title="t"))
    assert "x: 2 images, in color, mean red 0.5, green 0, blue 0." in words
    assert "mean red 0.75, green 0.25, blue 0.25, mean squared error 3 to" in words
    words = alt_text(plots.code_bars(red, np.ones((2, 5)), red, title="t"))
    assert "4 × 4 pixels in color, mean red 0.5, green 0, blue 0" in words
