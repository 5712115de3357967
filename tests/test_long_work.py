"""Long work shows a bar after two seconds, can be stopped, and keeps its memory bounded."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils import progress
from course_utils.models import VAE
from course_utils.objectives import vae_loss
from course_utils.theory.elbo import elbo, importance_weighted_bound, rate_and_distortion
from course_utils.theory.evidence import kl_to_true_posterior, log_evidence
from course_utils.theory.information import active_units, mutual_information
from course_utils.theory.lattice import Lattice
from course_utils.training import evaluate

D = 8
BOX = Lattice(5.0, 21)
WORK = {
    "elbo": lambda model, x: elbo(model.encoder, model.decoder, x, samples=2),
    "rate and distortion": lambda model, x: rate_and_distortion(
        model.encoder, model.decoder, x
    ),
    "importance weighted": lambda model, x: importance_weighted_bound(
        model.encoder, model.decoder, x, samples=2
    ),
    "log p(x)": lambda model, x: log_evidence(model.decoder, x, lattice=BOX),
    "KL to the posterior": lambda model, x: kl_to_true_posterior(
        model.encoder, model.decoder, x, lattice=BOX
    ),
    "active units": lambda model, x: active_units(model.encoder, x),
    "mutual information": lambda model, x: mutual_information(model.encoder, x),
    "evaluate": lambda model, x: evaluate(model, vae_loss, x),
}
works = pytest.mark.parametrize("work", WORK.values(), ids=WORK)


def model():
    torch.manual_seed(0)
    vae = VAE(D, 2, (16,))
    vae.encoder[-1].logvar.bias.data.fill_(-1.0)
    return vae


class Largest(TorchDispatchMode):
    """The number of elements of the largest tensor that any operation gives."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, torch.Tensor):
                owned = tensor.untyped_storage().nbytes() // tensor.element_size()
                self.elements = max(self.elements, min(owned, tensor.numel()))
        return result


@works
@pytest.mark.slow
def test_no_tensor_grows_with_the_data_but_the_codes_and_the_results(work):
    """Twice the images: the largest tensor of all operations is the same."""
    vae, largest = model(), []
    for n in (4096, 8192):
        x = torch.rand(n, D)
        with Largest() as mode:
            work(vae, x)
        largest.append(mode.elements)
    # Views of the images themselves are no larger than these, 8192 · 8 numbers.
    assert largest[1] <= max(largest[0], 8192 * D)


@works
def test_batches_do_not_change_the_result(work, monkeypatch):
    vae, x, results = model(), torch.rand(70, D), []
    for rows in (16, 1000):
        monkeypatch.setattr("course_utils._validation.ROWS", rows)
        torch.manual_seed(1)
        results.append(work(vae, x))
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in WORK if name != "active units"])
def test_long_work_shows_its_progress(name, monkeypatch):
    shown = []

    def bar(steps, **settings):
        shown.append(settings)
        return steps

    monkeypatch.setattr(progress, "tqdm", bar)
    monkeypatch.setattr(progress, "BAR_AFTER", -1)
    WORK[name](model(), torch.rand(20, D))
    assert shown and all(settings["leave"] is False for settings in shown)


def test_a_late_bar_goes_on_where_the_work_is(monkeypatch):
    """With every step once, and none before its time."""
    now, bars = iter(range(100)), []

    def bar(steps, **settings):
        bars.append((list(steps), settings["initial"], settings["total"]))
        return steps

    monkeypatch.setattr(progress, "tqdm", bar)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    assert list(progress.progress(range(2), "step")) == [0, 1]
    assert not bars
    assert list(progress.progress(range(6), "step")) == [*range(6)]
    assert bars == [([2, 3, 4, 5], 2, 6)]


@works
def test_long_work_can_be_stopped(work):
    vae = model()
    calls = []

    def stop(layer, inputs, output):
        calls.append(layer)
        if len(calls) == 2:
            raise KeyboardInterrupt

    for network in (vae.encoder, vae.decoder):
        network.register_forward_hook(stop)
    vae.train()
    with pytest.raises(KeyboardInterrupt):
        work(vae, torch.rand(3000, D))
    assert all(layer.training for layer in vae.modules())
