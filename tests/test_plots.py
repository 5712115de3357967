"""Plots accept tensors, arrays and lists, display nothing, and draw at the right places."""

from io import BytesIO
from itertools import combinations, pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text

from course_utils import plots
from course_utils.alt_text import alt_text
from course_utils.theory import lattice

RECORDS = [{"epoch": 1, "loss": 3.0, "recon": 2.0, "kl": 1.0}] * 3
RANDOM = torch.Generator().manual_seed(0)
CODES, LABELS = torch.randn(30, 2, generator=RANDOM), torch.arange(30) % 10
IMAGES = torch.rand(9, 16, generator=RANDOM)

# Each plot; ``kind`` converts its tensors to a type that a notebook may have.
CASES = {
    "image_rows": lambda kind, **options: plots.image_rows(
        {"x": kind(IMAGES), "x_hat": kind(IMAGES[:4])}, **options
    ),
    "digit_grid": lambda kind, **options: plots.digit_grid(
        kind(IMAGES), half_width=1, **options
    ),
    "latent_plane": lambda kind, **options: plots.latent_plane(
        kind(CODES), kind(LABELS), half_width=2, **options
    ),
    "latent_planes": lambda kind, **options: plots.latent_planes(
        {"AE": kind(CODES), "VAE": kind(3 * CODES)}, kind(LABELS), **options
    ),
    "curves": lambda kind, **options: plots.curves(
        kind(torch.tensor([1.0, 10.0])),
        {"AE": kind(IMAGES[0, :2]), "PCA": kind(IMAGES[1, :2])},
        xlabel="k",
        ylabel="error",
        log_x=True,
        **options,
    ),
    "history": lambda kind, **options: plots.history(RECORDS, ylabel="nats", **options),
    "histograms": lambda kind, **options: plots.histograms(
        {"near": kind(CODES[:, 0]), "far": kind(CODES[:, 1])}, xlabel="distance", **options
    ),
    "distance_map": lambda kind, **options: plots.distance_map(
        kind(IMAGES[:, 0]), kind(CODES), half_width=1, **options
    ),
    "residuals": lambda kind, **options: plots.residuals(
        kind(CODES), {"PCA": kind(CODES / 2)}, **options
    ),
    "code_bars": lambda kind, **options: plots.code_bars(
        kind(IMAGES[:3]), kind(CODES[:3].relu()), kind(IMAGES[3:6]), **options
    ),
    "heatmap": lambda kind, **options: plots.heatmap(
        kind(IMAGES), xlabel="unit", ylabel="digit", label="activation", **options
    ),
    "clouds": lambda kind, **options: plots.clouds(
        {"start": kind(CODES), "end": kind(CODES / 9)}, **options
    ),
    "cloud_rows": lambda kind, **options: plots.cloud_rows(
        {
            "ring": {"VAE": kind(CODES), "GAN": kind(CODES)},
            "moons": {"VAE": kind(CODES), "GAN": kind(CODES)},
        },
        half_width=3,
        **options,
    ),
    "codebooks": lambda kind, **options: plots.codebooks(
        {"start": (kind(CODES), kind(CODES[:3])), "end": (kind(CODES), kind(CODES[:4]))},
        half_width=3,
        **options,
    ),
    "bars": lambda kind, **options: plots.bars(
        {"top": kind(CODES[:, 0]), "bottom": kind(CODES[:4, 1])},
        xlabel="code",
        ylabel="times chosen",
        **options,
    ),
    "named_bars": lambda kind, **options: plots.named_bars(
        {"ring": {"VAE": 0.2, "GAN": 0.1}, "moons": {"VAE": 0.2, "GAN": 0.3}},
        xlabel="distance",
        **options,
    ),
    "image_grids": lambda kind, **options: plots.image_grids(
        {"live": kind(IMAGES), "shipped": kind(IMAGES[:7])}, **options
    ),
    "densities": lambda kind, **options: plots.densities(
        {
            "flat": (kind(IMAGES[:, 0]), kind(CODES)),
            "data": (kind(IMAGES[:, 1]), kind(CODES)),
        },
        half_width=2,
        **options,
    ),
    "water_level": lambda kind, **options: plots.water_level(
        kind(torch.tensor([2.0, 0.5])), 1.0, **options
    ),
    "tradeoff": lambda kind, **options: plots.tradeoff(
        {"exact": kind(CODES[:3]), "trained": kind(CODES[3:6])},
        marks=["1", "2", "3"],
        xlabel="rate",
        ylabel="distortion",
        **options,
    ),
    "posteriors": lambda kind, **options: plots.posteriors(
        kind(CODES), kind(CODES.abs()), kind(LABELS), **options
    ),
    "gaussians_on_posteriors": lambda kind, **options: plots.gaussians_on_posteriors(
        {
            "7": (kind(torch.arange(9.0)), kind(torch.arange(16.0)), kind(-IMAGES)),
            "2": (kind(torch.arange(9.0)), kind(torch.arange(16.0)), kind(IMAGES)),
        },
        {"encoder's": [(kind(CODES[0]), kind(CODES[1].abs()))] * 2},
        **options,
    ),
    "arrows": lambda kind, **options: plots.arrows(
        kind(CODES), {"score": kind(-CODES)}, points=kind(CODES), **options
    ),
}
KINDS = {
    "tensor": lambda values: values,
    "tensor with a gradient": lambda values: (
        values.clone().requires_grad_() if values.is_floating_point() else values
    ),
    "array": lambda values: values.numpy(),
    "list": lambda values: values.tolist(),
}
every_plot = pytest.mark.parametrize("draw", CASES.values(), ids=CASES)


def pixels(figure):
    file = BytesIO()
    figure.savefig(file, format="rgba", dpi=50)
    return np.frombuffer(file.getvalue(), np.uint8).astype(float)


def test_every_plot_is_tested_here():
    functions = {
        name
        for name, value in vars(plots).items()
        if getattr(value, "__annotations__", {}).get("return") == "Figure"
    }
    assert functions == set(CASES)


@every_plot
def test_a_plot_is_a_figure_with_its_title_and_is_not_shown(draw):
    figure = draw(KINDS["tensor"], title="A title")
    assert isinstance(figure, Figure)
    assert figure.get_suptitle() == "A title"
    assert plt.get_fignums() == []


def test_a_title_that_is_too_long_is_wrapped():
    long = "The codes after four epochs, each on its own scale; dashed: the prior"
    figure = plots.latent_planes({"VAE": CODES}, LABELS, title=long)
    figure.savefig(BytesIO())
    (title,) = (text for text in figure.texts if text.get_text() == long)
    extent = title.get_window_extent()
    assert 0 <= extent.x0 and extent.x1 <= figure.bbox.width


@every_plot
def test_a_plot_must_have_a_title(draw):
    with pytest.raises(TypeError, match="title"):
        draw(KINDS["tensor"])


@pytest.mark.slow
@every_plot
def test_tensors_arrays_and_lists_give_the_same_picture(draw):
    def drawn(kind):
        figure = draw(kind, title="Same")
        figure.set_layout_engine("none")  # it takes half of the time, and no data
        return pixels(figure)

    first, *others = map(drawn, KINDS.values())
    for other in others:
        # a list's numbers are float64, which may shift an arrow's edge by a gray level
        assert np.abs(first - other).mean() < 0.01


# --- contents of the plots ------------------------------------------------------------


def picture(axis):
    """A function that gives the drawn value at a point of the plane."""
    [shown] = axis.images
    values = np.asarray(shown.get_array())
    left, right, bottom, top = shown.get_extent()
    height, width = values.shape

    def at(x, y):
        column = int((x - left) / (right - left) * width)
        row = int((top - y) / (top - bottom) * height)
        return values[row, column]

    return at


def test_each_decoded_image_is_drawn_at_its_z():
    """Images of 2 × 2 pixels with z₁ on the left and z₂ on the right."""
    z = lattice.latent_lattice(5, n=4)
    images = z[:, [0, 1, 0, 1]]
    at = picture(plots.digit_grid(images, half_width=5, title="Grid").axes[0])
    for z1, z2 in z.tolist():
        assert at(z1 - 0.1, z2) == pytest.approx(z1)
        assert at(z1 + 0.1, z2) == pytest.approx(z2)
    assert at(-5 + 0.1, 5) == 5  # the top left image is z = (−a, a)


def test_image_rows_keep_their_order_and_their_names():
    figure = plots.image_rows({"x": IMAGES[:3], "x_hat": IMAGES[3:5]}, title="Rows")
    lines = [np.asarray(axis.images[0].get_array()) for axis in figure.axes]
    # 4 × 4 pixels each, between margins of one pixel; the shorter row ends in white.
    shown = [line[:, 6 * i + 1 : 6 * i + 5].ravel() for line in lines for i in range(3)]
    assert np.array_equal(shown[:5], IMAGES[:5]) and not shown[5].any()
    assert not any(line[:, [0, 5, 6, 11, 12, 17]].any() for line in lines)
    names = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert names == ["x", "x_hat"]


def test_codes_are_colored_by_class():
    figure = plots.latent_plane(CODES, LABELS, title="Plane")
    axis = figure.axes[0]
    cloud, *legend = axis.collections
    assert np.array_equal(cloud.get_offsets(), CODES)
    shown = [matplotlib.colors.to_hex(color) for color in cloud.get_facecolor()]
    assert shown == [plots.DIGIT_COLORS[digit] for digit in LABELS]
    for digit, entry in enumerate(legend):
        color = matplotlib.colors.to_hex(entry.get_facecolor()[0])
        assert color == plots.DIGIT_COLORS[digit]
        assert axis.get_legend().get_texts()[digit].get_text() == str(digit)
    assert len(set(plots.DIGIT_COLORS)) == len(legend) == 10


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("draw", ["latent_plane", "latent_planes", "posteriors"])
def test_every_class_is_drawn_with_its_name_however_many_there_are(draw, words):
    names = [f"class {i:02}" for i in range(25)]
    labels, codes = torch.arange(30) % 25, CODES.clamp(-3, 3)
    given = [names[i] for i in labels] if words else labels
    named = {"title": "Many"} if words else {"title": "Many", "names": names}
    figure = {
        "latent_plane": lambda: plots.latent_plane(codes, given, **named),
        "latent_planes": lambda: plots.latent_planes({"VAE": codes}, given, **named),
        "posteriors": lambda: plots.posteriors(codes, codes.abs(), given, **named),
    }[draw]()
    [axis] = figure.axes
    clouds = [c for c in axis.collections if len(c.get_offsets())]
    markers = {(c.get_paths()[0].vertices.tobytes()) for c in clouds}
    assert sum(len(c.get_offsets()) for c in clouds) == 30 and len(markers) == 3
    assert [text.get_text() for text in axis.get_legend().get_texts()] == names
    assert set(names) <= {text.get_text() for text in axis.texts}
    assert "class 24 at (" in alt_text(figure)
    if draw == "posteriors":
        colors = [matplotlib.colors.to_hex(e.get_edgecolor()) for e in axis.patches[:30]]
        assert colors == [plots.DIGIT_COLORS[i % 10] for i in labels]


def test_the_legend_has_the_marker_and_the_color_of_each_class():
    axis = plots.latent_plane(CODES, torch.arange(30), title="Thirty").axes[0]
    clouds = [c for c in axis.collections if len(c.get_offsets())]
    entries = axis.collections[len(clouds) :]
    drawn = {
        tuple(at): (cloud.get_paths()[0].vertices.tobytes(), tuple(color))
        for cloud in clouds
        for at, color in zip(cloud.get_offsets().tolist(), cloud.get_facecolor())
    }
    assert len(set(drawn.values())) == 30
    for code, entry in zip(CODES.tolist(), entries, strict=True):
        path, color = entry.get_paths()[0].vertices.tobytes(), entry.get_facecolor()[0]
        assert drawn[tuple(code)] == (path, tuple(color))


@pytest.mark.parametrize("half_width", [None, 4])
def test_each_digit_stands_at_the_median_of_its_codes_that_are_shown(half_width):
    codes = CODES / 9 + torch.tensor([[-3, 0], [0, 2], [3, 0], [1, -3], [-1, -3]]).repeat(
        6, 1
    )
    codes[0], labels = torch.tensor([-9.0, 9.0]), torch.arange(30) % 5
    figure = plots.latent_plane(codes, labels, half_width=half_width, title="Plane")
    shown = codes.abs().amax(1) <= (half_width or 9)
    texts = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert set(texts) == {"0", "1", "2", "3", "4"}
    for digit, place in texts.items():
        of_class = codes[shown & (int(digit) == labels)].numpy()
        assert place == pytest.approx(np.median(of_class, 0), abs=1e-5)


@pytest.mark.parametrize("panels", [1, 3])
@pytest.mark.parametrize("scale", [1, 0])
def test_digits_whose_medians_are_near_do_not_overlap(panels, scale):
    planes = {str(i): 0.01 * scale * CODES + 9 * (i - 1) for i in range(panels)}
    figure = plots.latent_planes(planes, LABELS, title="Planes")
    figure.draw_without_rendering()
    for axis, codes in zip(figure.axes, planes.values()):
        places = np.array([text.get_position() for text in axis.texts])
        assert len(places) == 10
        assert np.allclose(
            places.mean(0), codes.mean(0), atol=0.02 * abs(axis.get_xlim()[1])
        )
        boxes = [text.get_window_extent() for text in axis.texts]
        for one, other in combinations(boxes, 2):
            across = min(one.x1, other.x1) - max(one.x0, other.x0)
            down = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert min(across, down) <= 4  # pixels: boxes have room for descenders


def luminance(color):
    """Relative luminance of WCAG 2: 0 black, 1 white."""
    rgb = np.array(matplotlib.colors.to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("color", plots.DIGIT_COLORS + plots.LINE_COLORS)
def test_colors_stand_out_from_white(color):
    assert 1.05 / (luminance(color) + 0.05) >= 3


def test_the_rings_are_those_of_the_prior():
    for axis in (
        *plots.latent_plane(CODES, LABELS, rings=True, title="Rings").axes,
        *plots.latent_planes({"VAE": CODES}, LABELS, rings=True, title="Rings").axes,
    ):
        assert [(r.center, r.width, r.height) for r in axis.patches] == [
            ((0, 0), 2, 2), ((0, 0), 4, 4), ((0, 0), 6, 6),
        ]  # fmt: skip
        names = [text.get_text() for text in axis.texts if "σ" in text.get_text()]
        assert names == ["1σ", "2σ", "3σ"]


def test_half_width_sets_the_limits_of_the_plane():
    axis = plots.latent_plane(CODES, LABELS, half_width=3, title="Plane").axes[0]
    assert (axis.get_xlim(), axis.get_ylim()) == ((-3, 3), (-3, 3))


@pytest.mark.parametrize("share", [True, False])
def test_the_limits_of_each_plane_include_all_its_codes(share):
    planes = {"small": CODES, "large": 9 * CODES}
    figure = plots.latent_planes(planes, LABELS, share=share, title="Planes")
    small, large = (axis.get_xlim()[1] for axis in figure.axes)
    assert small > CODES.abs().max()
    assert large > 9 * CODES.abs().max()
    assert small == large if share else small < large


def test_each_distance_is_drawn_at_its_z():
    z = lattice.latent_lattice(5, n=4)
    figure = plots.distance_map(
        10 + z[:, 0] + z[:, 1] / 2, CODES, half_width=5, title="Map"
    )
    at = picture(figure.axes[0])
    for z1, z2 in z.tolist():
        assert at(z1, z2) == pytest.approx(10 + z1 + z2 / 2)


def test_residuals_join_each_point_to_its_reconstruction():
    figure = plots.residuals(CODES, {"half": CODES / 2, "zero": 0 * CODES}, title="Ties")
    for axis, scale in zip(figure.axes, (0.5, 0)):
        for (start, end), point in zip(axis.collections[0].get_segments(), CODES.numpy()):
            assert np.allclose(start, point)
            assert np.allclose(end, scale * point)


def test_curves_go_through_their_points():
    figure = plots.curves(
        [1, 2, 4], {"AE": [3, 2, 1]}, xlabel="k", ylabel="error", title="Curve"
    )
    [axis] = figure.axes
    [line] = axis.lines
    assert line.get_xydata().tolist() == [[1, 3], [2, 2], [4, 1]]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("k", "error")


MANY = {f"line {i}": np.array([i, 3 + i / 9, 5 + i / 99]) for i in range(6)}


def test_every_line_has_its_name_at_its_end_and_no_names_overlap():
    lines = MANY | {"a name of more than twenty letters": [0, 1, 2]}
    figure = plots.curves([1, 2, 4], lines, xlabel="k", ylabel="y", title="Names")
    figure.draw_without_rendering()
    [axis] = figure.axes
    ends = {text.get_text().replace("\n", " "): text for text in axis.texts}
    assert set(ends) == set(lines)
    for name, text in ends.items():
        assert tuple(text.xy) == (4, lines[name][-1])
    # without the line to its end, which an annotation counts in
    boxes = sorted(map(Text.get_window_extent, ends.values()), key=lambda box: box.y0)
    assert all(box.x0 > axis.get_window_extent().x1 for box in boxes)
    # one pixel of descenders is allowed
    assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(boxes))
    assert boxes[0].y0 >= 0 and boxes[-1].y1 <= figure.bbox.y1


@pytest.mark.parametrize("log_y", [True, False])
def test_a_line_that_leaves_the_numbers_is_named_at_its_last_one(log_y):
    lines = {"fine": [2, 1, 3], "diverged": [2, 5, np.nan], "never": 3 * [np.inf]}
    figure = plots.curves(
        [1, 2, 4], lines, log_y=log_y, xlabel="k", ylabel="y", title="Names"
    )
    figure.draw_without_rendering()
    assert {t.get_text(): tuple(t.xy) for t in figure.axes[0].texts} == {
        "fine": (4, 3), "diverged": (2, 5)
    }  # fmt: skip


def test_lines_differ_without_their_color():
    figure = plots.curves([1, 2, 4], MANY, xlabel="k", ylabel="y", title="Names")
    lines = figure.axes[0].lines
    assert len({line.get_marker() for line in lines}) == len(MANY)
    figure = plots.curves(range(99), {n: range(99) for n in "abcd"}, xlabel="k", ylabel="y",
                          title="Names")  # fmt: skip
    assert len({line.get_linestyle() for line in figure.axes[0].lines}) == 4


def test_a_band_is_filled_between_its_two_curves():
    figure = plots.curves(
        [1, 2], {"y": [1, 1]}, bands={"error": ([0, 0.5], [2, 1.5])}, xlabel="x",
        ylabel="y", title="Band",
    )  # fmt: skip
    [band] = figure.axes[0].collections
    corners = set(map(tuple, band.get_paths()[0].vertices))
    assert {(1, 0), (2, 0.5), (1, 2), (2, 1.5)} <= corners
    assert {text.get_text() for text in figure.axes[0].texts} == {"y", "error"}


@pytest.mark.parametrize(
    ("wanted", "centers"),
    [([0, 5], [0, 5]), ([2, 2], [1.5, 2.5]), ([0, 3, 3, 3], [0, 2, 3, 4])],
)
def test_spread_moves_centers_apart_by_the_least(wanted, centers):
    moved = plots.spread(np.array(wanted, float), np.ones(len(wanted)))
    assert moved == pytest.approx(centers)


@pytest.mark.parametrize(
    ("x", "ticks"),
    [
        ([0.03, 1, 300], ["0.03", "1", "300"]),
        (torch.tensor([0.03, 1, 300]), ["0.03", "1", "300"]),
        ([10, 316, 3162, 100_000], ["10", "100", "1 000", "10 000", "100 000"]),
    ],
)
def test_log_axes_have_plain_round_numbers(x, ticks):
    figure = plots.curves(x, {"y": x}, log_x=True, log_y=True, xlabel="k", ylabel="y",
                          title="Ticks")  # fmt: skip
    figure.draw_without_rendering()
    axis = figure.axes[0].xaxis
    assert figure.axes[0].get_yscale() == "log"
    low, high = axis.get_view_interval()
    shown = [
        t.label1.get_text() for t in axis.get_major_ticks() if low <= t.get_loc() <= high
    ]
    assert shown == ticks


def test_numbers_go_on_from_row_to_row():
    rows = {"a": IMAGES[:3], "b": IMAGES[3:5]}
    figure = plots.image_rows(rows, numbered=True, title="Numbers")
    texts = [[text.get_text() for text in axis.texts] for axis in figure.axes]
    assert texts == [["a", "1", "2", "3"], ["b", "4", "5"]]


def test_signed_ink_is_gray_at_zero_and_dark_where_positive():
    ink = plots.signed_ink([[-2, 0, 1], [0, 0, 0]])
    assert ink.tolist() == [[0, 0.5, 0.75], [0.5, 0.5, 0.5]]
    figure = plots.image_rows({"w": [[0, 0.5, 1, 0]]}, signed=True, title="Signs")
    [legend] = figure.legends
    shades = [luminance(patch.get_facecolor()) for patch in legend.get_patches()]
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["negative", "0", "positive"]
    assert shades == sorted(shades, reverse=True)


def test_an_area_reaches_from_zero_to_its_curve():
    figure = plots.curves(
        [1, 2, 4], {"p": [3, 2, 5]}, xlabel="z", ylabel="p", fill=True, title="Area"
    )
    [area] = figure.axes[0].collections
    [outline] = area.get_paths()
    assert {(1, 0), (1, 3), (2, 2), (4, 5), (4, 0)} <= set(map(tuple, outline.vertices))


def test_history_shows_each_term_once():
    def names(records):
        figure = plots.history(records, ylabel="nats", title="History")
        return {text.get_text() for text in figure.axes[0].texts}, len(figure.axes[0].lines)

    assert names(RECORDS) == ({"loss", "recon", "kl"}, 3)
    # the loss of the plain autoencoder equals its only term
    assert names([{"epoch": 1, "loss": 1.0, "recon": 1.0}] * 2) == (set(), 1)


@pytest.mark.parametrize("log_x", [True, False])
def test_histograms_count_every_value_over_the_same_bins(log_x):
    samples = {"near": torch.rand(50) + 0.1, "far": 5 * torch.rand(70) + 0.1}
    figure = plots.histograms(samples, xlabel="distance", log_x=log_x, title="Counts")
    bars = figure.axes[0].containers
    assert [sum(bar.get_height() for bar in bars_) for bars_ in bars] == [50, 70]
    near, far = ([round(bar.get_x(), 6) for bar in bars_] for bars_ in bars)
    assert near == far


def test_arrows_start_at_their_points_and_have_the_field_s_direction():
    figure = plots.arrows(
        CODES, {"exact": CODES + 1, "learned": -CODES}, points=CODES[:5], title="Field"
    )
    for axis, name, field in zip(
        figure.axes, ("exact", "learned"), (CODES + 1, -CODES), strict=True
    ):
        cloud, quiver = axis.collections
        assert axis.get_title() == name
        assert np.array_equal(cloud.get_offsets(), CODES[:5])
        assert np.array_equal(quiver.get_offsets(), CODES)
        assert np.array_equal(np.stack([quiver.U, quiver.V], 1), field)


def test_each_gaussian_is_drawn_on_its_posterior():
    axis, log_joint = np.arange(5.0), np.zeros((5, 5))
    log_joint[4, 1] = 9  # z₁ = 4 lies right, z₂ = 1 below the middle
    figure = plots.gaussians_on_posteriors(
        {"a": (axis, axis, log_joint), "b": (axis + 1, axis, log_joint)},
        {"q": [([3, 2], [0.5, 1]), ([4, 2], [1, 1])], "best": [([1, 1], [1, 1])] * 2},
        title="Two",
    )
    left, right = figure.axes
    assert np.argwhere(left.images[0].get_array() == 1).tolist() == [[1, 4]]
    assert right.images[0].get_extent() == [0.5, 5.5, -0.5, 4.5]
    assert [tuple(e.center) for e in left.patches] == [(3, 2), (1, 1)]
    assert [tuple(e.center) for e in right.patches] == [(4, 2), (1, 1)]
    assert (left.patches[0].width, left.patches[0].height) == (2, 4)  # two σ to each side
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["q", "best"]


def test_density_contours_surround_the_peak():
    z = lattice.latent_lattice(2, n=41)
    peak = -4 * (z - torch.tensor([1.0, 1.5])).square().sum(1)
    figure = plots.densities({"q": (peak, CODES)}, half_width=2, title="Peak")
    axis, _ = figure.axes
    contours, points = axis.collections
    inner = contours.get_paths()[-2].vertices  # one nat below the peak
    assert np.allclose((inner.min(0) + inner.max(0)) / 2, [1, 1.5], atol=0.05)
    assert np.array_equal(points.get_offsets(), CODES)


def test_the_bars_above_the_level_are_the_active_units():
    figure = plots.water_level([4.0, 2.0, 1.0, 0.5], 1.0, title="Level")
    [axis] = figure.axes
    heights = {
        bars.get_label(): [bar.get_height() for bar in bars] for bars in axis.containers
    }
    assert heights == {"active": [4, 2], "inactive": [1, 0.5]}  # at the level: inactive
    assert set(axis.lines[0].get_ydata()) == {1}
    assert axis.get_yscale() == "log"


@pytest.mark.parametrize("level", [1e-3, 392])
def test_the_limits_include_a_level_outside_the_spectrum(level):
    [axis] = plots.water_level([4.0, 2.0], level, title="Level").axes
    low, high = axis.get_ylim()
    assert low < level < high and low < 2 and high > 4
    [axis] = plots.water_level([4.0, 2.0], level, limits=(1e-4, 1e3), title="Level").axes
    assert axis.get_ylim() == (1e-4, 1e3)


def test_a_tradeoff_marks_its_last_line():
    lines = {"exact": [[0, 3], [1, 2]], "trained": [[0, 4], [2, 2]]}
    figure = plots.tradeoff(
        lines, marks=["β = 8", "β = 1"], xlabel="rate", ylabel="distortion", title="R, D"
    )
    [axis] = figure.axes
    assert [line.get_xydata().tolist() for line in axis.lines] == list(lines.values())
    marks = {text.get_text(): tuple(text.xy) for text in axis.texts}
    assert marks == {"β = 8": (0, 4), "β = 1": (2, 2)}


def test_each_posterior_is_one_sigma_around_its_mean():
    figure = plots.posteriors(CODES, CODES.abs(), LABELS, title="Clouds")
    *ellipses, one, _, three = figure.axes[0].patches
    assert np.allclose([e.get_center() for e in ellipses], CODES)
    sizes = [(e.get_width(), e.get_height()) for e in ellipses]
    assert np.allclose(sizes, 2 * CODES.abs())
    assert (one.get_width(), three.get_height()) == (2, 6)


def test_one_image_makes_a_row():
    assert len(plots.image_rows({"x": IMAGES[:1]}, title="one").axes) == 1


def test_a_history_without_a_record_is_refused():
    with pytest.raises(ValueError, match="there is no record"):
        plots.history([], ylabel="nats", title="nothing")


def test_a_few_bars_are_labeled_each():
    figure = plots.bars({"n": range(10)}, xlabel="digit", ylabel="n", title="Ten")
    figure.draw_without_rendering()
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == [str(digit) for digit in range(10)]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([543.4, 93.42, 7.369], ["543", "93", "7"]),
        ([1.0, 0.458, 3e-7], ["1.00", "0.46", "0.00"]),
        ([0.344, 0.0026, -0.0004], ["0.344", "0.003", "0.000"]),
        ([0.0, 0.0], ["0.00", "0.00"]),
    ],
)
def test_numbers_at_bars_have_no_more_digits_than_they_need(values, shown):
    bars = {"abc"[i]: value for i, value in enumerate(values)}
    [axis] = plots.named_bars({"set": bars}, xlabel="nats", title="Numbers").axes
    assert [text.get_text() for text in axis.texts] == shown


def test_the_picture_of_the_readme_has_the_colors_of_the_digits():
    """Else store a screenshot of the LatentWalk of notebook 07, 1200 pixels wide."""
    shown = plt.imread(Path(__file__).parents[1] / "docs/latent_walk.png")[..., :3]
    for color in map(matplotlib.colors.to_rgb, plots.DIGIT_COLORS):
        near = np.abs(shown - color).max(2) < 0.03  # a palette shifts colors a little
        assert near.sum() > 30, color


def test_bfloat16_of_mixed_precision_is_drawn():
    assert plots.as_array(torch.ones(2, dtype=torch.bfloat16)).tolist() == [1.0, 1.0]


def test_negative_numbers_in_titles_have_a_minus_and_other_hyphens_stay():
    title = "From -4.5 to (-2, 3): VQ-VAE-2, 2-3 of $T^{-1}$, two-part"
    figure = plots.curves([0, 1], {"y": [0, 1]}, xlabel="x", ylabel="y", title=title)
    shown = "From −4.5 to (−2, 3): VQ-VAE-2, 2-3 of $T^{-1}$, two-part"
    assert figure.get_suptitle() == shown
