"""One training loop for every notebook."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

Objective = Callable[..., dict[str, Tensor]]
Record = dict[str, float]
T = TypeVar("T")


def training_epochs(
    model: nn.Module,
    objective: Objective,
    data: Tensor,
    *,
    epochs: int,
    batch_size: int = 128,
    lr: float = 3e-3,
) -> Iterator[Record]:
    """Train with Adam, yielding after each epoch the mean of every term of the objective.

    data (N, D) float, on the model's device. ``lr`` is the peak of a one-cycle schedule
    (Smith & Topin, 2018), which rises for three tenths of the steps, then falls to zero;
    Adam's β₁ moves the other way.

        for record in training_epochs(model, ae_loss, images, epochs=5):
            print(record["epoch"], record["loss"])

    The caller owns the loop: plot, print or stop early, all in plain Python.
    Weights come from the global seed, and so does the order of the batches:
    the same ``torch.manual_seed`` on the same machine gives the same result.

    ValueError for data that no model can learn from; FloatingPointError, before the
    weights are touched, when a term of the objective is not finite. The stop button
    (KeyboardInterrupt) takes effect between two steps, never within one.
    """
    _check(model, data)
    if epochs < 1 or batch_size < 1 or not lr > 0:
        raise ValueError("epochs and batch_size must be at least 1, and lr above 0.")
    return _train(model, objective, data, epochs, batch_size, lr)


def fit(
    model: nn.Module,
    objective: Objective,
    data: Tensor,
    *,
    epochs: int,
    batch_size: int = 128,
    lr: float = 3e-3,
) -> list[Record]:
    """Run ``training_epochs`` under a progress bar and return its records.

    The stop button ends the training, not the notebook: the model keeps what it has
    learned, and the records of the finished epochs are returned.
    """
    records = training_epochs(
        model, objective, data, epochs=epochs, batch_size=batch_size, lr=lr
    )
    history: list[Record] = []
    with tqdm(total=epochs, unit="epoch", leave=False) as bar:
        for record in until_stopped(records):
            history.append(record)
            bar.set_postfix(loss=f"{record['loss']:.4g}")
            bar.update()
    return history


def until_stopped(epochs: Iterable[T]) -> Iterator[T]:
    """What ``training_epochs`` yields, or several of them zipped, until the stop button.

        for record in until_stopped(training_epochs(model, ae_loss, images, epochs=5)):
        for records in until_stopped(zip(*runs)):  # models that train in step

    The button ends the loop, not the notebook: the body of the loop is finished first, and
    what follows runs with what was learned.
    """
    done = 0
    try:
        for epoch in epochs:
            with _interrupt_between_steps():  # one step is the loop's body
                yield epoch
                done += 1
    except KeyboardInterrupt:
        number = "1 epoch" if done == 1 else f"{done} epochs"
        print(f"Stopped after {number}. What has been learned so far is kept.")


@torch.no_grad()
def evaluate(
    model: nn.Module, objective: Objective, data: Tensor, *, batch_size: int = 1000
) -> Record:
    """Mean of every term over a data set (N, D), with the model left as it was found."""
    _check(model, data)
    means = _RunningMeans()
    for batch in data.split(batch_size):
        means.add(objective(model.encoder, model.decoder, batch), len(batch))
    return means.values()


def _train(
    model: nn.Module,
    objective: Objective,
    data: Tensor,
    epochs: int,
    batch_size: int,
    lr: float,
) -> Iterator[Record]:
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    steps = epochs * math.ceil(len(data) / batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    for epoch in range(1, epochs + 1):
        means = _RunningMeans()
        with _interrupt_between_steps() as stop_if_asked:
            order = torch.randperm(len(data), device=data.device)
            for batch in order.split(batch_size):
                terms = objective(model.encoder, model.decoder, data[batch])
                means.add(terms, len(batch), epoch)
                optimizer.zero_grad()
                terms["loss"].backward()
                optimizer.step()
                schedule.step()
                stop_if_asked()
        yield {"epoch": epoch, **means.values()}


class _RunningMeans:
    """Mean of each named term; a smaller last batch counts for less."""

    def __init__(self) -> None:
        self.totals: dict[str, float] = {}
        self.count = 0

    def add(self, terms: dict[str, Tensor], count: int, epoch: int | None = None) -> None:
        values = torch.stack([term.detach() for term in terms.values()]).tolist()
        for name, value in zip(terms, values):
            if not math.isfinite(value):
                if epoch is None:
                    when, remedy = "the evaluation", "look"
                else:
                    when = f"epoch {epoch}"
                    remedy = "try a smaller lr on a new model, and look"
                raise FloatingPointError(
                    f'the term "{name}" became {value} in {when}: {remedy} for NaN or very '
                    "large numbers in the data and weights."
                )
            self.totals[name] = self.totals.get(name, 0.0) + value * count
        self.count += count

    def values(self) -> Record:
        return {name: total / self.count for name, total in self.totals.items()}


@contextmanager
def _interrupt_between_steps() -> Iterator[Callable[[], None]]:
    """Hold back the stop button until the returned function is called.

    An interrupt in the middle of ``optimizer.step()`` would leave some weights updated and
    others not. Only the main thread may set signal handlers; elsewhere nothing changes.
    """
    asked = threading.Event()

    def stop_if_asked() -> None:
        if asked.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield stop_if_asked
        return
    before = signal.signal(signal.SIGINT, lambda *_: asked.set())
    try:
        yield stop_if_asked
    finally:
        signal.signal(signal.SIGINT, before)
    stop_if_asked()  # asked after the last step


def _check(model: nn.Module, data: Tensor) -> None:
    """Refuse, before any work, what would fail later in words that help nobody."""
    if not isinstance(data, Tensor):
        raise ValueError(
            f"data must be a tensor (N, D), not {type(data).__name__}: "
            "use torch.as_tensor(data, dtype=torch.float32)."
        )
    if data.ndim != 2 or len(data) == 0:
        raise ValueError(
            f"data must have shape (N, D), one row a data point, not {tuple(data.shape)}: "
            "flatten images with images.flatten(1)."
        )
    if not data.is_floating_point():
        raise ValueError(f"data must be float, not {data.dtype}: use data.float() / 255.")
    if not torch.isfinite(data).all():
        raise ValueError("data contain NaN or infinity: remove those rows first.")
    weights = next(model.parameters())
    if weights.device != data.device:
        raise ValueError(
            f"the model is on {weights.device}, the data on {data.device}: "
            "use model.to(data.device)."
        )
    if weights.dtype != data.dtype:
        raise ValueError(
            f"the model computes in {weights.dtype}, the data are {data.dtype}: "
            "use data.to(next(model.parameters()).dtype)."
        )
    layers = [layer for layer in model.encoder.modules() if not list(layer.children())]
    if isinstance(layers[0], nn.Linear) and layers[0].in_features != data.shape[1]:
        raise ValueError(
            f"the model reads {layers[0].in_features} numbers a data point, "
            f"the data have {data.shape[1]}."
        )
