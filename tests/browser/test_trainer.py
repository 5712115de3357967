"""The network that learns in the browser against torch, and its random numbers.

One page holds the modules and the kernel; no test changes it.
"""

import base64
import hashlib
import math
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from jupyterlab_session import no_errors
from torch.nn import functional as F

from course_utils import objectives
from course_utils.theory.elbo import elbo
from course_utils.theory.evidence import log_evidence
from course_utils.theory.lattice import PLANE, Lattice
from course_utils.widgets.core import HERE, as_script, with_core

ROOT = Path(__file__).parents[2]
B = 64  # BATCH in trainer.js
LOAD = """async ([source, worker, kernel]) => {
    const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const type = { type: "text/javascript" };
    const url = (text) => URL.createObjectURL(new Blob([text], type));
    window.floats = (text) => new Float32Array(bytes(text).buffer);
    window.text = (numbers) => btoa(Array.from(new Uint8Array(
        Float32Array.from(numbers).buffer), (byte) => String.fromCharCode(byte)).join(""));
    window.engine = await import(url(source));
    window.kernelBytes = bytes(kernel);
    window.kernel = (await WebAssembly.instantiate(kernelBytes)).instance.exports;
    window.makeWorker = () => new Worker(url(worker));
}"""


def text(numbers) -> str:
    """Numbers as base64 of float32; `floats` in the page reads it."""
    return base64.b64encode(np.asarray(numbers, "float32").tobytes()).decode()


def floats(encoded: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(encoded)), dtype=torch.float32)


@pytest.fixture(scope="module")
def run(window):
    """run(JavaScript function, its argument), in the page."""
    source = with_core("exact_evidence.js") + "\nexport { initialize, makeBatches };"
    kernel = base64.b64encode((HERE / "training_kernel.wasm").read_bytes()).decode()
    with no_errors(window):
        window.goto("about:blank")
        window.evaluate(LOAD, [source, as_script(with_core("trainer_worker.js")), kernel])
        yield window.evaluate


# --- the same network in torch ----------------------------------------------------------


def networks(parameters, inputs, width, latent):
    """Encoder, x -> (μ, log σ²), and decoder from parameters in the order of layersOf."""
    layers = []
    for n, m in ((inputs, width), (width, 2 * latent), (latent, width), (width, inputs)):
        w, b, parameters = parameters.split([n * m, m, len(parameters) - n * m - m])
        layers.append((w.view(n, m).T, b))
    first, second, third, fourth = (partial(F.linear, weight=w, bias=b) for w, b in layers)
    return (
        lambda x: second(first(x).relu()).chunk(2, dim=1),
        lambda z: fourth(third(z).relu()),
    )


def initial(inputs, width, latent, seed):
    torch.manual_seed(seed)
    sizes = (inputs, width), (width, 2 * latent), (latent, width), (width, inputs)
    return torch.cat([(2 * torch.rand(n * m + m) - 1) / math.sqrt(n) for n, m in sizes])


def loss(parameters, shape, x, settings):
    """The terms of the objective, by course_utils.objectives."""
    f, g = networks(parameters, *shape)
    known = {k: v for k, v in settings.items() if k in ("lam", "sigma", "beta")}
    if settings["objective"] == "vae":
        if settings["spread"]:
            known["nll"] = partial(objectives.gaussian_nll, sigma=settings["spread"])
        return objectives.vae_loss(f, g, x, **known)
    named = {
        "ae": objectives.ae_loss,
        "sparse": objectives.sparse_ae_loss,
        "denoising": objectives.dae_loss,
        "probabilistic": objectives.pae_loss,
        "regularized": objectives.regularized_pae_loss,
    }
    return named[settings["objective"]](lambda x: f(x)[0], g, x, **known)


SHAPES = {  # inputs, width, latent: -> seed
    (196, 64, 2): 0,
    (2, 7, 1): 1,
    (30, 5, 3): 2,
    (5, 30, 2): 3,
    (17, 33, 1): 4,
}
OBJECTIVES = [
    {"objective": "ae"},
    {"objective": "sparse", "lam": 0.3},
    {"objective": "denoising", "sigma": 0.4},
    {"objective": "probabilistic", "sigma": 0.7},
    {"objective": "regularized", "sigma": 0.7, "lam": 0.3},
    {"objective": "vae", "beta": 2, "spread": 0},
    {"objective": "vae", "beta": 2, "spread": 0.5},
]
EXTREMES = [
    {"objective": "sparse", "lam": 1e4},
    {"objective": "denoising", "sigma": 0},
    {"objective": "probabilistic", "sigma": 0},
    {"objective": "regularized", "sigma": 30, "lam": 1e4},
    {"objective": "vae", "beta": 0, "spread": 0},
    {"objective": "vae", "beta": 1e4, "spread": 0},
    {"objective": "vae", "beta": 0, "spread": 0.01},
]
TRAIN = """([shape, settings, initial, data, input, code, steps]) => {
    const [inputs, width, latent] = shape, rows = floats(data);
    const trainer = engine.makeTrainer(kernel, rows, { inputs, width, latent, seed: 0 });
    const noise = { input: floats(input), code: floats(code) };
    trainer.parameters.set(floats(initial));
    const terms = trainer.gradients(rows, noise, settings);
    const gradient = text(trainer.gradient);
    for (let step = 0; step < steps; step++) {
        trainer.gradients(rows, noise, settings);
        trainer.update(settings.lr);
    }
    return [terms, gradient, text(trainer.parameters)];
}"""


@pytest.fixture
def both(run, monkeypatch):
    """both(shape, settings, steps): torch's and our terms, gradient and trained weights."""

    def compare(shape, settings, steps=0, lr=3e-3):
        inputs, _, latent = shape
        start = initial(*shape, SHAPES[shape])
        x = torch.rand(B, inputs) * (torch.rand(B, inputs) > 0.6)
        noise = {inputs: torch.randn(B, inputs), latent: torch.randn(B, latent)}
        monkeypatch.setattr(torch, "randn_like", lambda like: noise[like.shape[1]])

        parameters = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([parameters], lr=lr)
        terms = loss(parameters, shape, x, settings)
        (gradient,) = torch.autograd.grad(terms["loss"], parameters)
        for _ in range(steps):
            optimizer.zero_grad()
            loss(parameters, shape, x, settings)["loss"].backward()
            optimizer.step()
        arrays = map(text, (start, x, noise[inputs], noise[latent]))
        ours = run(TRAIN, [shape, {**settings, "lr": lr}, *arrays, steps])
        terms = {name: value.item() for name, value in terms.items()}
        return (
            (terms, gradient, parameters.detach()),
            (ours[0], floats(ours[1]), floats(ours[2])),
            start,
        )

    return compare


def name(value) -> str:
    values = value.values() if isinstance(value, dict) else value
    return "-".join(map(str, values))


@pytest.mark.parametrize("settings", OBJECTIVES + EXTREMES, ids=name)
@pytest.mark.parametrize("shape", SHAPES, ids=name)
def test_loss_and_gradients_are_those_of_torch(both, shape, settings):
    (terms, gradient, _), (our_terms, our_gradient, _), _ = both(shape, settings)
    assert our_terms == pytest.approx(terms, rel=1e-4)
    inputs, width, latent = shape
    sizes = (inputs + 1) * width, (width + 1) * 2 * latent, (latent + 1) * width
    for ours, theirs in zip(
        our_gradient.split([*sizes, len(gradient) - sum(sizes)]),
        gradient.split([*sizes, len(gradient) - sum(sizes)]),
    ):
        assert (ours - theirs).norm() <= 1e-4 * theirs.norm()


@pytest.mark.parametrize("settings", OBJECTIVES, ids=name)
@pytest.mark.parametrize("shape", SHAPES, ids=name)
def test_a_hundred_steps_of_adam_end_at_the_weights_of_torch(both, shape, settings):
    """The same to 1e-6, mostly. Where a gradient is nearly zero, rounding decides the sign
    of a step of Adam, and where a ReLU's input is, if it is on: the runs part there."""
    (_, _, theirs), (_, _, ours), start = both(shape, settings, steps=100)
    assert (theirs - start).abs().max() > 0.05
    assert (ours - theirs).abs().median() < 1e-5
    assert (ours - theirs).norm() < 0.01 * (theirs - start).norm()


# --- the kernel ---------------------------------------------------------------------------


def test_exp_and_log_are_exact_to_float32(run):
    x = np.linspace(-86.99, 88, 20_001, dtype="float32")
    y = np.geomspace(1.2e-38, 3e38, 20_001).astype("float32")
    y = np.concatenate([y, np.linspace(0.5, 2, 20_001, dtype="float32")])
    evaluate = "([name, numbers]) => text(floats(numbers).map(kernel[name]))"
    for function, numbers in (("exp", x), ("log", y)):
        exact = getattr(np, function)(numbers.astype("float64"))
        ours = floats(run(evaluate, [function, text(numbers)])).double().numpy()
        assert np.all(np.abs(ours - exact) <= 3e-7 * np.abs(exact)), function
    limits = run(evaluate, ["exp", text([-1e30, -88, 0, 89, 1e4, math.inf, math.nan])])
    expected = [0, 0, 1, math.inf, math.inf, math.inf, math.nan]
    assert np.array_equal(floats(limits).numpy(), np.float32(expected), equal_nan=True)


BERNOULLI = """([data, logits]) => {
    const at = (kernel.__heap_base.value + 15) & ~15, memory = kernel.memory.buffer;
    const [x, y, d] = [0, 1, 2].map((i) => new Float32Array(memory, at + 16 * i, 4));
    x.fill(data);
    return logits.map((logit) => {
        y.fill(logit);
        const nats = kernel.bernoulli(at, at + 16, at + 32, 4, 0.5) / 4;
        return [nats, ...new Set(d)];
    });
}"""


def test_the_bernoulli_likelihood_of_extreme_logits(run):
    """150 is e^150 to one: neither infinite nor NaN, as in torch."""
    logits = torch.tensor([-150, -88, -20, -3, -1e-3, 0, 1e-3, 0.7, 3, 20, 88, 150])
    for x in (0, 0.3, 1):
        y = logits.double().requires_grad_()
        nats = F.binary_cross_entropy_with_logits(
            y, torch.full_like(y, x), reduction="none"
        )
        nats.sum().backward()
        ours = torch.tensor(run(BERNOULLI, [x, logits.tolist()])).double()
        assert torch.allclose(ours[:, 0], nats.detach(), rtol=1e-6, atol=3e-7)
        assert torch.allclose(ours[:, 1], y.grad / 2, rtol=1e-6, atol=1e-7)


def test_the_plain_kernel_of_the_benchmark_trains_the_same_network(run):
    source = (ROOT / "benchmarks" / "live_training.js").read_text("utf-8")
    plain, ours = run(
        """async (source) => {
            const url = `data:text/javascript,${encodeURIComponent(source)}`;
            const { plainKernel } = await import(url), uniform = engine.makeUniform(0);
            const data = new Float32Array(300 * 30).map(uniform);
            return [plainKernel(), kernel].map((one) => {
                const shape = { inputs: 30, width: 18, latent: 2, seed: 0 };
                const trainer = engine.makeTrainer(one, data, shape);
                const settings = { objective: "vae", lr: 3e-3, beta: 1, spread: 0 };
                for (let step = 0; step < 50; step++) trainer.step(settings);
                return text(trainer.parameters);
            });
        }""",
        source,
    )
    assert plain != ours
    assert torch.allclose(floats(plain), floats(ours), rtol=0, atol=1e-5)


# --- random numbers ---------------------------------------------------------------------


def test_random_numbers_are_normal_and_independent(run):
    """Of consecutive seeds too: initial weights, batches and noise have one each."""
    n = 100_000
    draw = "([seed, n]) => text(engine.makeNormal(seed, kernel.log)(new Float32Array(n)))"
    streams = [floats(run(draw, [seed, n])).double() for seed in (0, 1, 2, 3, 2**32 - 1)]
    for x in streams:  # means of n numbers: within four standard errors
        for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3)):
            values = x**power
            assert abs(values.mean() - moment) < 4 * values.std() / n**0.5
        for lag in (1, 2, 3, 64):
            assert abs((x[lag:] * x[:-lag]).mean()) < 4 / n**0.5
            assert abs((x[lag:] ** 2 * x[:-lag] ** 2).mean() - 1) < 4 * 8**0.5 / n**0.5
    for x, y in pairwise(streams):
        assert abs((x * y).mean()) < 4 / n**0.5


def test_the_batches_of_an_epoch_are_all_points_in_a_new_order(run):
    n = 3 * B + 5
    epochs = run(
        """([n, batches]) => {
            const next = engine.makeBatches(n, 7);
            return Array.from({ length: batches }, () => [...next()]);
        }""",
        [n, 300 * 3],
    )
    epochs = np.array(epochs).reshape(300, 3 * B)
    assert all(len(set(epoch)) == 3 * B for epoch in epochs)
    assert not np.array_equal(epochs[0], epochs[1])
    counts = np.bincount(epochs.flatten(), minlength=n)  # five at random are left out
    assert counts.min() > 300 - 30 and counts.max() <= 300
    places = epochs.argsort(axis=1)[:, :B] // B  # the batch of the point
    assert abs(np.corrcoef(places[:-1].flatten(), places[1:].flatten())[0, 1]) < 0.03


def test_initial_weights_are_uniform_as_in_torch(run):
    shape = {"inputs": 196, "width": 64, "latent": 2, "seed": 3}
    layers, parameters = run(
        """(shape) => {
            const trainer = engine.makeTrainer(kernel, new Float32Array(64 * 196), shape);
            return [trainer.layers, text(trainer.parameters)];
        }""",
        shape,
    )
    parameters = floats(parameters)
    assert len(parameters) == layers[-1]["at"] + 65 * 196
    for layer in layers:
        n, m, at = layer["n"], layer["m"], layer["at"]
        values = parameters[at : at + n * m + m] * n**0.5  # within [−1, 1]
        assert 0.97 < values.abs().max() <= 1
        error = len(values) ** -0.5  # a bit more than two standard errors of the mean
        assert abs(values.mean()) < 2 * error
        assert abs(values.square().mean() - 1 / 3) < error


# --- the same seed gives the same run ---------------------------------------------------

# Of weights after 300 steps, the same in Chromium, Firefox and WebKit
# (docs/live_training.md). If one changes, a stored state such as `seed=5&steps=300` does
# not restore the run that it was taken from.
FINGERPRINTS = {
    "ae": "eda030cdbdd14700",
    "sparse-0.3": "50671ffc9f0ce0bf",
    "denoising-0.4": "910c7cc4287fb43b",
    "probabilistic-0.7": "842dd47868428d7f",
    "regularized-0.7-0.3": "9af2201ca72f3a2f",
    "vae-2-0": "5fc1092c03a39c25",
    "vae-2-0.5": "f0e17f3bd0974f73",
}
FINGERPRINT = """(settings) => {
    const shape = { inputs: 30, width: 20, latent: 2, seed: 5 };
    const uniform = engine.makeUniform(1);
    const data = new Float32Array(30 * 500).map(() => Math.max(0, 2 * uniform() - 1));
    const trainer = engine.makeTrainer(kernel, data, shape);
    for (let step = 0; step < 300; step++) trainer.step(settings);
    return text(trainer.parameters);
}"""


@pytest.mark.parametrize("settings", OBJECTIVES, ids=name)
def test_the_same_seed_gives_the_same_bits_in_every_browser(run, settings):
    first, second = (run(FINGERPRINT, {**settings, "lr": 3e-3}) for _ in range(2))
    assert first == second
    digest = hashlib.sha256(base64.b64decode(first)).hexdigest()[:16]
    assert digest == FINGERPRINTS[name(settings)]


# In the worker: one run of 250 steps that is changed by hand, and one that replays it.
RESTORE = """async (data) => {
    const shape = { inputs: 5, width: 20, latent: 2, seed: 4 }, changes = [
        [0, { objective: "ae", lr: 3e-3, lam: 0.1, sigma: 0.5, beta: 1, spread: 0 }],
        [100, { objective: "vae" }], [130, { beta: 4, lr: 1e-3 }]];
    const view = { window: 2, shown: [0], extent: null, speed: 0 };
    const train = floats(data);
    async function run(changed, steps, then) {
        const worker = makeWorker(), stopped = () => new Promise((done) => {
            worker.onmessage = ({ data }) => data.type === "stopped" && done(data);
        });
        let last = stopped();
        const data = { train, test: train.slice(0, 50) };
        worker.postMessage({ type: "start", kernel: kernelBytes, shape, data, view, steps,
            changes: changed, parameters: null });
        for (const [settings, more] of then) {
            await last;
            last = stopped();
            if (settings) worker.postMessage({ type: "change", settings });
            worker.postMessage({ type: "run", steps: more });
        }
        const result = await last;
        worker.terminate();
        return { ...result, parameters: text(result.parameters) };
    }
    const byHand = [[changes[1][1], 30], [changes[2][1], 110], [null, 10]];
    return Promise.all([run(changes.slice(0, 1), 100, byHand), run(changes, 250, [])]);
}"""


def test_a_run_is_restored_from_its_seed_and_its_changes(run):
    by_hand, replayed = run(RESTORE, text(torch.rand(300 * 5)))
    assert by_hand["step"] == 250
    assert by_hand == replayed


# --- what is not finite -----------------------------------------------------------------


@pytest.mark.parametrize("bad", ["data", "weights", "variance"])
def test_a_loss_that_is_not_finite_raises_before_the_weights_change(run, bad):
    unchanged, error = run(
        """(bad) => {
            const data = new Float32Array(64 * 5).fill(0.5), settings = { objective: "vae",
                lr: 1e-3, beta: 1, spread: 0 };
            if (bad === "data") data[7] = NaN;
            const trainer = engine.makeTrainer(kernel, data,
                { inputs: 5, width: 6, latent: 1, seed: 0 });
            const { layers: [, head], parameters } = trainer;
            if (bad === "weights") parameters.fill(3e38);
            if (bad === "variance") parameters[head.at + 6 * 2 + 1] = 250; // log σ²
            const before = text(parameters);
            try {
                trainer.step(settings);
            } catch (e) {
                return [before === text(parameters), e.name];
            }
            return [false, "none"];
        }""",
        bad,
    )
    assert (unchanged, error) == (True, "RangeError")


def test_layers_too_wide_for_the_kernel_and_too_few_points_are_refused(run):
    make = """([inputs, width, points]) => {
        try {
            const data = new Float32Array(inputs * points);
            engine.makeTrainer(kernel, data, { inputs, width, latent: 1, seed: 0 });
            return "";
        } catch (error) {
            return error.message;
        }
    }"""
    assert run(make, [4096, 2, B]) == run(make, [2, 4096, B]) == ""
    for sizes in ([4097, 2, B], [2, 4097, B]):
        assert run(make, sizes) == "a layer is wider than 4096"
    assert run(make, [2, 3, B - 1]) == "there are less than 64 points"


# --- log p(x) and the ELBO --------------------------------------------------------------

EVIDENCE = """([shape, settings, data, points, stretch]) => {
    const [inputs, width, latent] = shape, rows = floats(data), numbers = floats(points);
    const trainer = engine.makeTrainer(kernel, rows, { inputs, width, latent, seed: 1 });
    for (let step = 0; step < 1500; step++) trainer.step(settings);
    const { parameters, layers: [, head, next] } = trainer; // the same x̂ from farther codes
    for (let i = 0; i < head.m * (width + 1); i++) {
        if (i % head.m < latent) parameters[head.at + i] *= stretch;
    }
    for (let i = 0; i < latent * width; i++) parameters[next.at + i] /= stretch;
    const xs = Array.from({ length: numbers.length / inputs }, (_, i) =>
        numbers.subarray(i * inputs, (i + 1) * inputs));
    return [text(trainer.parameters), engine.logEvidence(trainer, xs, settings.spread),
        engine.elbos(trainer, xs, settings.spread),
        engine.logEvidence(trainer, xs, settings.spread, 0)];
}"""


@pytest.mark.parametrize(
    "shape, stretch, spread, lattice",
    [
        ((30, 20, 2), 1, 0, PLANE),
        ((60, 20, 1), 6, 0, Lattice(30, 601, 1)),  # codes outside [−5, 5]
        ((7, 20, 1), 1, 0, Lattice(latent_dim=1)),
        ((2, 20, 1), 1, 0.2, Lattice(latent_dim=1)),
    ],
)
def test_log_p_and_elbo_are_those_of_the_course(run, shape, stretch, spread, lattice):
    inputs, _, latent = shape
    z = torch.randn(1000, latent)
    x = (2 * z @ torch.randn(latent, inputs)).sigmoid()
    if spread == 0:
        x = x.bernoulli()
    settings = {"objective": "vae", "lr": 3e-3, "beta": 1, "spread": spread}
    points = x[:6]
    trained, evidence, bounds, hurried = run(
        EVIDENCE, [shape, settings, text(x), text(points), stretch]
    )
    f, g = networks(floats(trained), *shape)
    nll = partial(objectives.gaussian_nll, sigma=spread) if spread else None
    likelihood = {"nll": nll} if nll else {}
    assert evidence["converged"]
    assert not hurried["converged"] and len(hurried["values"]) == len(points)
    exact = log_evidence(g, points, lattice=lattice, **likelihood)

    assert torch.tensor(evidence["values"]) == pytest.approx(exact, abs=0.005)

    draws = torch.stack([elbo(f, g, points, **likelihood) for _ in range(1000)])
    error = draws.std(0) / len(draws) ** 0.5
    ours = torch.tensor([bound["elbo"] for bound in bounds])

    assert ((ours - draws.mean(0)).abs() < 4 * error + 0.01).all()
    assert (ours < torch.tensor(evidence["values"]) + 0.01).all()
    kl = objectives.kl_to_standard_normal(*f(points))
    assert torch.tensor([bound["kl"] for bound in bounds]) == pytest.approx(kl, rel=1e-4)
    for bound in bounds:
        assert bound["elbo"] == pytest.approx(-bound["recon"] - bound["kl"])
