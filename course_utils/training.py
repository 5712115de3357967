"""One training loop for every notebook.

An objective is called as ``objective(model.encoder, model.decoder, batch)``, or as
``objective(model, batch)`` for a model without an encoder, such as a classifier or a
denoiser.
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

Objective = Callable[..., dict[str, Tensor]]
Record = dict[str, float]
Data = Tensor | tuple[Tensor, ...]
T = TypeVar("T")


def training_epochs(
    model: nn.Module,
    objective: Objective,
    data: Data,
    *,
    epochs: int,
    batch_size: int = 128,
    lr: float = 3e-3,
) -> Iterator[Record]:
    """Train with Adam, yielding after each epoch the mean of every term of the objective.

    data (N, D) float, on the model's device, or several tensors of N matching rows, such as
    images and labels. The objective is called with the model's encoder and decoder, or with
    the model itself if it has no encoder, and with a batch of each tensor.
    ``lr`` is the peak of a one-cycle schedule (Smith & Topin, 2018), which rises for three
    tenths of the steps, then falls to zero; Adam's β₁ moves the other way.

        for record in training_epochs(model, ae_loss, images, epochs=5):
            print(record["epoch"], record["loss"])

    The body of the loop may plot, print or stop early. The order of the batches comes from
    the global seed, as the weights do: the same ``torch.manual_seed`` before the model is
    made gives the same result on the same machine.

    ValueError for unusable data; FloatingPointError, before the weights are
    updated, when a term of the objective is not finite. The stop button
    (KeyboardInterrupt) takes effect between two steps, never within one.
    """
    data = check_training(model, data, epochs, batch_size, lr)
    return _train(model, objective, data, epochs, batch_size, lr)


def fit(
    model: nn.Module,
    objective: Objective,
    data: Data,
    *,
    epochs: int,
    batch_size: int = 128,
    lr: float = 3e-3,
) -> list[Record]:
    """Run ``training_epochs`` under a progress bar and return its records, one per epoch.

    The objective is called as ``objective(model.encoder, model.decoder, batch)``, or as
    ``objective(model, batch)`` if the model has no encoder.

    The stop button ends the training, not the notebook: the model keeps what it has
    learned, and the records of the finished epochs are returned. There is at least one:
    before the first epoch is finished, the stop is a KeyboardInterrupt.
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
    """The records of ``training_epochs``, or of several zipped, until the stop button.

        for record in until_stopped(training_epochs(model, ae_loss, images, epochs=5)):
        for records in until_stopped(zip(*runs)):  # models trained in parallel

    The button ends the loop, not the notebook: the body of the loop is finished first, and
    the next lines run with what was learned. KeyboardInterrupt before the first epoch ends.
    """
    done = 0
    try:
        for epoch in epochs:
            with hold_interrupt():  # until the body of the loop is finished
                yield epoch
                done += 1
    except KeyboardInterrupt:
        if not done:
            raise KeyboardInterrupt(
                "stopped before the first epoch was finished: run this cell again."
            ) from None
        number = "1 epoch" if done == 1 else f"{done} epochs"
        print(f"Stopped after {number}. What has been learned so far is kept.")


@torch.no_grad()
def evaluate(model: nn.Module, objective: Objective, data: Data) -> Record:
    """Mean of every term over a data set (N, D). The model is not changed."""
    data = _check_data(model, data)
    means = _RunningMeans()
    for batch in zip(*(rows.split(1000) for rows in data)):
        means.add(objective(*_networks(model), *batch), len(batch[0]))
    return means.values()


def shuffled_epochs(
    compute_terms: Callable[..., dict[str, Tensor]],
    update: Callable[[dict[str, Tensor]], None],
    data: tuple[Tensor, ...],
    epochs: int,
    batch_size: int,
) -> Iterator[Record]:
    """The loop itself: ``update(compute_terms(*batch))`` per batch, shuffled each epoch.

    Yields and stops as ``training_epochs``, which is this loop with one optimizer.
    """
    for epoch in range(1, epochs + 1):
        means = _RunningMeans()
        with hold_interrupt() as stop_if_requested:  # never within a step
            order = torch.randperm(len(data[0]), device=data[0].device)
            for batch in order.split(batch_size):
                # index_select copies rows; rows[batch] is several times slower on a CPU.
                terms = compute_terms(*(rows.index_select(0, batch) for rows in data))
                means.add(terms, len(batch), epoch)
                update(terms)
                stop_if_requested()
        yield {"epoch": epoch, **means.values()}


def adam(parameters: Iterable[Tensor], **settings: Any) -> torch.optim.Adam:
    """Fused Adam, without the slowdown by denormal numbers.

    The gradient of a unit that is never active is zero. Adam's running mean of it decays
    below 1e-38 within some hundred steps, and a CPU is a hundred times slower with such
    denormal numbers. Means below 1e-30 change no weight, so they are set to zero every
    hundred steps.
    """
    # The first optimizer of a process imports much of torch, which must not be interrupted.
    with hold_interrupt():
        optimizer = torch.optim.Adam(parameters, fused=True, **settings)
    steps = count(1)

    def flush_denormals(*_: object) -> None:
        if next(steps) % 100 == 0:
            for state in optimizer.state.values():
                F.hardshrink(state["exp_avg"], 1e-30, out=state["exp_avg"])

    optimizer.register_step_post_hook(flush_denormals)
    return optimizer


def _train(
    model: nn.Module,
    objective: Objective,
    data: tuple[Tensor, ...],
    epochs: int,
    batch_size: int,
    lr: float,
) -> Iterator[Record]:
    optimizer = adam(model.parameters(), lr=lr)
    steps = epochs * math.ceil(len(data[0]) / batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)

    def update(terms: dict[str, Tensor]) -> None:
        optimizer.zero_grad()
        terms["loss"].backward()
        optimizer.step()
        schedule.step()

    yield from shuffled_epochs(
        partial(objective, *_networks(model)), update, data, epochs, batch_size
    )


def _networks(model: nn.Module) -> tuple[Any, ...]:
    """First arguments of an objective: f and g, or the model if it has no encoder."""
    return (model.encoder, model.decoder) if hasattr(model, "encoder") else (model,)


class _RunningMeans:
    """Mean of each named term, weighted by the size of the batches."""

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


def check_training(
    model: nn.Module, data: Data, epochs: int, batch_size: int, lr: float
) -> tuple[Tensor, ...]:
    """The data as a tuple of tensors; ValueError for unusable arguments."""
    data = _check_data(model, data)
    if epochs < 1 or batch_size < 1 or not lr > 0:
        raise ValueError("epochs and batch_size must be at least 1, and lr above 0.")
    return data


def _check_data(model: nn.Module, data: Data) -> tuple[Tensor, ...]:
    """The data as a tuple; a clear ValueError now instead of an obscure error later."""
    tensors = data if isinstance(data, tuple) else (data,)
    for rows in tensors:
        if not isinstance(rows, Tensor):
            raise ValueError(  # noqa: TRY004 - ValueError for all bad data
                f"data must be a tensor (N, D), not {type(rows).__name__}: "
                "use torch.as_tensor(data, dtype=torch.float32)."
            )
    if len({len(rows) for rows in tensors if rows.ndim}) > 1:
        raise ValueError(
            "these tensors must have the same number of rows, but have "
            f"{', '.join(str(len(rows)) for rows in tensors)}."
        )
    x = tensors[0]
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(
            f"data must have shape (N, D), one row per data point, not {tuple(x.shape)}: "
            "flatten images with images.flatten(1)."
        )
    takes_codes = any(isinstance(layer, nn.Embedding) for layer in model.modules())
    if not (x.is_floating_point() or takes_codes):
        raise ValueError(f"data must be float, not {x.dtype}: use data.float() / 255.")
    weights = next(model.parameters())
    for rows in tensors:
        if weights.device != rows.device:
            raise ValueError(
                f"the model is on {weights.device}, the data on {rows.device}: "
                "use model.to(data.device)."
            )
        # NaN or infinity shows in the extremes; isfinite(rows) would need a copy.
        if rows.numel() and not torch.stack(rows.aminmax()).isfinite().all():
            raise ValueError("data contain NaN or infinity: remove those rows first.")
    if x.is_floating_point() and weights.dtype != x.dtype:
        raise ValueError(
            f"the model computes in {weights.dtype}, the data are {x.dtype}: "
            "use data.to(next(model.parameters()).dtype)."
        )
    first_network = _networks(model)[0]  # the encoder, if there is one
    layers = [layer for layer in first_network.modules() if not list(layer.children())]
    if isinstance(layers[0], nn.Linear) and layers[0].in_features != x.shape[1]:
        raise ValueError(
            f"the model takes {layers[0].in_features} numbers per data point, "
            f"the data have {x.shape[1]}."
        )
    return tensors


@contextmanager
def hold_interrupt() -> Iterator[Callable[[], None]]:
    """Delay the stop button (SIGINT): KeyboardInterrupt at the end of the block.

    The block may call the yielded function to raise it earlier. Only the main
    thread is interrupted and may set signal handlers; elsewhere nothing changes.
    """
    requested = threading.Event()

    def stop_if_requested() -> None:
        if requested.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield stop_if_requested
        return
    previous = signal.signal(signal.SIGINT, lambda *_: requested.set())
    try:
        yield stop_if_requested
    finally:
        signal.signal(signal.SIGINT, previous)
    stop_if_requested()
