"""One training loop for every notebook.

An objective is called as ``objective(model.encoder, model.decoder, batch)``, or as
``objective(model, batch)`` for a model without an encoder, such as a classifier or a
denoiser. Methods ``encode`` and ``decode`` serve as encoder and decoder. It returns named
terms, each a tensor with one number; ``"loss"`` is the one to minimize.

Train and eval mode are the caller's: training runs in the mode that it finds, layer by
layer, so that a frozen BatchNorm stays frozen. ``evaluate`` runs in eval mode and leaves
each layer in its mode.
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parameter import is_lazy
from tqdm.auto import tqdm

from course_utils._training_checks import (
    Data,
    Objective,
    check_data,
    check_loss,
    check_terms,
    check_training,
    terms_of,
    warn_of_eval_mode,
)
from course_utils._validation import check_logits
from course_utils.modes import eval_mode, measure
from course_utils.progress import progress

Record = dict[str, float]
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
    the model itself if it has none, and with a batch of each tensor. A single last row
    joins the batch before it, since BatchNorm needs two.
    ``lr`` is the peak of a one-cycle schedule (Smith & Topin, 2018), which rises for three
    tenths of the steps, then falls to zero; Adam's β₁ moves the other way.

        for record in training_epochs(model, ae_loss, images, epochs=5):
            print(record["epoch"], record["loss"])

    The body of the loop may plot, print or stop early. The order of the batches comes from
    the global seed, as the weights do: the same ``torch.manual_seed`` before the model is
    made gives the same result on the same machine.

    ValueError for unusable arguments, and for an objective that does not fit the model or
    the data, before any weight is updated; FloatingPointError, likewise, when a term of the
    objective is not finite. A warning if the model is in eval mode and this matters. The
    stop button (KeyboardInterrupt) takes effect between two steps, never within one.
    """
    data = check_training(model, data, epochs, batch_size, lr)
    warn_of_eval_mode(model)
    terms = terms_of(model, objective, data)
    return _train(model, terms, data, epochs, batch_size, lr)


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
    ``objective(model, batch)`` if the model has no encoder. The model is trained in the
    mode, train or eval, in which it is.

    Called again, it trains the same weights further: the schedule of ``lr`` starts anew.

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


@measure
def evaluate(model: nn.Module, objective: Objective, data: Data) -> Record:
    """Mean of every term over a data set (N, D), measured in eval mode.

    In batches of 1000 rows. The model is not changed. Errors as in ``training_epochs``.
    """
    data = check_data(model, data)
    terms, means = terms_of(model, objective, data), _RunningMeans()
    for batch in progress(list(zip(*(rows.split(1000) for rows in data))), "batch"):
        means.add(terms(*batch), len(batch[0]))
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
            for batch in _batches(order, batch_size):
                # index_select copies rows; rows[batch] is several times slower on a CPU.
                terms = compute_terms(*(rows.index_select(0, batch) for rows in data))
                means.add(terms, len(batch), epoch)
                if epoch == 1 and means.count == len(batch):  # the first one
                    check_logits(*terms.values())
                update(terms)
                stop_if_requested()
        yield {"epoch": epoch, **means.values()}


def _batches(order: Tensor, batch_size: int) -> list[Tensor]:
    """(N,) -> batches of that size; a single last row joins the batch before it."""
    batches = list(order.split(batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1 < batch_size:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


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
    compute_terms: Callable[..., dict[str, Tensor]],
    data: tuple[Tensor, ...],
    epochs: int,
    batch_size: int,
    lr: float,
) -> Iterator[Record]:
    if any(map(is_lazy, model.parameters())):  # a first call makes the weights
        with torch.no_grad(), eval_mode(model):
            compute_terms(*(rows[:2] for rows in data))
    optimizer = adam(model.parameters(), lr=lr)
    steps = epochs * len(_batches(torch.arange(len(data[0])), batch_size))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)

    def update(terms: dict[str, Tensor]) -> None:
        check_loss(terms)
        optimizer.zero_grad()
        terms["loss"].backward()
        optimizer.step()
        schedule.step()

    yield from shuffled_epochs(compute_terms, update, data, epochs, batch_size)


class _RunningMeans:
    """Mean of each named term, weighted by the size of the batches."""

    def __init__(self) -> None:
        self.totals: dict[str, float] = {}
        self.count = 0

    def add(self, terms: dict[str, Tensor], count: int, epoch: int | None = None) -> None:
        check_terms(terms)
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


# --- the stop button ------------------------------------------------------------------


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
