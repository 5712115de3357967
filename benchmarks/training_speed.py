"""Training speed of the course, of other loops, and of the matrix products alone.

    python benchmarks/training_speed.py             # print the tables
    python benchmarks/training_speed.py --write     # and put them into docs/performance.md
    pip install lightning pythae                    # first, for the rows of these two

One run, some ten minutes on two cores with nothing else running. Every loop trains the
same network from the same weights: 784-400-20-400-784, batches of 128, Adam at 1e-3, all of
MNIST. The loops run one epoch each in turn, so that other load affects all of them. The
tables show the median and the range over all epochs, and the test loss, which is the same
function for all.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import math
import shutil
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import docs_table
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from course_utils import data
from course_utils.device import choose_device
from course_utils.models import VAE
from course_utils.objectives import vae_loss
from course_utils.training import adam, evaluate, shuffled_epochs, training_epochs

WIDTH = 400  # of the hidden layers
BATCH, RATE, EPOCHS = 128, 1e-3, 10
# The same loss in less time: another rate, batch size and initial bias; the same network.
FASTER: dict[str, Any] = {"epochs": 4, "batch_size": 256, "lr": 1.2e-2}
SEEDS = 3

USUAL = "pytorch/examples, torchvision's MNIST"
FLOOR = "the floor: matrix products alone"

Epochs = Iterator[object]  # each step of it trains one epoch


# --- the loops ------------------------------------------------------------------------


def ours(images: Tensor, model: VAE, epochs: int) -> Epochs:
    """``training_epochs``, as in the notebooks: the rate rises to RATE, then falls."""
    return training_epochs(
        model, vae_loss, images, epochs=epochs, batch_size=BATCH, lr=RATE
    )


def ours_constant_rate(images: Tensor, model: VAE, epochs: int) -> Epochs:
    """The loop inside ``training_epochs`` with a constant rate, as in the others."""
    optimizer = adam(model.parameters(), lr=RATE)

    def update(terms: dict[str, Tensor]) -> None:
        optimizer.zero_grad()
        terms["loss"].backward()
        optimizer.step()

    objective = partial(vae_loss, model.encoder, model.decoder)
    return shuffled_epochs(objective, update, (images,), epochs, BATCH)


def usual_loss(model: VAE, x: Tensor) -> Tensor:
    """Cross entropy of the pixels plus KL, summed over the batch."""
    mu, logvar = model.encoder(x)
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    x_hat = torch.sigmoid(model.decoder(z))
    bce = F.binary_cross_entropy(x_hat, x, reduction="sum")
    return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


def usual(dataset: Any, model: VAE, epochs: int) -> Epochs:
    """The loop of pytorch/examples' VAE, rewritten: a DataLoader makes the batches."""
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


def lightning_loop(dataset: TensorDataset, model: VAE, epochs: int) -> Epochs:
    """Lightning's Trainer with a DataLoader; without logs, checkpoints and bars."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.optimizer = torch.optim.Adam(model.parameters(), lr=RATE)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return self.optimizer  # the same one in each fit, which is one epoch

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
        model.to(device)  # Lightning moves it to the CPU
        yield None


def pythae_loop(dataset: TensorDataset, model: VAE, epochs: int) -> Epochs:
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
    trainer.callback_handler.callbacks.clear()  # without progress bars
    for epoch in range(1, epochs + 1):
        yield trainer.train_step(epoch)


def floor(images: int, device: torch.device, batch_size: int = BATCH) -> Callable[[], None]:
    """The matrix products of one epoch: three per layer, two in the first layer."""
    layers = [(784, WIDTH), (WIDTH, 20), (WIDTH, 20), (20, WIDTH), (WIDTH, 784)]
    make = partial(torch.randn, device=device)
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


def loops(
    images: Tensor, digits: Dataset, device: torch.device
) -> dict[str, Callable[[VAE, int], Epochs]]:
    """Name of a row -> its epochs, for a model and their number; peers if installed."""
    resident = images.to(device)
    in_memory = TensorDataset(images.cpu(), torch.zeros(len(images)))
    rows: dict[str, Callable[[VAE, int], Epochs]] = {
        "ours, `training_epochs`": partial(ours, resident),
        "ours, constant learning rate": partial(ours_constant_rate, resident),
        USUAL: partial(usual, digits),
        "its loop with a `TensorDataset`": partial(usual, in_memory),
    }
    peers = {"lightning": lightning_loop, "pythae.trainers": pythae_loop}
    for module, loop in peers.items():
        name = f"{module.split('.')[0]}, `TensorDataset`"
        try:
            importlib.import_module(module)  # now, so that no epoch includes the import
            rows[name] = partial(loop, in_memory)
        except ImportError:
            print(f"{module} is not installed: no row for it")
    return rows


# --- an epoch -------------------------------------------------------------------------


@dataclass
class Run:
    """The seconds of each epoch of a loop, and the test loss after it."""

    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of a call, including the work on the device."""
    start = time.perf_counter()
    work()
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()
    return time.perf_counter() - start


def test_loss(model: VAE, test: Tensor) -> float:
    """−ELBO in nats per image, the same draws for every model."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return evaluate(model, vae_loss, test)["loss"]


def new_model(device: torch.device, seed: int = 0) -> VAE:
    torch.manual_seed(seed)
    return VAE(784, 20, (WIDTH,)).to(device)


def take_turns(
    images: Tensor, digits: Dataset, test: Tensor, device: torch.device, epochs: int
) -> dict[str, Run]:
    """Every loop and the floor, an epoch each in turn; the test loss after each epoch."""
    rows = loops(images, digits, device)
    runs = {name: Run() for name in [*rows, FLOOR]}
    models = {name: new_model(device) for name in rows}
    steps = {name: make(models[name], epochs) for name, make in rows.items()}
    products, test = floor(len(images), device), test.to(device)
    products()  # the first call is slower
    for _ in range(epochs):
        runs[FLOOR].seconds.append(timed(products, device))
        for name, step in steps.items():
            runs[name].seconds.append(timed(partial(next, step), device))
            runs[name].losses.append(test_loss(models[name], test))
    return runs


def spread(values: Iterable[float], digits: int = 2) -> str:
    """The median, and the range in brackets."""
    values = list(values)
    low, mid, high = min(values), statistics.median(values), max(values)
    return f"{mid:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def ratio(run: Run, other: Run) -> str:
    """The median of the ratios of epochs that ran one after the other."""
    return f"{statistics.median(a / b for a, b in zip(run.seconds, other.seconds)):.2f}"


def epoch_table(runs: dict[str, Run], device: torch.device) -> str:
    own = next(iter(runs.values()))
    lines = [
        f"| an epoch on {device.type} | s (range) | ÷ ours | ÷ floor | test loss |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, run in runs.items():
        loss = f"{run.losses[-1]:.2f}" if run.losses else "–"
        ratios = f"{ratio(run, own)} | {ratio(run, runs[FLOOR])}"
        lines.append(f"| {name} | {spread(run.seconds)} | {ratios} | {loss} |")
    return "\n".join(lines)


# --- time to quality ------------------------------------------------------------------


def start_at_the_mean(model: VAE, images: Tensor) -> None:
    """The last layer's bias such that the first images drawn are the mean of all."""
    with torch.no_grad():
        *_, bias = model.decoder.parameters()
        bias.copy_(torch.logit(images.mean(0), eps=1e-3))


def faster(images: Tensor, test: Tensor, device: torch.device) -> list[Run]:
    """The same network trained with the settings FASTER; a Run for each seed."""
    images, test = images.to(device), test.to(device)
    runs = [Run() for _ in range(SEEDS)]
    for seed, run in enumerate(runs):
        model = new_model(device, seed)
        start_at_the_mean(model, images)
        steps = training_epochs(model, vae_loss, images, **FASTER)
        for _ in range(FASTER["epochs"]):
            run.seconds.append(timed(partial(next, steps), device))
            run.losses.append(test_loss(model, test))
    return runs


def quality_table(theirs: Run, ours: list[Run], device: torch.device) -> str:
    """Seconds of training, without the test losses.

    For the usual loop, the number of epochs times the median, which ignores slow outliers.
    """
    target, epochs = theirs.losses[-1], len(theirs.seconds)
    needed = epochs * statistics.median(theirs.seconds)
    lines = [
        f"| time to quality on {device.type} | epochs | s | test loss | speed-up |",
        "|---|---:|---:|---:|---:|",
        f"| {USUAL} | {epochs} | {needed:.1f} | {target:.2f} | 1 |",
    ]
    recipe = ", ".join(f"{name}={value:g}" for name, value in FASTER.items())
    for seed, run in enumerate(ours):
        seconds, loss = sum(run.seconds), run.losses[-1]
        gain = f"{needed / seconds:.1f}" if loss <= target else "not reached"
        cells = f"{len(run.seconds)} | {seconds:.1f} | {loss:.2f} | {gain}"
        lines.append(f"| `{recipe}`, seed {seed} | {cells} |")
    return "\n".join(lines)


# --- batch sizes ----------------------------------------------------------------------


def batch_table(device: torch.device, repeats: int = 7) -> str:
    """An epoch of ours and of the floor for each size, in turn, without the first one."""
    images = torch.rand(6 * 2048, 784, device=device)
    sizes = (32, 64, 128, 256, 512, 1024, 2048)
    works = []
    for size in sizes:
        settings: dict[str, Any] = {"epochs": repeats + 1, "batch_size": size, "lr": RATE}
        steps = training_epochs(new_model(device), vae_loss, images, **settings)
        works.append((partial(next, steps), floor(len(images), device, size)))
    turns = [
        [[1e6 * timed(work, device) / len(images) for work in pair] for pair in works]
        for _ in range(repeats + 1)
    ]
    lines = [
        f"| what changes, on {device.type} | µs per image (range) | the floor | ÷ floor |",
        "|---|---:|---:|---:|",
    ]
    for size, pairs in zip(sizes, zip(*turns[1:])):
        own, least = zip(*pairs)
        ratio = statistics.median(a / b for a, b in pairs)
        row = f"{spread(own, 1)} | {spread(least, 1)} | {ratio:.2f}"
        lines.append(f"| batch size {size} | {row} |")
    return "\n".join(lines)


# --- all of it ------------------------------------------------------------------------


def devices() -> list[torch.device]:
    """The CPU, and the device that the course would choose."""
    return list(dict.fromkeys([torch.device("cpu"), choose_device()]))


def mnist_as_users_have_it() -> Dataset:
    """torchvision's MNIST, which converts an image to a tensor at each access."""
    from torchvision import datasets, transforms

    with tempfile.TemporaryDirectory() as root:  # it reads all images into memory
        archives = files("course_utils") / "mnist"
        shutil.copytree(str(archives), Path(root, "MNIST", "raw"))
        return datasets.MNIST(root, download=True, transform=transforms.ToTensor())


def run(epochs: int) -> str:
    images, test = data.mnist("train")[0], data.mnist("test")[0]
    digits = mnist_as_users_have_it()
    parts = []
    for device in devices():
        runs = take_turns(images, digits, test, device, epochs)
        parts.append(epoch_table(runs, device))
        parts.append(quality_table(runs[USUAL], faster(images, test, device), device))
        parts.append(batch_table(device))
    threads = torch.get_num_threads()
    where = f"torch {torch.__version__}, {threads} threads, on {docs_table.machine()}"
    for device in devices():
        if device.type == "cuda":
            where += f"; cuda: {torch.cuda.get_device_name(device)}"
    return "\n\n".join([*parts, f"{where}.\n"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the tables into the docs")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"instead of {EPOCHS}")
    options = parser.parse_args()
    text = run(options.epochs)
    print(text)
    if options.write:
        docs_table.write("performance.md", "training speed", text)


if __name__ == "__main__":
    main()
