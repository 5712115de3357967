"""LatentWalk, Dial and EvidenceGap in Python. Their views: tests/browser."""

import base64
import re
from functools import partial
from io import BytesIO
from itertools import combinations

import numpy as np
import pytest
import torch
from ipywidgets.widgets.widget import _remove_buffers
from matplotlib.figure import Figure
from PIL import Image
from torch import nn
from traitlets import TraitError

from course_utils import plots, widgets
from course_utils.models import VAE
from course_utils.objectives import gaussian_nll
from course_utils.theory.evidence import kl_to_true_posterior, log_evidence
from course_utils.theory.geodesics import curve_length
from course_utils.theory.lattice import distance_to_nearest, latent_lattice, pixel_entropy
from course_utils.theory.posterior_grid import PosteriorGrid
from course_utils.widgets import (
    Dial,
    EvidenceGap,
    LatentWalk,
    SideBySide,
    evidence_gap,
    latent_walk,
    network,
)
from course_utils.widgets.picture import WithPicture, png, words_of
from tools.execute import WIDGET_VIEW, _keep

PNG = b"\x89PNG\r\n"


def make_decoder(*more: nn.Module, out: int = 36) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, out), *more)


def make_walk(decoder=None, n=50, **arguments) -> LatentWalk:
    generator = torch.Generator().manual_seed(1)
    codes = torch.randn(n, 2, generator=generator)
    decoder = decoder or make_decoder(nn.Sigmoid())
    return LatentWalk(decoder, codes, torch.arange(n) % 10, **arguments)


@pytest.fixture(scope="module")
def walk() -> LatentWalk:
    """One for all tests that leave it unchanged."""
    return make_walk(n=60)


def make_gap(n=2, labels=None) -> EvidenceGap:
    """Images of 6 × 6 pixels, whose wide posteriors need few grid points."""
    torch.manual_seed(3)
    vae = VAE(36, 2, (8,))
    return EvidenceGap(vae.encoder, vae.decoder, torch.rand(n, 36), labels)


def buffer(walk: LatentWalk, name: str, dtype: str) -> np.ndarray:
    return np.frombuffer(walk.get_state()[name], dtype)


def mimebundle(widget) -> dict:
    return widget._repr_mimebundle_()[0]


def figures(*values) -> dict:
    """A small figure for each value, all of them different."""
    made = {value: Figure((1, 1)) for value in values}
    for i, figure in enumerate(made.values()):
        figure.add_axes((0, 0, 1, 1)).plot([i, i + 1, i + 1], [0, 1, i])
    return made


# --- the latent walk ------------------------------------------------------------------


def test_state_holds_codes_labels_and_colors():
    codes = torch.randn(7, 2, requires_grad=True)  # as from an encoder
    labels = torch.tensor([0, 9, 3, 3, 1, 7, 2])
    walk = LatentWalk(make_decoder(), codes, labels)
    assert np.array_equal(buffer(walk, "codes", "<f4").reshape(7, 2), codes.detach())
    assert buffer(walk, "labels", "<u2").tolist() == labels.tolist()
    state = walk.get_state()
    assert state["colors"] == list(plots.DIGIT_COLORS)
    assert state["classes"] == list("0123456789") and set(state["markers"]) == {"o"}


LETTERS = [chr(ord("a") + i) for i in range(26)]
CLASSES = {  # labels, names, the class of each code, the classes
    "words": (["dog", "cat", "dog"], None, [1, 0, 1], ["cat", "dog"]),
    "words with names": (["dog", "cat", "dog"], ["dog", "cat"], [0, 1, 0], ["dog", "cat"]),
    "numbers with names": ([1, 0, 1], ["disk", "ring", "cross"], [1, 0, 1],
                           ["disk", "ring", "cross"]),
    "large numbers": ([300, 12, 300], None, [1, 0, 1], ["12", "300"]),
    "26 letters": ([25, 0, 12], LETTERS, [25, 0, 12], LETTERS),
    "more classes than a byte counts": (
        [299, 0, 1], list(map(str, range(300))), [299, 0, 1], list(map(str, range(300)))),
}  # fmt: skip


@pytest.mark.parametrize("labels, names, numbers, classes", CLASSES.values(), ids=CLASSES)
@pytest.mark.parametrize("kind", ["LatentWalk", "SideBySide"])
def test_any_number_of_classes_has_names_colors_and_markers(
    kind, labels, names, numbers, classes
):
    codes = torch.rand(3, 2)  # within the box
    if kind == "LatentWalk":
        widget = LatentWalk(make_decoder(), codes, labels, names=names)
    else:
        widget = SideBySide({"AE": (make_decoder(), codes)}, labels, names=names)
    assert buffer(widget, "labels", "<u2").tolist() == numbers
    assert widget.classes == classes
    looks = list(zip(widget.colors, widget.markers))
    assert len(looks) == len(classes) and len(set(looks)) == min(len(looks), 60)
    _, known = plots.as_classes(labels, 3, names)  # the same looks as in latent_plane
    assert looks == [(plots.class_color(k), plots.class_marker(k)) for k in known]
    shown = {classes[number] for number in numbers}
    words = words_of(widget.picture())
    assert all(f"{name} at (" in words for name in shown)


def test_the_share_of_the_prior_is_computed_in_python():
    walk = make_walk(half_widths=(1, 3, 5, 20))
    assert walk.prior_shares == ["46.6 %", "99.5 %", "99.9999 %", "100 %"]


def test_z_and_the_box_can_be_set_and_observed():
    walk, changes = make_walk(), []
    walk.observe(lambda change: changes.append(change["new"]), names=["z", "half_width"])
    assert (walk.half_width, walk.z) == (1, [0, 0])
    walk.set_state({"z": [0.5, -0.25], "half_width": 5})  # as a message from the browser
    assert changes == [[0.5, -0.25], 5]


def test_the_picture_shows_codes_and_lattice_in_the_same_limits():
    images = torch.rand(9, 16).numpy()
    figure = latent_walk._draw(np.zeros((1, 2)), np.zeros(1), images, half_width=2)
    left, right = figure.axes
    assert left.get_xlim() == right.get_xlim()
    assert left.get_ylim() == right.get_ylim()


def test_ring_shares_are_those_of_the_closed_form(walk):
    assert walk.ring_shares == ["39.3 %", "86.5 %", "98.9 %"]


def test_300_evenly_spaced_clouds_are_sent():
    codes, labels = torch.randn(900, 2), torch.arange(900) % 10
    sigmas = torch.rand(900, 2) + 0.1
    walk = LatentWalk(make_decoder(), codes, labels, sigmas=sigmas.requires_grad_())
    rows = buffer(walk, "sampled", "<f4").reshape(300, 5)
    every = torch.cat([codes, sigmas, labels[:, None]], dim=1).detach().numpy()
    at = [int(np.abs(every - row).sum(1).argmin()) for row in rows]
    assert np.array_equal(rows, every[at].astype("<f4"))
    assert at[0] == 0 and at[-1] == 899 and set(np.diff(at)) == {3, 4}
    assert (
        len(buffer(make_walk(n=50, sigmas=torch.ones(50, 2)), "sampled", "<f4")) == 5 * 50
    )


def test_maps_are_sent_with_their_range_for_each_box():
    decoder = make_decoder(nn.Sigmoid())
    with torch.no_grad():
        decoder[0].weight *= 5
    walk = make_walk(decoder, half_widths=(1, 4))
    codes = torch.tensor(buffer(walk, "codes", "<f4").reshape(-1, 2))
    assert set(walk.maps) == {"distance", "uncertainty"}
    for name, function in {
        "distance": lambda z: distance_to_nearest(z, codes),
        "uncertainty": lambda z: pixel_entropy(decoder(z)),
    }.items():
        for i, a in enumerate((1, 4)):
            low, high = walk.maps[name]["ranges"][i]
            steps = np.frombuffer(walk.maps[name]["values"][i], np.uint8)
            edge = 21 / 20 * a * (1 - 1 / 60)  # the middles of 60 cells over the stage
            with torch.no_grad():
                exact = function(latent_lattice(edge, 60)).numpy()
            rounding = 0.51 * (high - low) / 255
            assert np.abs(low + (high - low) * steps / 255 - exact).max() <= rounding
            assert steps.max() == 255 and (low == 0 or steps.min() == 0)


def test_only_a_decoder_with_a_sigmoid_has_an_uncertainty_map():
    walk = make_walk(make_decoder())
    assert set(walk.maps) == {"distance"}
    with pytest.raises(TraitError, match="none.*distance"):
        walk.map = "uncertainty"


def test_a_constant_decoder_has_finite_maps_and_paths():
    linear = nn.Linear(2, 9)
    nn.init.zeros_(linear.weight)
    walk = make_walk(nn.Sequential(linear, nn.Sigmoid()))
    assert np.isfinite(walk.path_lengths).all()
    assert set(walk.maps["uncertainty"]["values"][0]) == {0}


def test_paths_run_between_typical_codes_and_none_is_longer_than_the_straight_one(walk):
    decoder = make_decoder(nn.Sigmoid())  # the one of this walk
    codes, labels = (
        buffer(walk, "codes", "<f4").reshape(-1, 2),
        buffer(walk, "labels", "<u2"),
    )
    assert walk.path_classes == list(range(10))
    points = buffer(walk, "path_points", "<f4").reshape(45, 2, 48, 2)
    for (i, j), paths, lengths in zip(
        combinations(range(10), 2), points, walk.path_lengths
    ):
        for c, place in ((i, 0), (j, -1)):
            own = codes[labels == c]
            distance = np.linalg.norm(own - np.median(own, axis=0), axis=1)
            for path in paths:
                assert np.array_equal(path[place], own[distance.argmin()])
        expected = curve_length(decoder, torch.tensor(paths))
        assert lengths == pytest.approx(expected.tolist(), rel=1e-4)
        assert lengths[1] <= lengths[0]
    saved = [1 - curved / straight for straight, curved in walk.path_lengths]
    best = list(combinations(range(10), 2))[int(np.argmax(saved))]
    assert tuple(walk.path_ends) == best, "initially the pair whose curved path saves most"


def test_paths_need_two_classes_within_the_largest_box():
    codes, labels = torch.tensor([[0.0, 0.5], [9.0, 0.0], [0.2, 0.1]]), [1, 2, 1]
    for walk in (
        LatentWalk(make_decoder(), codes, labels),
        LatentWalk(make_decoder(), codes, [4, 4, 4], (10,)),
    ):
        assert (walk.path_classes, walk.path_ends, walk.path_points) == ([], [], b"")
        with pytest.raises(TraitError, match="two classes"):
            walk.path = "curved"
    walk = LatentWalk(make_decoder(), codes, labels, (1, 10))
    assert (walk.path_classes, walk.path_ends) == ([1, 2], [1, 2])


def test_paths_join_the_ten_classes_with_the_most_codes():
    torch.manual_seed(0)
    labels = torch.cat([torch.arange(26), torch.arange(16, 26), torch.tensor([3])])
    walk = LatentWalk(make_decoder(), torch.randn(37, 2) / 3, labels, names=LETTERS)
    assert walk.path_classes == [3, *range(16, 25)]


def test_drawing_options_can_be_set_and_observed():
    walk, changes = make_walk(sigmas=torch.ones(50, 2)), []
    names = ["rings", "clouds", "map", "path", "path_ends"]
    assert [getattr(walk, name) for name in names[:4]] == [False, False, "none", "none"]
    walk.observe(lambda change: changes.append(change["name"]), names=names)
    walk.set_state({"rings": True, "clouds": True, "map": "uncertainty"})
    walk.set_state({"path": "curved", "path_ends": [8, 3]})  # as messages from the browser
    assert sorted(changes) == sorted(names)


@pytest.mark.parametrize(
    "name, value",
    [
        ("half_width", 2),
        ("z", [float("nan"), 0]),
        ("z", [0]),
        ("z", "up"),
        ("rings", "yes"),
        ("rings", True),  # no sigmas were given
        ("clouds", True),
        ("map", "unknown"),
        ("path", "unknown"),
        ("path_ends", [3, 3]),
        ("path_ends", [3]),
        ("path_ends", [3, 11]),
    ],
)
def test_traits_refuse_invalid_values(walk, name, value):
    with pytest.raises(TraitError):
        setattr(walk, name, value)


CODES, LABELS = torch.zeros(4, 2), torch.zeros(4)
REFUSED = {
    "a decoder that is no function": ((3, CODES, LABELS), TypeError, "has int"),
    "a decoder of two inputs": (
        (nn.Bilinear(2, 2, 4), CODES, LABELS), ValueError, "the decoder.*failed.*Bilinear"),
    "a decoder that returns no images": (
        (lambda z: 1.0, CODES, LABELS), ValueError, "an image for each row.*not float"),
    "a decoder of the whole batch": (
        (lambda z: z.mean(0), torch.zeros(4, 3), LABELS), ValueError, "for each row"),
    "a decoder of three numbers": (
        (nn.Linear(3, 784), CODES, LABELS), ValueError, "has 3"),
    "a decoder without weights": (
        (nn.Sequential(nn.ReLU()), CODES, LABELS), ValueError, "2 numbers is no square"),
    "pixels that make no square": (
        (make_decoder(out=783), CODES, LABELS), ValueError, "783 numbers is no square"),
    "codes with three columns": (
        (make_decoder(), torch.zeros(4, 3), LABELS), ValueError, "have 3 inputs.*has 2"),
    "codes with one column": (
        (nn.Linear(1, 4), torch.zeros(4, 1), LABELS), ValueError, r"K ≥ 2, not \(4, 1\)"),
    "codes without a second axis": (
        (make_decoder(), torch.zeros(4), LABELS), ValueError, r"\(N, K\)"),
    "codes that are not finite": (
        (make_decoder(), CODES / 0, LABELS), ValueError, "NaN or infinity"),
    "labels of another length": (
        (make_decoder(), CODES, torch.zeros(5)), ValueError, "4 codes"),
    "labels between classes": (
        (make_decoder(), CODES, LABELS + 0.5), ValueError, "numbers from 0, or words"),
    "labels below zero": (
        (make_decoder(), CODES, LABELS - 1), ValueError, "numbers from 0, or words"),
    "no box": ((make_decoder(), CODES, LABELS, ()), ValueError, "half_widths"),
    "a box of width 0": (
        (make_decoder(), CODES, LABELS, (1, 0)), ValueError, "half_widths"),
}  # fmt: skip


@pytest.mark.parametrize("arguments, error, message", REFUSED.values(), ids=REFUSED)
def test_invalid_arguments_of_a_walk_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        LatentWalk(*arguments)


@pytest.mark.parametrize(
    "sigmas, message",
    [
        (torch.ones(4), r"codes \(4, 2\), sigmas \(4,\)"),
        (torch.ones(5, 2), r"sigmas \(5, 2\)"),
        (torch.ones(4, 2) / 0, "finite and above zero"),
        (torch.full((4, 2), torch.nan), "finite and above zero"),
        (torch.zeros(4, 2), "finite and above zero"),
        (-torch.ones(4, 2), "from logvar"),
    ],
)
def test_invalid_sigmas_are_refused(sigmas, message):
    with pytest.raises(ValueError, match=message):
        LatentWalk(make_decoder(), CODES, LABELS, sigmas=sigmas)


@pytest.mark.parametrize(
    "labels, names, message",
    [
        ([0, 1, 2, 1], ["cat", "dog"], "a label 2, but names for 0 to 1"),
        (["cat", "dog", "cat", "dog"], ["cat"], "'dog' is not in it"),
        ([0, 1, 1, 1], "ab", "names must be a list"),
        ([0, 1, 1, 1], [str(i) for i in range(2**16 + 1)], "at most 65536 classes"),
    ],
)
def test_labels_without_a_name_are_refused(labels, names, message):
    with pytest.raises(ValueError, match=message):
        LatentWalk(make_decoder(), CODES, labels, names=names)
    with pytest.raises(ValueError, match=message):
        SideBySide({"AE": (make_decoder(), CODES)}, labels, names=names)


def test_an_unknown_argument_is_refused():
    with pytest.raises(TypeError, match="ring"):
        make_walk(rings=True)
    with pytest.raises(TypeError, match="positional"):
        LatentWalk(make_decoder(), CODES, LABELS, (1, 5), torch.ones(4, 2))


def test_a_smaller_box_clips_z():
    walk = make_walk()
    walk.half_width = 5.0
    walk.z = [4.0, -0.5]
    walk.half_width = 1.0
    assert walk.z == [1.0, -0.5]


# --- the latent walk, K > 2 -----------------------------------------------------------

WIDE_CODES = torch.randn(200, 4, generator=torch.Generator().manual_seed(2)) * torch.tensor(
    [1.0, 0.1, 3.0, 0.5]
)


def make_wide_walk(decoder=None, **arguments) -> LatentWalk:
    """Four dimensions, of which the third varies most, then the first."""
    torch.manual_seed(0)
    decoder = decoder or nn.Sequential(nn.Linear(4, 27), nn.Sigmoid())
    labels = torch.arange(len(WIDE_CODES)) % 3
    return LatentWalk(decoder, WIDE_CODES, labels, shape=(3, 3, 3), **arguments)


def test_the_first_axes_are_those_of_largest_variance():
    walk = make_wide_walk()
    assert walk.principal and walk.axes == [0, 1] and walk.z == [0, 0, 0, 0]
    directions = buffer(walk, "directions", "<f4").reshape(4, 4)
    assert np.allclose(directions @ directions.T, np.eye(4), atol=1e-6)
    centered = (WIDE_CODES - WIDE_CODES.mean(0)).numpy()
    _, singular, exact = np.linalg.svd(centered, full_matrices=False)
    assert np.allclose(np.abs((directions * exact).sum(1)), 1, atol=1e-5)
    assert np.allclose(walk.variances[1], singular**2 / (singular**2).sum())
    assert np.argsort(walk.variances[0]).tolist() == [1, 3, 0, 2]
    assert (directions[np.arange(4), np.abs(directions).argmax(1)] > 0).all()


@pytest.mark.parametrize("axes", [None, (0, 3), (3, 0)])
def test_the_picture_shows_the_codes_and_images_over_its_axes(axes):
    decoder = nn.Sequential(nn.Linear(4, 27), nn.Sigmoid())
    walk = make_wide_walk(decoder, axes=axes)
    plane = walk._frame()[walk.axes] if axes is None else np.eye(4)[[*axes]]
    lattice = latent_lattice(1.0) @ torch.as_tensor(plane).float()
    with torch.no_grad():
        assert np.allclose(walk._lattice, decoder(lattice), atol=1e-6)
    figure = latent_walk._draw(
        WIDE_CODES.numpy() @ plane.T, np.zeros(200, int), walk._lattice, 1, walk.shape, "ab"
    )
    assert figure.axes[1].images[0].get_array().shape == (63, 63, 3)
    assert [axis.get_xlabel() for axis in figure.axes[:2]] == ["a", "a"]
    names = ["PC 1", "PC 2"] if axes is None else [f"$z_{{{k + 1}}}$" for k in axes]
    assert [walk._axis_name(k) for k in walk.axes] == names
    assert walk.picture().startswith(PNG)


def test_a_smaller_box_clips_only_the_axes_on_show():
    walk = make_wide_walk(axes=(0, 3))
    walk.half_width = 5.0
    walk.z = [4.0, 3.0, -3.0, -2.0]
    walk.half_width = 1.0
    assert walk.z == [1.0, 3.0, -3.0, -1.0]
    walk.principal, walk.axes = True, [0, 1]
    walk.half_width = 5.0
    directions = walk._frame()
    walk.z = (directions.T @ [4.0, -0.5, 3.0, 2.0]).tolist()
    walk.half_width = 1.0
    assert directions @ walk.z == pytest.approx([1.0, -0.5, 3.0, 2.0])


@pytest.mark.parametrize("axes", [(0,), (0, 0), (0, 4), (-1, 0), (0, 1, 2), (0.5, 1), "01"])
def test_axes_are_two_different_dimensions(axes):
    with pytest.raises(ValueError, match="two different whole numbers from 0 to 3"):
        make_wide_walk(axes=axes)
    if isinstance(axes, tuple):
        with pytest.raises(TraitError):
            make_wide_walk().axes = [*axes]


def test_traits_beyond_the_plane_refuse_invalid_values(walk):
    with pytest.raises(TraitError, match="4 finite numbers"):
        make_wide_walk().z = [0.0, 0.0]
    with pytest.raises(TraitError, match="no other axes"):
        walk.principal = True


# --- the latent walk, decoded by the kernel -------------------------------------------


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.dropout = nn.Linear(4, 27), nn.Dropout(0.5)

    def forward(self, z):
        return self.dropout(self.layer(z)).sigmoid().view(-1, 3, 3, 3)


def answers(walk: LatentWalk, monkeypatch, message: dict) -> list:
    sent = []
    monkeypatch.setattr(walk, "send", lambda *parts: sent.append(parts))
    walk._handle_custom_msg(message, [])
    return sent


def test_an_unknown_decoder_is_run_by_the_kernel(monkeypatch):
    decoder = Own()
    walk = make_wide_walk(decoder)
    assert walk.decoder == {} and "has Own" in walk.kernel_because
    assert repr(walk).startswith("LatentWalk(decoder 4 → … → 3 × 3 × 3, run by the kernel")
    points = [[0.0, 1.0, 2.0, 3.0], [1.0, 0.0, 0.0, -1.0]]
    [(content, [images])] = answers(walk, monkeypatch, {"id": "a 1", "points": points})
    with torch.no_grad():
        exact = decoder.eval()(torch.tensor(points)).flatten()
    assert content == {"id": "a 1"}
    assert np.abs(np.frombuffer(images, np.uint8) / 255 - exact.numpy()).max() < 0.51 / 255


def test_a_function_gets_z_as_the_codes_are():
    """Of the same dtype, and so on the same device, as the network that it hides."""
    decoder, labels = make_decoder().double(), torch.zeros(len(CODES), dtype=int)
    LatentWalk(lambda z: decoder(z), torch.as_tensor(CODES).double(), labels)


def test_a_decoder_that_fails_later_is_named_in_the_view(monkeypatch):
    walk = make_wide_walk(Own())
    walk_decoder_breaks = {"id": "a 2", "points": [[0.0, 1.0]]}
    [(content,)] = answers(walk, monkeypatch, walk_decoder_breaks)
    assert content["id"] == "a 2" and "ValueError: the decoder" in content["error"]


def test_a_decoder_beyond_the_limits_is_run_by_the_kernel(monkeypatch):
    assert make_wide_walk().decoder
    monkeypatch.setattr(network, "MOST_PRODUCTS", 100)
    walk = make_wide_walk()
    assert walk.decoder == {} and "too large for the browser" in walk.kernel_because


# --- the dial -------------------------------------------------------------------------


def test_all_pictures_are_in_the_state_and_a_new_value_draws_nothing(monkeypatch):
    dial = Dial("λ", figures(0.1, 1, 10))
    monkeypatch.setattr(Figure, "savefig", None)  # drawing would now fail
    sent = dial.get_state()["pictures"]
    assert len(set(sent)) == 3
    assert all(picture.startswith(PNG) for picture in sent)
    for index, value in enumerate((0.1, 1, 10)):
        dial.value = value
        assert dial.index == index
        shown, dense = (
            Image.open(BytesIO(data)).convert("L") for data in (dial.picture(), sent[index])
        )
        assert dense.width == 2 * shown.width
        error = np.abs(np.asarray(dense.reduce(2), float) - np.asarray(shown, float))
        assert error.mean() < 0.5  # of 255: the palette is rounded


def test_pictures_are_sent_as_binary_buffers():
    _, paths, buffers = _remove_buffers(Dial("λ", figures(0.1, 1)).get_state())
    assert paths == [["pictures", 0], ["pictures", 1]]
    assert all(bytes(buffer).startswith(PNG) for buffer in buffers)


def test_the_view_s_index_can_be_observed():
    dial, changes = Dial("λ", figures(0.1, 1, 10)), []
    dial.observe(lambda change: changes.append(dial.value), names="index")
    dial.set_state({"index": 2})  # as a message from the browser
    assert changes == [10]


def test_the_initial_value_can_be_chosen():
    assert Dial("k", figures(1, 2, 3)).value == 1
    assert Dial("k", figures(0, 2, 3), value=0).value == 0
    assert Dial("k", figures(1, 2, 3), value=3).index == 2
    with pytest.raises(ValueError, match="not a value of this dial"):
        Dial("k", figures(1, 2), value=3)


def test_labels_have_no_rounding_errors():
    values = (0.1 + 0.2, np.float32(0.1), 5, 784, "PCA")
    dial = Dial("k", figures(*values))
    assert dial.labels == ["0.3", "0.1", "5", "784", "PCA"]


def test_numbers_get_a_slider_and_words_get_buttons():
    assert not Dial("λ", figures(0.1, np.float32(1), 10)).named
    assert Dial("model", figures("AE", "PCA")).named
    assert Dial("k", figures(2, 5, "all")).named


def test_captions_are_in_the_order_of_the_figures():
    dial = Dial("β", figures(1, 2, 4), captions={4: "All units are dead.", 1: "Alive."})
    assert dial.captions == ["Alive.", "", "All units are dead."]
    assert Dial("β", figures(1, 2)).captions == ["", ""]


def test_a_value_that_is_not_on_the_dial_is_refused():
    dial = Dial("λ", figures(0.1, 1))
    for index in (2, -1):
        with pytest.raises(TraitError, match="from 0 to 1"):
            dial.index = index
    with pytest.raises(ValueError, match="5 is not a value of this dial: 0.1, 1"):
        dial.value = 5
    assert dial.value == 0.1


def test_a_dial_needs_figures():
    with pytest.raises(ValueError, match="at least one"):
        Dial("λ", {})
    with pytest.raises(TypeError, match="Figures; for 1 it got list"):
        Dial("λ", {1: [0, 1]})
    with pytest.raises(ValueError, match="caption for 3, but no figure"):
        Dial("λ", figures(1, 2), captions={3: "three"})


def test_a_dial_keeps_the_colors_of_its_pictures():
    """A palette of 256 colors halves the size, with invisible changes."""
    points = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    figure = plots.latent_plane(points, torch.arange(500) % 10, title="Ten classes")
    full = BytesIO()
    figure.savefig(full, format="png")
    full, small = full.getvalue(), png(figure, colors=256)
    assert len(small) < 0.6 * len(full)
    one, other = (
        np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(int)
        for data in (full, small)
    )
    error = np.abs(one - other).max(2)
    assert error.mean() < 0.5 and np.quantile(error, 0.999) < 40  # of 255 gray levels


# --- the gap --------------------------------------------------------------------------


def test_q_starts_where_the_encoder_puts_it():
    torch.manual_seed(3)
    vae = VAE(36, 2, (8,))
    x = torch.rand(2, 36)
    gap = EvidenceGap(vae.encoder, vae.decoder, x)
    mu, logvar = vae.encoder(x)
    for digit in (0, 1):
        gap.digit = digit
        assert gap.mu == pytest.approx(mu[digit].tolist())
        assert gap.sigma == pytest.approx((logvar[digit] / 2).exp().tolist())


def test_elbo_and_kl_are_those_of_the_package():
    torch.manual_seed(3)
    vae = VAE(36, 2, (8,))
    x = torch.rand(2, 36)
    gap = EvidenceGap(vae.encoder, vae.decoder, x)
    exact = log_evidence(vae.decoder, x)
    kl = kl_to_true_posterior(vae.encoder, vae.decoder, x)
    for digit in (0, 1):
        gap.digit = digit
        assert gap.log_evidence == pytest.approx(exact[digit].item(), abs=2e-3)
        assert gap.kl == pytest.approx(kl[digit].item(), abs=3e-3)  # both to 0.001 nats
        assert gap.elbo + gap.kl == pytest.approx(gap.log_evidence, abs=1e-9)


def test_the_best_q_is_at_least_as_good_as_the_encoder_s():
    gap = make_gap()
    before = gap.kl
    gap.mu, gap.sigma = gap.best_q[0][:2], gap.best_q[0][2:]
    assert 0 <= gap.kl <= before
    best = gap.kl
    for step in (-0.05, 0.05):
        gap.mu = [gap.best_q[0][0] + step, gap.best_q[0][1]]
        assert gap.kl > best


def test_q_is_clipped_to_its_window_and_the_lattice_spacing():
    gap = make_gap()
    center1, center2, reach, n = gap.windows[0]
    gap.mu, gap.sigma = [99, -99], [99, 0]
    assert gap.mu == pytest.approx([center1 + reach, center2 - reach])
    assert gap.sigma == pytest.approx([reach / 4, 2 * reach / (n - 1)])
    for name in ("mu", "sigma"):
        with pytest.raises(TraitError, match="finite"):
            setattr(gap, name, [float("nan"), 1])
    with pytest.raises(TraitError, match="from 0 to 1"):
        gap.digit = 2


def test_the_evidence_follows_a_given_likelihood():
    torch.manual_seed(3)
    vae, nll = VAE(36, 2, (8,)), partial(gaussian_nll, sigma=0.5)
    x = torch.rand(1, 36)
    gap = EvidenceGap(vae.encoder, vae.decoder, x, nll=nll)
    exact = log_evidence(vae.decoder, x, nll=nll).item()
    assert gap.log_evidence == pytest.approx(exact, abs=2e-3)


def test_the_bars_of_elbo_and_gap_add_up_to_log_p_of_x():
    axis = torch.arange(5.0)
    log_joint = torch.zeros(5, 5)
    log_joint[4, 1] = 9  # z₁ = 4 is on the right, z₂ = 1 below the middle
    window = PosteriorGrid(axis, axis, log_joint)
    plane, bars = evidence_gap._draw(window, [3, 2], [0.5, 1], -12.5, -11).axes
    [shown] = plane.images
    assert np.argwhere(shown.get_array() == 1).tolist() == [[1, 4]]
    assert shown.origin == "lower" and shown.get_extent() == [-0.5, 4.5, -0.5, 4.5]
    sizes = [(e.get_width(), e.get_height()) for e in plane.patches]
    assert sizes == [(1, 2), (2, 4)]  # one and two σ to each side
    evidence, elbo, gap = bars.patches
    assert evidence.get_y() + evidence.get_height() == -11
    assert elbo.get_y() + elbo.get_height() == gap.get_y() == -12.5
    assert gap.get_height() == 1.5


def test_a_message_with_digit_mu_and_sigma_sets_all_three():
    gap = make_gap()
    q = gap.encoder_q[1]
    gap.set_state({"mu": q[:2], "sigma": q[2:], "digit": 1})
    assert (gap.digit, gap.mu, gap.sigma) == (1, q[:2], q[2:])
    gap.set_state({"mu": [q[0] + 0.01, q[1]]})
    assert gap.mu == [q[0] + 0.01, q[1]]


REFUSED_GAPS = {
    "images that are no squares": (
        {"x": torch.rand(2, 35)}, "35 numbers is no square"),
    "one image without its row": ({"x": torch.rand(36)}, "one per row"),
    "labels of another length": ({"labels": [1, 2, 3]}, "2 images"),
    "a code of three numbers": ({"latent_dim": 3}, "codes of 2 numbers"),
}  # fmt: skip


@pytest.mark.parametrize("change, message", REFUSED_GAPS.values(), ids=REFUSED_GAPS)
def test_invalid_arguments_of_a_gap_are_refused(change, message):
    vae = VAE(36, change.get("latent_dim", 2), (8,))
    x = change.get("x", torch.rand(2, 36))
    with pytest.raises(ValueError, match=message):
        EvidenceGap(vae.encoder, vae.decoder, x, change.get("labels"))


# --- all -----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [make_walk, make_gap, lambda: Dial("λ", figures(0.1, 1))])
def test_the_mimebundle_has_a_picture_and_a_stable_repr(make):
    bundle = mimebundle(make())
    assert base64.b64decode(bundle["image/png"]).startswith(PNG)
    assert bundle["text/plain"] == repr(make()) and "0x" not in repr(make())
    assert WIDGET_VIEW in bundle  # a live JupyterLab prefers it


def test_every_widget_has_a_static_picture():
    """A front end without widgets, such as GitHub, shows this picture."""
    for name in widgets.__all__:
        kind = getattr(widgets, name)
        assert issubclass(kind, WithPicture), name
        assert kind.picture is not WithPicture.picture, name


def test_the_repr_lists_the_contents():
    assert repr(Dial("λ", figures(0.1, 1))) == "Dial('λ', 2 figures)"
    assert repr(make_gap(labels=torch.tensor([7, 2]))) == "EvidenceGap(2 images: 7, 2)"
    assert repr(make_gap()) == "EvidenceGap(2 images: image 0, image 1)"


@pytest.mark.parametrize("widget", [Dial, EvidenceGap, LatentWalk])
def test_a_widget_s_source_is_one_module_without_imports(widget):
    """Exported pages and stored widgets need one module."""
    assert "// Shared by all widgets" in widget._esm
    assert widget._esm.count("export default") == 1
    assert not re.search(r"^import |https?://", widget._esm + widget._css, re.MULTILINE)


def test_a_stored_notebook_keeps_the_picture_only():
    dial = Dial("λ", figures(0.1, 1))
    output = {"output_type": "execute_result", "data": mimebundle(dial)}
    assert _keep(output)
    assert set(output["data"]) == {"text/plain", "text/html", "image/png"}


def test_the_picture_of_ten_thousand_codes_is_small():
    codes, labels = (
        np.random.default_rng(0).normal(size=(10_000, 2)),
        np.arange(10_000) % 10,
    )
    figure = latent_walk._draw(codes, labels, torch.rand(441, 36).numpy(), half_width=1)
    assert len(png(figure, colors=128)) < 150_000  # bytes


@pytest.mark.parametrize("name", widgets.__all__)
def test_traits_set_by_the_view_are_not_echoed(name):
    """A busy kernel would echo old values over newer ones of the view."""
    kind = getattr(widgets, name)
    traits = set(re.findall(r'\bset\("(\w+)"', kind._esm))
    assert traits and traits <= set(kind.class_trait_names())
    for trait in traits:
        assert kind.class_traits()[trait].metadata["echo_update"] is False, trait
