"""How fast the course trains: beside what one would use instead, and what the machine can do.

    python benchmarks/training_speed.py             # print the tables
    python benchmarks/training_speed.py --write     # and put them into README.md, the curves
                                                    # into docs
    pip install lightning pythae                    # before it, for the rows of these two

One run, ten to twenty minutes on two cores; leave the machine alone meanwhile. Every loop
trains the same network from the same weights: 784-400-20-400-784, batches of 128, Adam at
1e-3, MNIST's 60 000 digits. The loops take turns, an epoch each, so that what slows the
machine slows all of them; what is shown is the median and the range over their epochs,
nothing left out. The test loss, the same function for all, says what the seconds have
bought.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import math
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import readme
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from course_utils import data
from course_utils.device import choose_device
from course_utils.models import VAE
from course_utils.objectives import vae_loss
from course_utils.training import (
    adam,
    evaluate,
    shuffled_epochs,
    training_epochs,
)

CURVE = readme.README.parent / "docs" / "training_curve.svg"
WIDTHS = (400,)  # of the hidden layers
BATCH, RATE, EPOCHS = 128, 1e-3, 10

# To the same loss sooner. Free are rate, batches, start and precision, not the network.
SOONER = {"epochs": 4, "batch_size": 256, "lr": 1.2e-2}
# And as soon as can be, by hand: batches that grow, an epoch of each; a rate that rises for
# a tenth of the images, then falls to zero.
GROWING, PEAK, RISE = (256, 384, 640, 1280), 1.6e-2, 0.1
SEEDS = 3
# The VAE of notebook 06: its own recipe, a sooner one, and the time for as many epochs as fit.
PLANE_HIDDEN, PLANE_SECONDS = (512, 256), 30
NOTEBOOK = {"batch_size": 500, "lr": 6e-3}
PLANE = {"batch_size": 256, "lr": 6e-3}

Epochs = Iterator[object]  # each step of it trains one epoch


# --- the loops ------------------------------------------------------------------------


def ours(images: Tensor, model: VAE, epochs: int) -> Epochs:
    """``training_epochs``, as the notebooks call it: its rate rises to RATE, then falls."""
    return training_epochs(
        model, vae_loss, images, epochs=epochs, batch_size=BATCH, lr=RATE
    )


def ours_held(images: Tensor, model: VAE, epochs: int) -> Epochs:
    """The loop inside ``training_epochs`` with the rate held: the same work as the others."""
    optimizer = adam(model.parameters(), lr=RATE)

    def update(terms: dict[str, Tensor]) -> None:
        optimizer.zero_grad()
        terms["loss"].backward()
        optimizer.step()

    objective = partial(vae_loss, model.encoder, model.decoder)
    return shuffled_epochs(objective, update, (images,), epochs, BATCH)


def by_hand(
    images: Tensor,
    model: VAE,
    batch_sizes: Sequence[int],
    rate: Callable[[float], float],
    dtype: torch.dtype = torch.float32,
) -> Epochs:
    """Without autograd: how fast a loop for this one network can be, hard to read as it is.

    An epoch for each batch size; ``rate`` is the learning rate at a share of all images.
    All weights are one vector, so that Adam is one operation, and rounding them another.
    """
    parameters = list(model.parameters())
    weights = nn.utils.parameters_to_vector(parameters).detach()
    nn.utils.vector_to_parameters(weights, parameters)  # now they are its parts
    weights.grad = torch.empty_like(weights)
    for parameter, part in zip(parameters, parts(weights.grad, parameters)):
        parameter.grad = part
    optimizer = adam([weights])
    images = images.to(dtype)  # once: batches of half the bytes are gathered sooner
    done = 0
    for size in batch_sizes:
        for batch in torch.randperm(len(images), device=images.device).split(size):
            optimizer.param_groups[0]["lr"] = rate(done / len(images) / len(batch_sizes))
            x = images.index_select(0, batch)
            write_gradients(x, weights, parameters)
            optimizer.step()
            done += len(batch)
        yield


def parts(vector: Tensor, parameters: list[Tensor]) -> list[Tensor]:
    """Views of a vector, of the parameters' shapes."""
    pieces = vector.split([parameter.numel() for parameter in parameters])
    return [piece.view_as(shape) for piece, shape in zip(pieces, parameters)]


@torch.no_grad()
def write_gradients(x: Tensor, weights: Tensor, parameters: list[Tensor]) -> None:
    """Those of ``vae_loss`` into ``weights.grad``, products in the dtype of x; no loss."""
    w1, b1, w_mu, b_mu, w_var, b_var, w3, b3, w4, b4 = parts(
        weights.to(x.dtype), parameters
    )
    hidden = F.linear(x, w1, b1).relu_()
    mu = F.linear(hidden, w_mu, b_mu).float()
    logvar = F.linear(hidden, w_var, b_var).float()
    sigma, eps = torch.exp(0.5 * logvar), torch.randn_like(mu)
    z = (mu + sigma * eps).to(x.dtype)
    other = F.linear(z, w3, b3).relu_()
    logits = F.linear(other, w4, b4)

    to_logits = logits.sigmoid_().sub_(x)
    to_other = (to_logits @ w4).mul_(other.sign())
    to_z = (to_other @ w3).float()
    to_mu = (to_z + mu).to(x.dtype)
    to_logvar = (0.5 * (to_z * sigma * eps + sigma.square() - 1)).to(x.dtype)
    to_hidden = (to_mu @ w_mu).addmm_(to_logvar, w_var).mul_(hidden.sign())
    inputs = (x, hidden, hidden, z, other)
    slopes = (to_hidden, to_mu, to_logvar, to_other, to_logits)
    gradients = parts(weights.grad, parameters)
    for i, (x_in, slope) in enumerate(zip(inputs, slopes)):
        gradients[2 * i].copy_(slope.T @ x_in)
        gradients[2 * i + 1].copy_(slope.sum(0))


def by_hand_held(images: Tensor, model: VAE, epochs: int) -> Epochs:
    """The same steps as the others', but for the loss, which is not computed."""
    return by_hand(images, model, [BATCH] * epochs, lambda done: RATE)


def usual_loss(model: VAE, x: Tensor) -> Tensor:
    """Cross entropy of the pixels plus KL, summed over the batch, as most people write it."""
    mu, logvar = model.encoder(x)
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    x_hat = torch.sigmoid(model.decoder(z))
    bce = F.binary_cross_entropy(x_hat, x, reduction="sum")
    return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


def usual(dataset: Dataset, model: VAE, epochs: int) -> Epochs:
    """The loop of pytorch/examples' VAE, written afresh: a DataLoader hands out the batches."""
    device = next(model.parameters()).device
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    for _ in range(epochs):
        total = 0.0
        for x, _ in loader:
            x = x.to(device).view(-1, 784)
            optimizer.zero_grad()
            loss = usual_loss(model, x)
            loss.backward()
            total += loss.item()
            optimizer.step()
        yield total / len(dataset)


def lightning_loop(dataset: Dataset, model: VAE, epochs: int) -> Epochs:
    """Lightning's Trainer with a DataLoader; no logs, checkpoints and bars, which cost time."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.optimizer = torch.optim.Adam(model.parameters(), lr=RATE)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return self.optimizer  # kept from one epoch, here a fit, to the next

        def training_step(self, batch: list[Tensor], _: int) -> Tensor:
            return usual_loss(self.model, batch[0].view(-1, 784))

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    device = next(model.parameters()).device
    module = Module()
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True)
    for _ in range(epochs):
        trainer = lightning.Trainer(
            accelerator={"cuda": "gpu"}.get(device.type, device.type),
            devices=1,
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, loader)
        model.to(device)  # Lightning hands it back on the CPU
        yield


def pythae_loop(dataset: Dataset, model: VAE, epochs: int) -> Epochs:
    """pythae's trainer and its VAE, with this network as its encoder and decoder."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE as PythaeVAE
    from pythae.models import VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model.encoder

        def forward(self, x: Tensor) -> ModelOutput:
            mu, logvar = self.inner(x)
            return ModelOutput(embedding=mu, log_covariance=logvar)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model.decoder

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=torch.sigmoid(self.inner(z)))

    logging.getLogger("pythae").setLevel(logging.ERROR)
    config = VAEConfig(input_dim=(784,), latent_dim=20, reconstruction_loss="bce")
    trainer = BaseTrainer(
        PythaeVAE(config, Encoder(), Decoder()),
        BaseDataset(*dataset.tensors),
        training_config=BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(),
            num_epochs=epochs,
            per_device_train_batch_size=BATCH,
            learning_rate=RATE,
            no_cuda=next(model.parameters()).device.type == "cpu",
        ),
    )
    trainer.prepare_training()
    trainer.callback_handler.callbacks.clear()  # its bars, which cost time too
    for epoch in range(1, epochs + 1):
        yield trainer.train_step(epoch)


def floor(
    images: int,
    device: torch.device,
    batch_size: int = BATCH,
    width: int = WIDTHS[0],
    dtype: torch.dtype = torch.float32,
) -> Callable[[], None]:
    """The bare matrix products of one epoch: three a layer, one less where no gradient goes."""
    layers = [(784, width), (width, 20), (width, 20), (20, width), (width, 784)]
    make = partial(torch.randn, device=device, dtype=dtype)
    products = [
        (make(batch_size, n_in), make(n_out, n_in), make(batch_size, n_out))
        for n_in, n_out in layers
    ]

    def epoch() -> None:
        for _ in range(math.ceil(images / batch_size)):
            for layer, (x, weight, gradient) in enumerate(products):
                x @ weight.T  # forward
                gradient.T @ x  # to the weights
                if layer:
                    gradient @ weight  # to the layer before

    return epoch


def adam_alone(images: int, device: torch.device) -> Callable[[], None]:
    """The updates of one epoch and nothing else; every gradient stays as it is."""
    model = new_model(device)
    for weight in model.parameters():
        weight.grad = torch.randn_like(weight)
    optimizer = adam(model.parameters(), lr=RATE)

    def epoch() -> None:
        for _ in range(math.ceil(images / BATCH)):
            optimizer.step()

    return epoch


def copies_alone(images: Tensor) -> Callable[[], None]:
    """The shuffled batches of one epoch, which nobody reads."""

    def epoch() -> None:
        for batch in torch.randperm(len(images), device=images.device).split(BATCH):
            images.index_select(0, batch)

    return epoch


def loops(
    images: Tensor, digits: Dataset, device: torch.device
) -> dict[str, Callable[[VAE, int], Epochs] | None]:
    """Name of a row -> its epochs, for a model and their number; None if not installed."""
    resident = images.to(device)
    in_memory = TensorDataset(images.cpu(), torch.zeros(len(images)))
    rows = {
        "ours, `training_epochs`": partial(ours, resident),
        "ours, learning rate held": partial(ours_held, resident),
        "gradients by hand, no loss": partial(by_hand_held, resident),
        USUAL: partial(usual, digits),
        "its loop with a `TensorDataset`": partial(usual, in_memory),
    }
    peers = {"lightning": lightning_loop, "pythae.trainers": pythae_loop}
    for module, loop in peers.items():
        name = f"{module.split('.')[0]}, `TensorDataset`"
        try:
            importlib.import_module(module)  # now, so that no epoch pays for it
            rows[name] = partial(loop, in_memory)
        except ImportError:
            rows[name] = None
    return rows


USUAL = "pytorch/examples, torchvision's MNIST"
FLOOR = "the floor: matrix products alone"
ADAM, COPIES = "Adam's updates alone", "the batches' copies alone"


# --- an epoch -------------------------------------------------------------------------


@dataclass
class Run:
    """What a loop took for each of its epochs, and the test loss after each."""

    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Seconds until the work is done, on the device too."""
    start = time.perf_counter()
    work()
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()
    return time.perf_counter() - start


def test_loss(model: VAE, test: Tensor) -> float:
    """−ELBO in nats per image, the same draws for every model; the seed's state is kept."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return evaluate(model, vae_loss, test)["loss"]


def new_model(device: torch.device, latent_dim: int = 20, hidden=WIDTHS, seed=0) -> VAE:
    torch.manual_seed(seed)
    return VAE(784, latent_dim, hidden).to(device)


def take_turns(
    images: Tensor, digits: Dataset, test: Tensor, device: torch.device, epochs: int
) -> dict[str, Run | None]:
    """Every loop, the floor and other parts of a loop, an epoch each in turn.

    A test loss after every epoch of a loop.
    """
    rows = loops(images, digits, device)
    parts = {
        FLOOR: floor(len(images), device),
        ADAM: adam_alone(len(images), device),
        COPIES: copies_alone(images.to(device)),
    }
    runs = {name: Run() if make else None for name, make in (rows | parts).items()}
    models = {name: new_model(device) for name in rows}
    steps = {name: make(models[name], epochs) for name, make in rows.items() if make}
    for epoch in parts.values():
        epoch()  # the first time costs more
    for _ in range(epochs):
        for name, epoch in parts.items():
            runs[name].seconds.append(timed(epoch, device))
        for name, step in steps.items():
            runs[name].seconds.append(timed(partial(next, step), device))
            runs[name].losses.append(test_loss(models[name], test.to(device)))
    return runs


def spread(values: Iterable[float], digits: int = 2) -> str:
    """The median, and the range in brackets."""
    values = list(values)
    low, mid, high = min(values), statistics.median(values), max(values)
    return f"{mid:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def over(run: Run, other: Run) -> str:
    """The median of the ratios of turns, each of two neighbors in time."""
    return f"{statistics.median(a / b for a, b in zip(run.seconds, other.seconds)):.2f}"


def epoch_table(runs: dict[str, Run | None], device: torch.device) -> str:
    own = next(iter(runs.values()))
    epochs = len(own.seconds)
    lines = [
        f"| an epoch on {device.type} | s (range) | ÷ ours | ÷ floor | test loss, {epochs} |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, run in runs.items():
        if run is None:
            lines.append(f"| {name} | not installed | – | – | – |")
            continue
        loss = f"{run.losses[-1]:.2f}" if run.losses else "–"
        ratios = f"{over(run, own)} | {over(run, runs[FLOOR])}"
        lines.append(f"| {name} | {spread(run.seconds)} | {ratios} | {loss} |")
    return "\n".join(lines)


# --- time to quality ------------------------------------------------------------------


def half_loss(encoder: nn.Module, decoder: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """``vae_loss`` with the networks' products in bfloat16; weights and sums stay float32."""
    half = partial(torch.autocast, x.device.type, torch.bfloat16)

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        with half():
            mu, logvar = encoder(x)
        return mu.float(), logvar.float()

    def decode(z: Tensor) -> Tensor:
        with half():
            logits = decoder(z)
        return logits.float()

    return vae_loss(encode, decode, x)


def growing(images: Tensor, model: VAE) -> Epochs:
    """The recipe GROWING, its gradients by hand and its products in bfloat16."""

    def rate(done: float) -> float:
        return PEAK * min(done / RISE, (1 - done) / (1 - RISE))

    return by_hand(images, model, GROWING, rate, torch.bfloat16)


PRECISIONS = {"float32": vae_loss, "bfloat16": half_loss}


def start_at_the_mean(model: VAE, images: Tensor) -> None:
    """The last layer's bias such that the first images drawn are the mean of all."""
    with torch.no_grad():
        model.decoder[-1].bias.copy_(torch.logit(images.mean(0), eps=1e-3))


def follow(model: VAE, steps: Epochs, test: Tensor, device: torch.device) -> Run:
    """Train to the end; the seconds of each epoch and the test loss after it."""
    run = Run()
    while True:
        try:
            run.seconds.append(timed(partial(next, steps), device))
        except StopIteration:
            return run
        run.losses.append(test_loss(model, test))


def recipes(images: Tensor) -> dict[str, Callable[[VAE], Epochs]]:
    """Name of a row -> its epochs, for a model."""
    train = partial(training_epochs, data=images, **SOONER)
    rows = {
        f"`{settings(SOONER)}`, {precision}": partial(train, objective=objective)
        for precision, objective in PRECISIONS.items()
    }
    sizes = ", ".join(map(str, GROWING))
    return rows | {f"batches of {sizes}, by hand, bfloat16": partial(growing, images)}


def sooner(images: Tensor, test: Tensor, device: torch.device) -> dict[str, list[Run]]:
    """The same network by other recipes; for each of them a Run from every seed."""
    images, test = images.to(device), test.to(device)
    makes = recipes(images)
    runs = {name: [] for name in makes}
    for seed in range(SEEDS):
        for name, make in makes.items():
            model = new_model(device, seed=seed)
            start_at_the_mean(model, images)
            runs[name].append(follow(model, make(model), test, device))
    return runs


def floors(images: int, device: torch.device) -> dict[str, Run]:
    """The matrix products of these recipes, and nothing else."""
    same = [SOONER["batch_size"]] * SOONER["epochs"]
    runs = {}
    for what, sizes, dtype in [
        (f"`{settings(SOONER)}`, float32", same, torch.float32),
        (f"`{settings(SOONER)}`, bfloat16", same, torch.bfloat16),
        ("growing batches, bfloat16", GROWING, torch.bfloat16),
    ]:
        epochs = [floor(images, device, size, dtype=dtype) for size in sizes]
        epochs[0]()  # the first time costs more
        runs[f"matrix products alone: {what}"] = Run([timed(one, device) for one in epochs])
    return runs


def plane(images: Tensor, test: Tensor, device: torch.device) -> dict[str, Run]:
    """The VAE of notebook 06 by its own recipe and by PLANE: as much as PLANE_SECONDS hold.

    An epoch beforehand says how many fit.
    """
    images, test = images.to(device), test.to(device)
    trials = {f"`{settings(NOTEBOOK)}`, as there": (False, vae_loss, NOTEBOOK)}
    for precision, objective in PRECISIONS.items():
        trials[f"`{settings(PLANE)}`, {precision}"] = True, objective, PLANE
    runs = {}
    for name, (at_the_mean, objective, recipe) in trials.items():
        seconds = math.inf
        for epochs in (1, None):
            model = new_model(device, 2, PLANE_HIDDEN)
            if at_the_mean:
                start_at_the_mean(model, images)
            epochs = epochs or max(1, int(0.95 * PLANE_SECONDS / seconds))
            steps = training_epochs(model, objective, images, epochs=epochs, **recipe)
            run = follow(model, steps, test, device)
            seconds = run.seconds[0]
        runs[name] = run
    return runs


def quality_table(
    theirs: Run,
    recipes: dict[str, list[Run]],
    floors: dict[str, Run],
    flat: dict[str, Run],
    device: torch.device,
) -> str:
    """Seconds of training, without those of the test losses in between.

    Of theirs as many median epochs: one that something else has slowed would flatter us.
    """
    target = theirs.losses[-1]
    needed = len(theirs.seconds) * statistics.median(theirs.seconds)

    def row(name: str, run: Run, gain: str, passed: float | None = None) -> str:
        passed = passed or sum(run.seconds)
        loss = f"{run.losses[-1]:.2f}" if run.losses else "–"
        return f"| {name} | {len(run.seconds)} | {passed:.1f} | {loss} | {gain} |"

    def sooner(run: Run) -> str:
        return f"{needed / sum(run.seconds):.1f}"

    lines = [
        f"| time to quality on {device.type} | epochs | s | test loss | times sooner |",
        "|---|---:|---:|---:|---:|",
        row(USUAL, theirs, "1", needed),
    ]
    for name, runs in recipes.items():
        for seed, run in enumerate(runs):
            gain = sooner(run) if run.losses[-1] <= target else "not reached"
            lines.append(row(f"{name}, seed {seed}", run, gain))
    lines += [row(name, run, sooner(run)) for name, run in floors.items()]
    lines += [row(f"notebook 06's, {name}", run, "–") for name, run in flat.items()]
    return "\n".join(lines)


def settings(recipe: dict[str, float]) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in recipe.items())


def draw_curves(
    runs: dict[str, Run | None], recipes: dict[str, list[Run]], flat: dict[str, Run]
) -> None:
    """Test loss against seconds of training: the loops, the recipe, and the plane of 06."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    # The same curves, the same file; the reader's font.
    plt.rcParams.update({"svg.hashsalt": "course", "svg.fonttype": "none"})
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 5.4), layout="constrained")
    shown = {name: run for name, run in runs.items() if run and run.losses}
    shown |= {name: some[0] for name, some in recipes.items()}
    for axes, curves in [(left, shown), (right, flat)]:
        for name, run in curves.items():
            seconds = torch.tensor(run.seconds).cumsum(0)
            axes.plot(seconds, run.losses, ".-", label=name.replace("`", ""))
        axes.set(xlabel="seconds of training", ylabel="test loss, nats per image")
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.15)}
        axes.legend(fontsize=8, frameon=False, **below)
    target = runs[USUAL].losses[-1]
    left.axhline(target, color="gray", lw=0.8, ls=":")
    left.set(xscale="log", ylim=(target - 2, target + 30), title="784-400-20-400-784")
    left.set_xticks([2, 5, 10, 20, 50, 100], labels=[2, 5, 10, 20, 50, 100], minor=False)
    right.set(title="784-512-256-2-256-512-784, notebook 06", xlim=(0, None))
    figure.savefig(CURVE, metadata={"Date": None})
    plt.close(figure)


# --- scaling --------------------------------------------------------------------------


def turns(device: torch.device, **case: int) -> list[Callable[[], float]]:
    """An epoch of ours and of the floor, each telling its µs per image; random images."""
    case = {
        "batch_size": BATCH,
        "width": WIDTHS[0],
        "threads": torch.get_num_threads(),
    } | case
    images = torch.rand(6 * 2048, 784, device=device)
    size, width = case["batch_size"], case["width"]
    model = new_model(device, hidden=(width,))
    steps = training_epochs(model, vae_loss, images, epochs=10**6, batch_size=size, lr=RATE)

    def measure(work: Callable[[], object]) -> float:
        before = torch.get_num_threads()
        torch.set_num_threads(case["threads"])
        passed = timed(work, device)
        torch.set_num_threads(before)
        return 1e6 * passed / len(images)

    works = partial(next, steps), floor(len(images), device, size, width)
    return [partial(measure, work) for work in works]


def scaling_table(device: torch.device, repeats: int = 7) -> str:
    """One setting changed at a time, all of them in turn; the first turn warms up."""
    cases = [{"batch_size": n} for n in (32, 64, 128, 256, 512, 1024, 2048)]
    cases += [{"width": n} for n in (100, 200, 400, 800, 1600)]
    if device.type == "cpu":
        cases += [{"threads": n} for n in sorted({1, torch.get_num_threads()})]
    measures = [turns(device, **case) for case in cases]
    costs = [[[one() for one in pair] for pair in measures] for _ in range(1 + repeats)]
    lines = [
        f"| what changes, on {device.type} | µs per image (range) | the floor | ÷ floor |",
        "|---|---:|---:|---:|",
    ]
    for case, pairs in zip(cases, zip(*costs[1:])):
        own, least = zip(*pairs)
        ratio = statistics.median(a / b for a, b in pairs)
        name = settings(case).replace("_", " ").replace("=", " ")
        lines.append(f"| {name} | {spread(own, 1)} | {spread(least, 1)} | {ratio:.2f} |")
    return "\n".join(lines)


def memory(peak: bool) -> float:
    """MB this process holds in main memory, now or at most so far; NaN but on Linux."""
    status = Path("/proc/self/status")
    wanted = "VmHWM" if peak else "VmRSS"
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1e3 for line in lines if wanted in line), math.nan)


def train_many(n: int) -> tuple[float, float, float]:
    """For a process of its own: µs per image, MB of the n images, MB beyond an idle torch.

    Two epochs of random images on the CPU; the second is timed. A few images are trained
    before, so that what torch loads and keeps at its first step does not count.
    """
    cpu = torch.device("cpu")
    few = torch.rand(256, 784)
    for _ in training_epochs(new_model(cpu), vae_loss, few, epochs=1):
        pass
    before = memory(peak=False)
    images = torch.rand(n, 784)
    steps = training_epochs(new_model(cpu), vae_loss, images, epochs=2, batch_size=BATCH)
    next(steps)
    cost = 1e6 * timed(partial(next, steps), cpu) / n
    return cost, images.nbytes / 1e6, memory(peak=True) - before


def size_table(repeats: int = 3) -> str:
    lines = [
        "| images, on cpu | µs per image, median (range) | data | peak memory, with the data |",
        "|---:|---:|---:|---:|",
    ]
    sizes = (6_000, 60_000, 240_000)
    figures = {n: [] for n in sizes}
    for _ in range(repeats):
        for n in sizes:
            with ProcessPoolExecutor(1, get_context("spawn")) as one:
                figures[n].append(one.submit(train_many, n).result())
    for n in sizes:
        costs, held, peaks = zip(*figures[n])
        peak = "–" if math.isnan(peaks[0]) else f"{max(peaks):.0f} MB"
        lines.append(f"| {n} | {spread(costs, 1)} | {held[0]:.0f} MB | {peak} |")
    return "\n".join(lines)


# --- all of it ------------------------------------------------------------------------


def devices() -> list[torch.device]:
    """The CPU, and what the course would choose if that is something else."""
    return list(dict.fromkeys([torch.device("cpu"), choose_device()]))


def mnist_as_users_have_it() -> Dataset:
    """torchvision's MNIST, which turns each image into a tensor when it is asked for."""
    from torchvision import datasets, transforms

    return datasets.MNIST(data.cache_folder(), transform=transforms.ToTensor())


def run(epochs: int = EPOCHS, curves: bool = False) -> str:
    images, test = data.mnist("train")[0], data.mnist("test")[0]
    digits = mnist_as_users_have_it()
    parts = []
    for device in devices():
        runs = take_turns(images, digits, test, device, epochs)
        parts.append(epoch_table(runs, device))
        soon, flat = sooner(images, test, device), plane(images, test, device)
        least = floors(len(images), device)
        parts.append(quality_table(runs[USUAL], soon, least, flat, device))
        parts.append(scaling_table(device))
        if device.type == "cpu":
            parts.append(size_table())
            if curves:
                draw_curves(runs, soon, flat)
    threads = torch.get_num_threads()
    where = f"torch {torch.__version__}, {threads} threads, on {readme.machine()}"
    for device in devices():
        if device.type == "cuda":
            where += f"; cuda: {torch.cuda.get_device_name(device)}"
    return "\n\n".join([*parts, f"{where}.\n"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--write", action="store_true", help="put the tables into README.md"
    )
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"instead of {EPOCHS}")
    options = parser.parse_args()
    text = run(options.epochs, curves=options.write)
    print(text)
    if options.write:
        readme.write("training speed", text)


if __name__ == "__main__":
    main()
