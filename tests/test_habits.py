"""Public functions give the right result or a sentence, for the habits of ``habits.py``."""

import copy
import inspect
import math
import re
import threading
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from habits import (
    BINARY,
    COLORED,
    DECODERS,
    ENCODERS,
    LIKELIHOODS,
    PLOTTED,
    RIGHT,
    TRAINED,
    D,
    EncodeDecode,
    K,
    Returns,
    X,
    compiled,
    decoder,
    inserted,
)
from torch import nn
from torch.distributions import Normal
from torch.testing import assert_close

from course_utils import plots
from course_utils.generative import classifier, diffusion, gan, vq_vae
from course_utils.models import VAE, Autoencoder
from course_utils.modes import eval_mode
from course_utils.objectives import ae_loss, bernoulli_nll, kl_to_standard_normal, vae_loss
from course_utils.theory.elbo import elbo, importance_weighted_bound, rate_and_distortion
from course_utils.theory.evidence import kl_to_true_posterior, log_evidence, log_joint
from course_utils.theory.geodesics import curve_length, shortest_paths, straight_paths
from course_utils.theory.information import active_units, mutual_information
from course_utils.theory.lattice import latent_lattice
from course_utils.theory.posterior_grid import posterior_grid
from course_utils.training import evaluate, fit, training_epochs
from course_utils.widgets import DenoisingField, EvidenceGap, LatentWalk, SideBySide

PACKAGE = Path(plots.__file__).parent
SENTENCES = ValueError, TypeError, FloatingPointError


def each(table):
    return pytest.mark.parametrize("habit", table.values(), ids=table, indirect=True)


@pytest.fixture
def habit(request):
    """A row of a table, with its model compiled if it is to be.

    Not when the tables are made: torch.compile loads much of torch, which each process that
    collects the tests would do.
    """
    model, *others = request.param
    return model() if isinstance(model, compiled) else model, *others


def outcome(expected, function, *arguments, **named):
    """The result if it must be right; else None, after the sentence, which must be ours."""
    if expected == RIGHT:
        return function(*arguments, **named)
    with pytest.raises(SENTENCES, match=expected) as info:
        function(*arguments, **named)
    assert "course_utils" in str(info.traceback[-1].path), "another library's words"
    return None


def modes(model):
    return [layer.training for layer in model.modules()]


def state(model):
    """Weights, statistics and the mode of each layer."""
    return copy.deepcopy(model.state_dict()), modes(model)


def unchanged(model, before):
    weights, found = before
    now = model.state_dict()
    return modes(model) == found and all(now[name].equal(weights[name]) for name in now)


# --- training and evaluation ----------------------------------------------------------


@each(TRAINED)
@pytest.mark.slow
def test_training_learns_or_says_why_not(habit):
    model, objective, data, expected = copy.deepcopy(habit)
    found = modes(model) if isinstance(model, nn.Module) else None
    records = outcome(expected, fit, model, objective, data, epochs=3, batch_size=50)
    if not records:
        return
    assert all(map(math.isfinite, records[-1].values()))
    assert modes(model) == found
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and ".label." not in name:  # which no objective reads
            assert parameter.grad is not None and parameter.grad.any(), name


@each({name: row for name, row in TRAINED.items() if row[3] == RIGHT})
def test_evaluation_is_the_objective_in_eval_mode_and_leaves_no_trace(habit):
    model, objective, data, _ = copy.deepcopy(habit)
    fit(model, objective, data, epochs=1, batch_size=50)
    before = state(model)
    torch.manual_seed(1)
    first = evaluate(model, objective, data)
    assert unchanged(model, before)
    torch.manual_seed(1)
    assert evaluate(model, objective, data) == first  # neither Dropout nor statistics
    batch = data if isinstance(data, tuple) else (data,)
    inner = getattr(model.eval(), "module", model)
    names = ("encoder", "decoder") if hasattr(inner, "encoder") else ("encode", "decode")
    networks = [getattr(inner, name, None) for name in names]
    if "model" in inspect.signature(objective).parameters:
        networks = [model]
    torch.manual_seed(1)
    with torch.no_grad():
        by_hand = objective(*networks, *batch)
    assert first == pytest.approx({name: float(term) for name, term in by_hand.items()})


def test_training_keeps_the_mode_that_it_finds_and_warns_of_eval_mode():
    model = inserted(nn.BatchNorm1d(8))
    model.encoder[1].eval()  # frozen on purpose, in a model that trains
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(model, ae_loss, X, epochs=1)
        fit(Autoencoder(D, K).eval(), ae_loss, X, epochs=1)  # where the mode means nothing
    assert model.encoder[1].running_mean.eq(0).all()
    with pytest.warns(UserWarning, match="in eval mode.*BatchNorm1d.*model.train()"):
        fit(model.eval(), ae_loss, X, epochs=1)
    assert model.encoder[1].running_mean.eq(0).all()
    assert not any(modes(model))


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_training_without_gradients_is_refused(off):
    with off():
        outcome("outside of torch.no_grad", fit, Autoencoder(D, K), ae_loss, X, epochs=1)
    epochs = training_epochs(Autoencoder(D, K), ae_loss, X, epochs=1)
    with torch.no_grad():
        outcome("no gradient", next, epochs)


@pytest.mark.parametrize("n, sizes", [(101, [50, 51]), (100, [50, 50]), (1, [1])])
def test_a_single_last_row_joins_the_batch_before_it(n, sizes):
    seen = []

    def objective(f, g, x):
        seen.append(len(x))
        return ae_loss(f, g, x)

    model = Autoencoder(D, K)
    fit(model, objective, X[:n], epochs=1, batch_size=50)
    assert sorted(seen) == sorted(sizes)


def test_a_gan_in_eval_mode_warns_too():
    networks = gan.mlp_gan(D, K, (4,), last=nn.Dropout(0.5)).eval()
    with pytest.warns(UserWarning, match="in eval mode.*Dropout"):
        next(gan.adversarial_epochs(networks, X, epochs=1))


def test_the_other_objectives_refuse_a_sigmoid_before_logits_too():
    networks = gan.mlp_gan(D, K, (4,))
    networks.discriminator.append(nn.Sigmoid())
    outcome("sigmoid", next, gan.adversarial_epochs(networks, X, epochs=1))


# --- measures -------------------------------------------------------------------------


@each(ENCODERS)
def test_measures_of_an_encoder_are_right_or_say_what_it_must_return(habit):
    form, expected = habit
    f, g, x = Returns(form), decoder(), BINARY
    for function, arguments in (
        (elbo, (f, g, x)),
        (rate_and_distortion, (f, g, x)),
        (mutual_information, (f, x)),
        (active_units, (f, x)),
        (kl_to_true_posterior, (f, g, x)),
        (lambda *a: importance_weighted_bound(*a, samples=2), (f, g, x)),
        (EvidenceGap, (f, g, x)),
    ):
        outcome(expected, function, *arguments)
    if expected == RIGHT:
        rate, _ = rate_and_distortion(f, g, x)
        assert_close(rate, kl_to_standard_normal(*f(x)).detach())


def by_summing(g, x, nll):
    """log p(x), one image and one nll at a time."""
    z = latent_lattice(6.0, 161)
    output = g(z)
    nats = torch.stack([nll(row.expand(len(z), -1), output) for row in x])
    log_prior = Normal(0.0, 1.0).log_prob(z).sum(1)
    return (log_prior - nats).logsumexp(1) + 2 * math.log(12 / 160)


@each(LIKELIHOODS)
def test_likelihoods_of_others_are_used_or_refused(habit):
    nll, of_elbo, of_evidence = habit
    torch.manual_seed(0)
    vae = VAE(D, K, (8,))
    evidence = outcome(of_evidence, log_evidence, vae.decoder, BINARY, nll=nll)
    if evidence is not None:
        with torch.no_grad():
            expected = by_summing(vae.decoder, BINARY, nll)
        assert_close(evidence, expected, rtol=0, atol=0.01)
    bound = outcome(of_elbo, elbo, vae.encoder, vae.decoder, BINARY, samples=50, nll=nll)
    if evidence is not None:
        assert (bound < evidence + 0.5).all()
    loss = partial(vae_loss, nll=nll)
    outcome(of_elbo, fit, vae, loss, BINARY, epochs=1)


def test_what_a_decoder_gives_is_between_it_and_its_likelihood():
    """Of the ELBO; the lattice needs rows. Here also a decoder that holds labels."""
    torch.manual_seed(0)
    vae, labels = VAE(D, K, (8,)), torch.zeros(len(BINARY), 1)
    f = vae.encoder

    def labeled(z):
        return vae.decoder(torch.cat([z, labels], 1)[:, :K])

    bounds = []
    for g, nll in (
        (vae.decoder, lambda x, mean: -Normal(mean, 0.5).log_prob(x).sum(1)),
        (lambda z: Normal(vae.decoder(z), 0.5), lambda x, p: -p.log_prob(x).sum(1)),
        (lambda z: (labeled(z), 0.5), lambda x, p: -Normal(*p).log_prob(x).sum(1)),
    ):
        torch.manual_seed(1)
        bounds.append(elbo(f, g, BINARY, nll=nll))
    assert_close(bounds[1:], bounds[:1] * 2)


@each(DECODERS)
def test_decoders_of_others_have_an_evidence_or_are_refused(habit):
    g, expected, _ = habit
    evidence = outcome(expected, log_evidence, g, BINARY)
    if evidence is not None:
        with torch.no_grad(), eval_mode(g):
            assert_close(evidence, by_summing(g, BINARY, bernoulli_nll), rtol=0, atol=0.01)


def test_every_measure_runs_in_eval_mode_and_leaves_the_mode():
    """Each is given networks that raise an error in train mode."""

    class Strict(nn.Module):
        def __init__(self, *widths):
            super().__init__()
            self.linear = nn.Linear(*widths)

        def forward(self, x, *_):
            assert not self.training and not self.linear.training
            return self.linear(x)

    class Head(Strict):
        def forward(self, x):
            return super().forward(x).chunk(2, 1)

    f, g, c, x = Head(D, 2 * K), Strict(K, D), Strict(D, 3), BINARY
    two = Strict(K, K)
    schedule = diffusion.cosine_schedule(3)
    mu, sigma = torch.zeros(K), torch.ones(K)
    codes = torch.randn(9, K)
    for run in (
        lambda: elbo(f, g, x),
        lambda: rate_and_distortion(f, g, x),
        lambda: importance_weighted_bound(f, g, x, samples=2),
        lambda: log_evidence(g, x),
        lambda: log_evidence(lambda z: g(z) * 1, x),
        lambda: log_joint(g, x, codes),
        lambda: kl_to_true_posterior(f, g, x),
        lambda: posterior_grid(g, x[0], mu, sigma),
        lambda: active_units(f, x),
        lambda: mutual_information(f, x),
        lambda: curve_length(g, codes),
        lambda: straight_paths(g, codes[:3]),
        lambda: shortest_paths(g, codes[:3]),
        lambda: classifier.sure_share(c, x),
        lambda: classifier.accuracy(c, x, torch.ones(5, dtype=torch.int64)),
        lambda: classifier.features(nn.Sequential(c, nn.ReLU()), x),
        lambda: gan.GAN(K, g, c).sample(3),
        lambda: list(diffusion.reverse_steps(two, codes, schedule)),
        lambda: diffusion.diffusion_elbo(two, codes, schedule),
        lambda: diffusion.best_variance(two, codes, schedule),
        lambda: list(diffusion.euler_steps(two, codes, 2)),
        lambda: EvidenceGap(f, g, x[:1]),
        lambda: evaluate(g, lambda g, z: {"loss": g(z).mean()}, codes),
    ):
        result = run()
        layers = [layer for network in (f, g, c, two) for layer in network.modules()]
        assert all(layer.training for layer in layers)
        assert not getattr(result, "requires_grad", False)


# Generators, in eval mode within a step only; updates of a codebook; no network at all.
NO_MEASURES = "reverse_steps euler_steps _initialize _update_codebook distance_to_nearest"


def test_what_runs_without_gradients_is_a_measure():
    """A new function of a trained model is decorated with ``measure``, or named above."""
    paths = [*PACKAGE.glob("theory/*.py"), *PACKAGE.glob("generative/*.py")]
    code = "".join(path.read_text("utf-8") for path in paths)
    names = re.findall(r"@torch\.no_grad\(\)\s+def (\w+)", code)
    assert sorted(names) == sorted(NO_MEASURES.split())


def test_a_vq_vae_that_is_measured_in_train_mode_gives_what_it_gives_in_eval_mode():
    model = vq_vae.VQVAE2((4, 3), side=14, channels=4)
    x = torch.rand(3, 196)
    before = state(model)
    codes = model.codes(x)
    assert unchanged(model, before)
    assert all(map(torch.equal, codes, model.eval().codes(x)))


def test_eval_mode_restores_each_layer_after_an_error_and_ignores_other_threads():
    model = inserted(nn.Dropout(0.5))
    model.decoder.eval()
    found = modes(model)
    with pytest.raises(ZeroDivisionError), eval_mode(model):
        assert not any(modes(model))
        raise ZeroDivisionError
    assert modes(model) == found

    outputs = []
    with eval_mode():  # finds the layers when they are called
        thread = threading.Thread(target=lambda: outputs.append(model.encoder(X)))
        thread.start()
        thread.join()
        outputs += [model.encoder(X), model.encoder(X)]
    first, *others = outputs
    assert torch.equal(*others) and not torch.equal(first, others[0])
    assert modes(model) == found


def test_a_method_that_reads_the_mode_of_its_model_is_measured_in_eval_mode():
    model = EncodeDecode()
    units = [mutual_information(model.encode, BINARY) for _ in range(2)]
    rates = [rate_and_distortion(model.encode, model.decode, BINARY)[0] for _ in range(2)]
    assert torch.equal(*rates) and not torch.equal(*units)  # the latter draws z
    assert torch.equal(rates[0], kl_to_standard_normal(*model.eval().encode(BINARY)))


# --- the browser, and figures ---------------------------------------------------------

CODES = torch.randn(4, K)


@each(DECODERS)
def test_a_walk_shows_what_the_decoder_gives_or_says_why_not(habit):
    g, _, expected = habit
    by_kernel = expected.startswith("has ")
    walk = outcome(RIGHT if by_kernel else expected, LatentWalk, g, CODES, [0, 1, 2, 3])
    if isinstance(g, nn.Module):
        outcome(expected, SideBySide, {"g": (g, CODES)}, [0, 1, 2, 3])
    if walk:
        assert bool(walk.decoder) != by_kernel
        assert (expected in walk.kernel_because) == by_kernel
        with torch.no_grad(), eval_mode(g):
            images = g(latent_lattice(1.0)).clamp(0, 1).flatten(1)
        assert np.array_equal(walk._lattice, images)


def test_a_field_shows_the_denoiser_in_eval_mode():
    r = nn.Sequential(nn.Linear(K, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, K))
    fields = [DenoisingField({0.1: r}, CODES).fields for _ in range(2)]
    assert fields[0] == fields[1] and r[1].training


@each(COLORED)
def test_labels_have_colors_or_are_refused(habit):
    labels, expected = habit
    outcome(expected, LatentWalk, decoder(), CODES, labels)
    outcome(expected, SideBySide, {"g": (decoder(), CODES)}, labels)
    outcome(expected, plots.latent_plane, CODES, labels, title="Codes")
    outcome(expected, plots.latent_planes, {"g": CODES}, labels, title="Codes")
    outcome(expected, plots.posteriors, CODES, CODES.exp(), labels, title="q")


@pytest.mark.parametrize(
    "labels, names, words",
    [
        ([0, 1, 2, 1], ["cat", "dog"], "label 2, but names for 0 to 1"),
        (["cat", "cow", "dog", "cat"], ["cat", "dog"], "'cow' is not in it"),
        ([0, 1, 1, 1], "cat", "names must be a list"),
    ],
)
def test_a_class_without_a_name_is_refused(labels, names, words):
    named = {"names": names, "title": "Codes"}
    outcome(words, plots.latent_plane, CODES, labels, **named)
    outcome(words, plots.latent_planes, {"g": CODES}, labels, **named)
    outcome(words, plots.posteriors, CODES, CODES.exp(), labels, **named)


def test_codes_of_more_dimensions_say_what_to_choose():
    words = r"codes must have shape \(N, 2\).*\(4, 10\).*codes\[:, \[0, 1\]\]"
    codes = torch.randn(4, 10)
    outcome(words, plots.latent_plane, codes, [0, 1, 2, 3], title="Codes")
    outcome(words, plots.latent_planes, {"g": codes}, [0, 1, 2, 3], title="Codes")


@pytest.mark.parametrize("points", [torch.randn(4, 3), torch.randn(4, 1), torch.randn(4)])
def test_points_of_other_dimensions_are_never_cut(points):
    two, words = torch.randn(4, 2), r"\(N, 2\), one row per point"
    for function, arguments, named in (
        (plots.latent_plane, (points, [0, 1, 2, 3]), {}),
        (plots.latent_planes, ({"g": points}, [0, 1, 2, 3]), {}),
        (plots.distance_map, (torch.ones(9), points), {"half_width": 1}),
        (plots.residuals, (points, {"g": points}), {}),
        (plots.residuals, (two, {"g": points}), {}),
        (plots.arrows, (two, {"g": two}), {"points": points}),
        (plots.arrows, (two, {"g": points}), {"points": two}),
        (plots.clouds, ({"g": points},), {}),
        (plots.cloud_rows, ({"a": {"g": points}},), {"half_width": 1}),
        (plots.codebooks, ({"g": (two, points)},), {"half_width": 1}),
        (plots.densities, ({"g": (torch.arange(9.0), points)},), {"half_width": 1}),
        (plots.posteriors, (points, points.exp(), [0, 1, 2, 3]), {}),
    ):
        outcome(words, function, *arguments, **named, title="Points")
    outcome("have shape|have 3 inputs", LatentWalk, decoder(), points, [0, 1, 2, 3])
    outcome(words, SideBySide, {"g": (decoder(), points)}, [0, 1, 2, 3])


@each(PLOTTED)
def test_what_no_plot_can_draw_is_refused_in_words(habit):
    name, values, named, words = habit
    outcome(words, getattr(plots, name), *values, **named, title="t")


NAMED = "image_rows image_grids histograms bars named_bars clouds cloud_rows codebooks"


@pytest.mark.parametrize(
    "values", [[1, 2], torch.ones(3), {}], ids=["list", "tensor", "{}"]
)
@pytest.mark.parametrize("name", NAMED.split())
def test_values_without_names_are_refused_in_words(name, values):
    axes = {"xlabel": "x", "ylabel": "y", "half_width": 1, "title": "t"}
    function = getattr(plots, name)
    wanted = inspect.signature(function).parameters
    named = {key: value for key, value in axes.items() if key in wanted}
    outcome("names are needed", function, values, **named)


@pytest.mark.parametrize("half_widths", [5, 0, None, "a", (1, "a"), (), (1, math.nan)])
def test_half_widths_that_are_no_list_of_numbers_are_refused(half_widths):
    words = "half_widths must be positive numbers"
    outcome(words, LatentWalk, decoder(), CODES, [0, 1, 2, 3], half_widths)
    outcome(words, SideBySide, {"g": (decoder(), CODES)}, [0, 1, 2, 3], half_widths)


WIDE = torch.zeros(4, 36)
WIDE[:, :9] = 1  # the first of four rows of nine pixels


def drawn(axis):
    return np.asarray(axis.images[0].get_array())


def test_images_that_are_no_squares_are_drawn_in_their_shape():
    """36 numbers are 4 × 9 pixels where the shape says so, else 6 × 6."""
    shape = {"shape": (4, 9), "title": "Wide"}
    bar = np.zeros((4, 9))
    bar[0] = 1
    row = drawn(plots.image_rows({"x": WIDE}, **shape).axes[0])
    assert np.array_equal(row[:, 1:10], bar) and row.shape == (4, 4 * 11)
    assert np.array_equal(drawn(plots.code_bars(WIDE, CODES, WIDE, **shape).axes[0]), bar)
    grid = drawn(plots.digit_grid(WIDE, half_width=1, **shape).axes[0])
    assert np.array_equal(grid, np.tile(bar, (2, 2)))
    block = drawn(plots.image_grids({"x": WIDE}, **shape).axes[0])
    assert np.array_equal(block[:, :9], bar)

    g = nn.Sequential(nn.Linear(K, 36), nn.Sigmoid())
    walk = LatentWalk(g, CODES, [0, 1, 2, 3], shape=(4, 9))
    assert walk.shape == [4, 9] and walk.picture()
    assert LatentWalk(g, CODES, [0, 1, 2, 3]).shape == [6, 6]
    assert SideBySide({"g": (g, CODES)}, [0, 1, 2, 3], shape=(4, 9)).shapes == [[4, 9]]
    gap = EvidenceGap(Returns(lambda *q: q), decoder(), BINARY[:1], shape=(2, 8))
    assert gap.shape == [2, 8]


@pytest.mark.parametrize("shape", [(6, 7), (36,), (2, 3, 6), (-4, -9), 36, "4×9", (4, 0)])
def test_a_shape_that_does_not_fit_is_refused(shape):
    words = "shape must be .height, width.*1 or 3 channels, of 36 numbers"
    outcome(words, plots.image_rows, {"x": WIDE}, shape=shape, title="Wide")
    outcome(words, LatentWalk, nn.Linear(K, 36), CODES, [0, 1, 2, 3], shape=shape)


COLOR = torch.zeros(4, 3, 2, 5)
COLOR[:, 0, 0] = 1  # the first of two rows of five pixels is red


@pytest.mark.parametrize("form", ["rows", "images", "channel"])
def test_images_of_any_form_are_the_same_picture(form):
    images, shape = {
        "rows": (WIDE, {"shape": (1, 4, 9)}),
        "images": (WIDE.view(4, 4, 9), {}),
        "channel": (WIDE.view(4, 1, 4, 9), {"shape": (4, 9)}),
    }[form]
    for function, arguments in (
        (plots.image_rows, ({"x": images},)),
        (plots.image_grids, ({"x": images},)),
        (plots.code_bars, (images, CODES, images)),
        (partial(plots.digit_grid, half_width=1), (images,)),
    ):
        flat = [
            {"x": WIDE} if isinstance(a, dict) else a.view(len(a), -1) for a in arguments
        ]
        expected = function(*flat, shape=(4, 9), title="Wide")
        found = function(*arguments, **shape, title="Wide")
        assert np.array_equal(drawn(found.axes[0]), drawn(expected.axes[0]))


@pytest.mark.parametrize("flat", [True, False])
def test_images_in_color_are_drawn_in_color(flat):
    images, shape = (COLOR.flatten(1), {"shape": (3, 2, 5)}) if flat else (COLOR, {})
    named = {**shape, "title": "Red over black"}
    red = np.moveaxis(COLOR[0].numpy(), 0, -1)
    row = drawn(plots.image_rows({"x": images, "y": images[:3]}, **named).axes[1])
    assert row.shape == (2, 4 * 7, 3)
    assert np.array_equal(row[:, 1:6], red)
    assert (row[:, [0, 6, *range(21, 28)]] == 1).all()  # the paper is white
    block = drawn(plots.image_grids({"x": images}, **named).axes[0])
    assert np.array_equal(block[:, 15:20], red) and (block[:, 20:] == 1).all()
    grid = drawn(plots.digit_grid(images, half_width=1, **named).axes[0])
    assert np.array_equal(grid, np.tile(red, (2, 2, 1)))
    shown = drawn(plots.code_bars(images, CODES, images, **named).axes[0])
    assert np.array_equal(shown, red)


def test_colors_beyond_0_and_1_are_clipped_without_a_warning_and_nan_is_white():
    wild = COLOR.clone()
    wild[0, :, 1, 0], wild[0, :, 0, 0] = torch.tensor([-1, 0.5, 2]), torch.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = drawn(plots.image_rows({"x": wild}, title="Wild").axes[0])
    assert row[1, 1].tolist() == [0, 0.5, 1] and row[0, 1].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "images, shape, words",
    [
        (WIDE[0], None, r"image\[None\]"),
        (torch.zeros(2, 1000), None, "1000 numbers is no square.*height, width.*3, height"),
        (torch.zeros(2, 3072), None, "3072 numbers is no square.*in color"),
        (COLOR.permute(0, 2, 3, 1), None, r"permute\(0, 3, 1, 2\)"),
        (COLOR, (3, 5, 2), r"shape is \(3, 5, 2\), but the images are \(4, 3, 2, 5\)"),
        ((255 * COLOR).byte(), None, "divide by 255"),
    ],
)
def test_images_of_no_shape_are_refused_in_words(images, shape, words):
    for function in (plots.image_rows, plots.image_grids):
        outcome(words, function, {"x": images}, shape=shape, title="Wide")
    outcome(words, plots.digit_grid, images, half_width=1, shape=shape, title="Wide")


def test_a_widget_draws_images_in_color_or_refuses_them():
    g = nn.Linear(K, 30)
    shape = {"shape": (3, 2, 5)}
    side = SideBySide({"g": (g, CODES)}, [0, 1, 2, 3], **shape)
    assert side.shapes == [[3, 2, 5]]
    assert LatentWalk(g, CODES, [0, 1, 2, 3], **shape).shape == [3, 2, 5]
    wide = torch.rand(1, 30)
    encoder = Returns(lambda *q: q)
    outcome("gray images only", EvidenceGap, encoder, g, wide, **shape)


def test_a_lattice_of_another_number_of_images_is_refused():
    outcome("n · n points.* not 3", plots.digit_grid, WIDE[:3], half_width=1, title="Wide")
