"""The training loop: results, records, the stop button, invalid data."""

import ast
import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from inspect import signature
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from course_utils import training
from course_utils.models import VAE, Autoencoder
from course_utils.objectives import (
    ae_loss,
    dae_loss,
    pae_loss,
    regularized_pae_loss,
    sparse_ae_loss,
    vae_loss,
)
from course_utils.training import (
    evaluate,
    fit,
    hold_interrupt,
    training_epochs,
    until_stopped,
)

N, D, K = 50, 6, 2
OBJECTIVES = {
    "ae": ae_loss,
    "sparse": partial(sparse_ae_loss, lam=0.1),
    "dae": partial(dae_loss, sigma=0.1),
    "pae": pae_loss,
    "regularized pae": partial(regularized_pae_loss, lam=0.1),
    "vae": vae_loss,
}
every_objective = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)


@pytest.fixture
def x():
    return torch.rand(N, D)


@pytest.fixture
def model():
    return Autoencoder(D, K, (5,))


def model_for(objective):
    return (VAE if objective is vae_loss else Autoencoder)(D, K, (5,))


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def same(some, others):
    return all(a.equal(b) for a, b in zip(some, others, strict=True))


@contextmanager
def recorded_steps():
    """A list of the learning rates of all completed optimizer steps."""
    rates = []
    hook = register_optimizer_step_post_hook(
        lambda optimizer, *_: rates.append(optimizer.param_groups[0]["lr"])
    )
    try:
        yield rates
    finally:
        hook.remove()


def at_call(number, action, objective=ae_loss):
    """The objective, with an action during its call of that number."""
    calls = []

    def counted(f, g, batch):
        calls.append(len(batch))
        if len(calls) == number:
            action()
        return objective(f, g, batch)

    counted.calls = calls
    return counted


def press_stop():
    signal.raise_signal(signal.SIGINT)


def stopped_early():
    return pytest.raises(KeyboardInterrupt, match="before the first epoch was finished")


# --- training -------------------------------------------------------------------------


@every_objective
def test_training_lowers_the_loss_and_moves_every_weight(objective, x):
    model = model_for(objective)
    before = weights(model)
    torch.manual_seed(1)
    start = evaluate(model, objective, x)
    history = fit(model, objective, x, epochs=20, batch_size=10, lr=1e-2)
    torch.manual_seed(1)  # the same noise before and after
    assert evaluate(model, objective, x)["loss"] < 0.9 * start["loss"]
    assert len(history) == 20
    for old, parameter in zip(before, model.parameters(), strict=True):
        assert (parameter.grad != 0).any()
        assert not old.equal(parameter)


@pytest.mark.slow
def test_the_linear_autoencoder_reaches_the_error_of_pca():
    """By Eckart and Young no linear autoencoder has a smaller error than PCA."""
    digits = torch.tensor(load_digits().data, dtype=torch.float32) / 16
    singular_values = torch.linalg.svdvals(digits - digits.mean(0))
    pca = singular_values[2:].square().sum().item() / len(digits)
    assert pca == pytest.approx(3.355253, abs=1e-5)

    model = Autoencoder(64, 2, ())
    fit(model, ae_loss, digits, epochs=100, lr=0.1)
    error = evaluate(model, ae_loss, digits)["recon"]
    assert pca - 1e-4 < error  # float32 rounds
    assert error < 1.002 * pca  # three seeds ended within 0.05 %


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero(model, x):
    with recorded_steps() as rates:
        fit(model, ae_loss, x, epochs=10, batch_size=5, lr=0.01)
    assert len(rates) == 100
    assert max(rates) == pytest.approx(0.01)
    assert rates.index(max(rates)) == pytest.approx(30, abs=2)
    assert rates[0] < 0.001 > rates[-1]


@pytest.mark.parametrize(
    "n, batch_size, epochs", [(1, 1, 1), (4, 9, 1), (3, 2, 1), (4, 2, 3)]
)
def test_the_smallest_trainings_run(model, n, batch_size, epochs):
    history = fit(model, ae_loss, torch.rand(n, D), epochs=epochs, batch_size=batch_size)
    assert [record["epoch"] for record in history] == list(range(1, epochs + 1))


def test_each_epoch_sees_every_row_once_in_an_order_of_its_own(model):
    x = torch.arange(8.0)[:, None].repeat(1, D)
    batches = []

    def recorded(f, g, batch):
        batches.append(batch[:, 0].tolist())
        return ae_loss(f, g, batch)

    fit(model, recorded, x, epochs=3, batch_size=3)
    assert [len(batch) for batch in batches] == [3, 3, 2] * 3
    rows = [row for batch in batches for row in batch]
    epochs = [rows[start : start + 8] for start in (0, 8, 16)]
    assert all(sorted(order) == list(range(8)) for order in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != list(range(8))


@pytest.mark.parametrize("how", [fit, training_epochs])
def test_the_default_batch_size_is_128_in_training_and_1000_in_evaluation(model, how):
    sizes = []

    def recorded(f, g, batch):
        sizes.append(len(batch))
        return ae_loss(f, g, batch)

    x = torch.rand(1001, D)
    list(how(model, recorded, x, epochs=1))
    assert sizes == [128] * 7 + [105]
    evaluate(model, recorded, x)
    assert sizes[8:] == [1000, 1]


def test_adam_flushes_denormal_means_to_zero_without_changing_weights():
    """Arithmetic with denormal numbers takes a CPU a hundred times as long."""
    means, ends = [], []
    for make in (training.adam, partial(torch.optim.Adam, fused=True)):
        weights = torch.ones(2)
        optimizer = make([weights], lr=0.1)
        for step in range(900):  # 0.9⁹⁰⁰ is 6e-42
            weights.grad = torch.tensor([math.sin(step), float(step == 0)])
            optimizer.step()
        means.append(optimizer.state[weights]["exp_avg"])
        ends.append(weights)
    (active, inactive), (active_by_torch, inactive_by_torch) = means
    assert 0 < inactive_by_torch < torch.finfo(torch.float32).tiny
    assert inactive == 0 and active == active_by_torch
    assert ends[0].equal(ends[1])


# --- records --------------------------------------------------------------------------


def mean_of_batch(f, g, batch):
    """A term whose mean over the data is known, and a loss that does not change it."""
    loss = ae_loss(f, g, batch)["loss"]
    return {"loss": loss, "mean": batch.mean()}


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 9])
def test_a_smaller_last_batch_has_a_smaller_weight_in_the_mean(model, batch_size):
    x = torch.tensor([[1.0], [2.0], [3.0], [4.0], [100.0]]).repeat(1, D)
    [record] = fit(model, mean_of_batch, x, epochs=1, batch_size=batch_size)
    assert record["mean"] == pytest.approx(22)


def test_records_hold_the_epoch_and_plain_numbers(x):
    history = fit(VAE(D, K, (5,)), partial(vae_loss, beta=2.0), x, epochs=3)
    assert [record["epoch"] for record in history] == [1, 2, 3]
    for record in history:
        assert list(record) == ["epoch", "loss", "recon", "kl"]
        assert all(type(record[name]) is float for name in ("loss", "recon", "kl"))
        assert record["loss"] == pytest.approx(record["recon"] + 2 * record["kl"])


def test_the_bar_counts_epochs_and_shows_the_loss(model, x, monkeypatch):
    options = {}

    class Bar(training.tqdm):
        def __init__(self, **settings):
            options.update(settings)
            super().__init__(**settings)

        def set_postfix(self, **terms):
            options.update(terms)

    monkeypatch.setattr(training, "tqdm", Bar)
    loss = fit(model, ae_loss, x, epochs=3)[-1]["loss"]
    assert options == {"total": 3, "unit": "epoch", "leave": False, "loss": f"{loss:.4g}"}


def test_fit_returns_what_the_generator_yields(x):
    def train(how):
        torch.manual_seed(3)
        model = Autoencoder(D, K, (5,))
        return list(how(model, ae_loss, x, epochs=3, batch_size=20)), weights(model)

    history, learned = train(fit)
    records, learned_too = train(training_epochs)
    assert history == records
    assert same(learned, learned_too)


def test_the_progress_bar_leaves_nothing_on_the_page(model, x, capsys):
    fit(model, ae_loss, x, epochs=2)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("\r")
    assert err.split("\r")[-2].strip() == ""


@every_objective
def test_same_seed_same_result(objective, x):
    def train(seed):
        torch.manual_seed(seed)
        model = model_for(objective)
        return fit(model, objective, x, epochs=3, batch_size=20), weights(model)

    history, learned = train(1)
    same_history, learned_again = train(1)
    other, learned_otherwise = train(2)
    assert history == same_history
    assert same(learned, learned_again)
    assert history != other
    assert not same(learned, learned_otherwise)


# --- evaluation -----------------------------------------------------------------------


@pytest.mark.parametrize("mode", [True, False])
def test_evaluation_leaves_the_model_as_it_was(model, x, mode):
    model.train(mode)
    before = weights(model)
    evaluate(model, ae_loss, x)
    assert same(before, model.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert {module.training for module in model.modules()} == {mode}


def test_evaluation_builds_no_graph(model, x):
    seen = []

    def recorded(f, g, batch):
        seen.append(f(batch).requires_grad)
        return ae_loss(f, g, batch)

    evaluate(model, recorded, x)
    assert seen == [False]
    assert torch.is_grad_enabled()


def test_evaluation_in_batches_is_evaluation_at_once(model):
    x = torch.cat([torch.rand(1000, D), 9 * torch.rand(500, D)])  # batches of 1000 and 500
    whole = ae_loss(model.encoder, model.decoder, x)["loss"].item()
    assert evaluate(model, ae_loss, x) == pytest.approx(
        {"loss": whole, "recon": whole}, rel=1e-5
    )


def test_evaluation_names_the_term_that_is_not_finite(model, x):
    with pytest.raises(
        FloatingPointError, match='"odd" became inf in the evaluation: look'
    ):
        evaluate(model, lambda f, g, batch: {"odd": torch.tensor(math.inf)}, x)


# --- the stop button ------------------------------------------------------------------


def test_stop_returns_the_finished_epochs_and_a_usable_model(model, x, capsys):
    objective = at_call(13, press_stop)  # epochs of five batches: in the third
    before = signal.getsignal(signal.SIGINT)
    history = fit(model, objective, x, epochs=9, batch_size=10)
    assert [record["epoch"] for record in history] == [1, 2]
    assert "Stopped after 2 epochs. What has been learned" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is before
    assert model(x).isfinite().all()
    assert len(fit(model, ae_loss, x, epochs=1)) == 1


def test_stop_takes_effect_after_the_whole_step(model, x):
    objective = at_call(13, press_stop)
    with recorded_steps() as steps:
        fit(model, objective, x, epochs=9, batch_size=10)
    assert len(steps) == len(objective.calls) == 13


def test_stop_in_the_middle_of_a_step_updates_every_weight(model, x):
    """The last step is the same whether Stop was pressed before or during it."""
    copy = Autoencoder(D, K, (5,))
    copy.load_state_dict(model.state_dict())
    hook = register_optimizer_step_pre_hook(lambda *_: press_stop())
    try:
        torch.manual_seed(1)
        with stopped_early():
            fit(model, ae_loss, x, epochs=2, batch_size=25)
    finally:
        hook.remove()
    torch.manual_seed(1)
    with recorded_steps() as steps, stopped_early():
        fit(copy, at_call(1, press_stop), x, epochs=2, batch_size=25)
    assert len(steps) == 1
    assert same(weights(model), weights(copy))


def test_stop_in_the_last_step_of_an_epoch_is_not_lost(model, x):
    objective = at_call(5, press_stop)
    with stopped_early():
        fit(model, objective, x, epochs=9, batch_size=10)
    assert len(objective.calls) == 5


def test_stop_between_the_last_step_and_the_end_of_the_epoch_is_not_lost():
    """An objective is not called there, so this uses the private function."""
    with pytest.raises(KeyboardInterrupt), hold_interrupt():
        press_stop()


def test_stop_between_two_epochs_ends_fit(model, x, monkeypatch):
    """During the update of the progress bar the usual handler is active."""

    class Bar(training.tqdm):
        def update(self, n=1):
            press_stop()

    monkeypatch.setattr(training, "tqdm", Bar)
    assert len(fit(model, ae_loss, x, epochs=9)) == 1


def test_stop_in_a_user_s_loop_raises_keyboard_interrupt(model, x):
    with pytest.raises(KeyboardInterrupt):
        for _ in training_epochs(model, at_call(2, press_stop), x, epochs=9):
            pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_until_stopped_ends_a_user_s_loop_without_an_error(model, x, capsys):
    seen = []
    runs = [training_epochs(model, at_call(7, press_stop), x, epochs=9, batch_size=10)]
    for (record,) in until_stopped(zip(*runs)):
        seen.append(record["epoch"])
    assert seen == [1]
    assert capsys.readouterr().out.startswith("Stopped after 1 epoch. ")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_stop_lets_the_body_of_the_loop_finish(model, x, capsys):
    finished = []
    for record in until_stopped(training_epochs(model, ae_loss, x, epochs=9)):
        if record["epoch"] == 2:
            press_stop()
        finished.append(record["epoch"])
    assert finished == [1, 2]
    assert capsys.readouterr().out.startswith("Stopped after 2 epochs. ")


def test_until_stopped_prints_nothing_without_a_stop_and_restores_the_handler(
    model, x, capsys
):
    epochs = until_stopped(training_epochs(model, ae_loss, x, epochs=3))
    assert [record["epoch"] for record in epochs] == [1, 2, 3]
    for _ in until_stopped(training_epochs(model, ae_loss, x, epochs=3)):
        break
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert capsys.readouterr().out == ""


def test_between_epochs_the_caller_s_handler_is_in_force(model, x):
    handlers = {
        signal.getsignal(signal.SIGINT)
        for _ in training_epochs(model, ae_loss, x, epochs=3)
    }
    assert handlers == {signal.default_int_handler}


def test_break_leaves_a_usable_model_and_restores_the_handler(model, x):
    with recorded_steps() as steps:
        for record in training_epochs(model, ae_loss, x, epochs=9, batch_size=10):
            if record["epoch"] == 2:
                break
    assert len(steps) == 10
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert model(x).isfinite().all()


def test_an_error_in_the_objective_restores_the_handler(model, x):
    def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(model, at_call(2, broken), x, epochs=1, batch_size=10)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_training_works_in_a_thread_where_handlers_cannot_be_set(model, x):
    history = []
    thread = threading.Thread(
        target=lambda: history.extend(fit(model, ae_loss, x, epochs=2))
    )
    thread.start()
    thread.join()
    assert len(history) == 2


# --- a loss that is not finite --------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_stops_before_the_weights_are_touched(model, x, value):
    calls = []

    def diverges(f, g, batch):
        calls.append(weights(model))
        terms = ae_loss(f, g, batch)
        return {**terms, "penalty": terms["loss"] * (value if len(calls) == 8 else 1)}

    message = rf'"penalty" became -?{abs(value)} in epoch 2: try a smaller lr'
    with pytest.raises(FloatingPointError, match=message):
        fit(model, diverges, x, epochs=3, batch_size=10)
    assert len(calls) == 8
    assert same(calls[-1], model.parameters())
    assert not same(calls[-2], model.parameters())
    assert all(values.isfinite().all() for values in model.parameters())


def test_too_large_a_learning_rate_raises_floating_point_error(x):
    with pytest.raises(FloatingPointError, match='"(loss|kl|recon)" became (inf|nan)'):
        fit(VAE(D, K, (5,)), vae_loss, x, epochs=50, lr=1e4)


# --- invalid arguments ----------------------------------------------------------------


@pytest.mark.parametrize(
    "corrupt, message",
    [
        pytest.param(corrupt, message, id=name)
        for name, (corrupt, message) in {
            "array": (lambda x: x.numpy(), "must be a tensor.*ndarray.*torch.as_tensor"),
            "list": (lambda x: x.tolist(), "must be a tensor.*list.*torch.as_tensor"),
            "images": (lambda x: x.view(N, 2, 3), r"\(50, 2, 3\).*images.flatten\(1\)"),
            "one datum": (lambda x: x[0], r"shape \(N, D\).*not \(6,\)"),
            "empty": (lambda x: x[:0], r"not \(0, 6\)"),
            "NaN": (lambda x: x.where(x < x.max(), math.nan), "NaN or infinity"),
            "infinity": (lambda x: x.where(x < x.max(), math.inf), "NaN or infinity"),
        }.items()
    ],
)
@pytest.mark.parametrize(
    "use", [partial(fit, epochs=1), partial(training_epochs, epochs=1), evaluate]
)
def test_invalid_data_are_refused_before_the_first_step(model, x, use, corrupt, message):
    """``training_epochs`` refuses them when it is called, not at its first iteration."""
    before = weights(model)
    with pytest.raises(ValueError, match=message):
        use(model, ae_loss, corrupt(x))
    assert same(before, model.parameters())


@pytest.mark.parametrize(
    "corrupt, message",
    [
        (lambda x: (255 * x).byte(), r"\(50, 6\) uint8: .*The data are torch.uint8.*255"),
        (lambda x: x.long(), "The data are torch.int64"),
        (lambda x: x[:, 1:], r"first batch, \(50, 5\) float32: .* not \(50, 5\)"),
        (lambda x: x.double(), "computes in torch.float32, the data are torch.float64"),
    ],
)
@pytest.mark.parametrize(
    "use",
    [partial(fit, epochs=1), evaluate, lambda *a: next(training_epochs(*a, epochs=1))],
)
@pytest.mark.parametrize("plain", [False, True])
def test_data_that_do_not_fit_the_model_are_refused_at_the_first_batch(
    model, x, use, corrupt, message, plain
):
    if plain:  # torch's own layers, without a check of their input
        model.encoder, model.decoder = nn.Linear(D, K), nn.Linear(K, D)
        message = message.replace(r" not \(50, 5\)", "50x5 and 6x2")
    before = weights(model)
    with pytest.raises(ValueError, match=message):
        use(model, ae_loss, corrupt(x))
    assert same(before, model.parameters())


@pytest.mark.parametrize("use", [partial(fit, epochs=1), evaluate])
def test_a_model_on_another_device_is_refused(x, use):
    elsewhere = Autoencoder(D, K, (5,)).to("meta")
    with pytest.raises(ValueError, match="model is on meta, the data on cpu.*model.to"):
        use(elsewhere, ae_loss, x)


@pytest.mark.parametrize(
    "invalid",
    [
        {"epochs": 0},
        {"epochs": -1},
        {"epochs": 2.0},
        {"batch_size": 0},
        {"lr": 0},
        {"lr": math.nan},
    ],
)
def test_epochs_batch_size_and_lr_must_be_positive(model, x, invalid):
    with pytest.raises(ValueError, match=f"{next(iter(invalid))} must be .*> ?=? ?[01]"):
        fit(model, ae_loss, x, **{"epochs": 1} | invalid)


def test_a_model_need_not_begin_with_a_linear_layer(x):
    model = Autoencoder(D, K, (5,))
    model.encoder = nn.Sequential(
        nn.Unflatten(1, (1, D)), nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(8, K)
    )
    assert len(fit(model, ae_loss, x, epochs=2)) == 2


def test_an_objective_without_its_weight_is_told_how_to_get_one(model, x):
    def objective(f, g, x, *, lam):
        return {"loss": lam * g(f(x)).mean()}

    with pytest.raises(
        ValueError, match="missing .*'lam' .functools.partial gives a weight"
    ):
        fit(model, objective, x, epochs=1)
    assert fit(model, partial(objective, lam=1), x, epochs=1)


# --- devices --------------------------------------------------------------------------


@every_objective
def test_training_allocates_on_the_device_of_the_data(objective, x):
    """New tensors are on the device ``meta`` by default, unlike model and data."""
    model = model_for(objective)
    torch.set_default_device("meta")
    try:
        history = fit(model, objective, x, epochs=2, batch_size=20)
        record = evaluate(model, objective, x)
    finally:
        torch.set_default_device(None)
    assert all(map(math.isfinite, [*history[-1].values(), *record.values()]))


def test_fit_has_the_parameters_of_training_epochs():
    assert (
        signature(training.fit).parameters == signature(training.training_epochs).parameters
    )


# --- several tensors with the same rows -----------------------------------------------


def test_rows_of_several_tensors_are_shuffled_together():
    x = torch.arange(float(N))[:, None].expand(-1, D).contiguous()
    labels = torch.arange(N)
    seen = []

    def objective(model, x, labels):
        assert torch.equal(x[:, 0].long(), labels)
        seen.extend(labels.tolist())
        return {"loss": model(x).square().mean()}

    for _ in training_epochs(
        nn.Linear(D, 1), objective, (x, labels), epochs=2, batch_size=8
    ):
        pass
    assert sorted(seen) == sorted(2 * labels.tolist()) and seen[:N] != labels.tolist()
    seen.clear()
    evaluate(nn.Linear(D, 1), objective, (x, labels))
    assert seen == labels.tolist()


def test_data_may_be_integers_where_the_model_starts_with_an_embedding():
    model = nn.Sequential(nn.Embedding(5, 1), nn.Flatten())
    codes = torch.randint(5, (N, D))
    (record,) = training_epochs(
        model, lambda model, codes: {"loss": model(codes).square().mean()}, codes, epochs=1
    )
    assert record["loss"] > 0


@pytest.mark.parametrize(
    "corrupt, message",
    [
        (lambda x, y: (x, y[:-1]), "same number of rows.*50, 49"),
        (lambda x, y: (x, y.tolist()), "must be a tensor"),
        (lambda x, y: (x, y / 0), "NaN or infinity"),
        (lambda x, y: (y, x), "must have shape"),
    ],
)
def test_tensors_that_do_not_match_are_refused(x, corrupt, message):
    model = nn.Linear(D, 1)
    with pytest.raises(ValueError, match=message):
        training_epochs(model, lambda *_: {}, corrupt(x, torch.ones(N)), epochs=1)


# --- the stop button at any moment ----------------------------------------------------

EPOCHS, BATCH, ROWS = 2, 4, 10  # three batches an epoch


def run_and_press_at(moment):
    """Train, and press the stop button at the given line of Python in any module.

    -> the history (None if fit raised KeyboardInterrupt), the model, the number of lines
    """
    torch.manual_seed(2)
    model, x = Autoencoder(D, K, (3,)), torch.rand(ROWS, D)
    lines = 0

    def trace(frame, event, arg):
        nonlocal lines
        lines += 1
        if lines == moment:
            sys.settrace(None)
            press_stop()
        return trace

    before = sys.gettrace()
    try:
        sys.settrace(trace)
        history = fit(model, ae_loss, x, epochs=EPOCHS, batch_size=BATCH, lr=0.1)
        sys.settrace(None)
    except KeyboardInterrupt:
        history = None
    finally:
        sys.settrace(before)
    return history, model, lines


@pytest.fixture(scope="module")
def whole_run():
    """The weights before each step and after the last; the history; the number of lines."""
    run_and_press_at(None)  # the first run has more lines, since torch imports modules
    states = []
    hook = register_optimizer_step_pre_hook(
        lambda optimizer, *_: states.append(
            [p.detach().clone() for p in optimizer.param_groups[0]["params"]]
        )
    )
    history, model, lines = run_and_press_at(None)
    hook.remove()
    return [*states, weights(model)], history, lines


# Python ignores, with a warning, an exception while it closes a generator.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@given(moment=st.floats(0, 1, exclude_min=True))
def test_the_stop_button_at_any_moment_leaves_whole_steps_and_whole_epochs(
    whole_run, moment
):
    states, whole, lines = whole_run
    history, model, _ = run_and_press_at(math.ceil(moment * lines))
    done = [same(state, model.parameters()) for state in states]
    assert sum(done) == 1, "the weights are those after a whole number of steps"
    steps, batches = done.index(True), math.ceil(ROWS / BATCH)
    if history is None:  # before the end of the first epoch, or after the last one
        assert steps <= batches or steps == EPOCHS * batches
    else:
        assert history == whole[: len(history)]
        assert len(history) * batches <= steps <= (len(history) + 1) * batches
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(fit(model, ae_loss, torch.rand(ROWS, D), epochs=1)) == 1


# --- the stop button while torch imports -----------------------------------------------

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FIRST_FIT = """
import importlib.abc, signal, sys, torch
from course_utils import models, objectives
from course_utils.training import fit

class PressStop(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.startswith("torch"):
            signal.raise_signal(signal.SIGINT)

arguments = models.Autoencoder(6, 2), objectives.ae_loss, torch.rand(9, 6)
sys.meta_path.insert(0, PressStop())
try:
    fit(*arguments, epochs=1)
except KeyboardInterrupt:
    print("stopped,", end=" ")
print(len(fit(*arguments, epochs=1)))
"""


@pytest.mark.slow
def test_a_stop_while_torch_imports_takes_effect_after_the_imports():
    """Stop is pressed at the import of each module; then fit works a second time."""
    program = [sys.executable, "-c", FIRST_FIT]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(program, env=environment, capture_output=True, text=True)
    assert done.stdout == "stopped, 1\n", done.stderr


def test_the_package_makes_its_optimizers_inside_hold_interrupt():
    """Making the first one imports modules; a stop would leave them half imported."""
    optimizer = r"torch\.optim\.[A-Z]\w+\("
    for path in (ROOT / "course_utils").rglob("*.py"):
        code = path.read_text("utf-8")
        if not (found := re.findall(optimizer, code)):
            continue
        held = [
            ast.unparse(node)
            for node in ast.walk(ast.parse(code))
            if isinstance(node, ast.With)
            and "hold_interrupt()" in ast.unparse(node.items[0])
        ]
        assert len(re.findall(optimizer, "".join(held))) == len(found), path.name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_use_only_records_that_an_early_stop_leaves(path):
    """Only the first and the last record of ``fit`` always exist. And a notebook that makes
    an optimizer before it calls ``fit`` holds a stop during the imports, as ``fit`` does.
    """
    cells = json.loads(path.read_text("utf-8"))["cells"]
    code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    tree = ast.parse("\n".join(code))
    records = {
        ast.unparse(node.targets[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("fit(")
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in records:
            assert ast.unparse(node.slice) in ("0", "-1"), ast.unparse(node)
    fits, trained = {"fit"}, False  # functions that train; whether one has been called
    for statement in tree.body:
        nodes = ast.walk(statement)
        calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
        held = trained or "hold_interrupt" in calls
        assert held or "torch.optim." not in " ".join(calls), ast.unparse(statement)
        if not calls & fits:
            continue
        if isinstance(statement, ast.FunctionDef):
            fits.add(statement.name)
        else:
            trained = True
