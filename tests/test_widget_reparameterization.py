"""Reparameterization in Python: its state, traits and errors. The view: tests/browser."""

import numpy as np
import pytest
import torch
from traitlets import TraitError

from course_utils.theory.gradient_estimators import (
    reparameterized_gradients,
    score_function_gradients,
)
from course_utils.widgets import Reparameterization


def h(z):
    return z.square() + z.sin()


def exact(mu, sigma):
    """The derivatives of E[h] = μ² + σ² + e^(−σ²/2) sin μ by μ and σ."""
    mu, sigma = (
        torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (mu, sigma)
    )
    value = mu**2 + sigma**2 + torch.exp(-(sigma**2) / 2) * mu.sin()
    return [slope.item() for slope in torch.autograd.grad(value, (mu, sigma))]


def test_the_gradient_is_that_of_the_closed_form():
    for mu, sigma in ((0.0, 1.0), (0.5, 0.3), (-2.0, 1.5)):
        play = Reparameterization(h, mu=mu, sigma=sigma)
        # The trapezoidal rule is nearly exact: h times the density vanishes at both ends.
        assert play.gradient == pytest.approx(exact(mu, sigma), abs=1e-6)


def test_estimates_are_those_of_gradients_for_the_present_draws():
    play = Reparameterization(h, mu=0.5, sigma=0.8)
    play.draws, play.number = 16, 7
    for found, estimator in (
        (play.reparameterized, reparameterized_gradients),
        (play.score_function, score_function_gradients),
    ):
        assert found == pytest.approx(estimator(h, 0.5, 0.8, play.eps).mean(0).tolist())


def test_h_and_its_slope_are_sent_on_a_lattice_that_holds_every_draw():
    play = Reparameterization(h)
    heights, slopes = (np.frombuffer(v, "<f8") for v in (play.heights, play.slopes))
    z = np.linspace(-play.reach, play.reach, len(heights))
    assert heights == pytest.approx(z**2 + np.sin(z))
    assert slopes == pytest.approx(2 * z + np.cos(z))
    noise = np.frombuffer(play.noise, "<f4")
    assert (
        len(noise) == 400 * 16 and abs(noise.mean()) < 0.05 and abs(noise.std() - 1) < 0.05
    )
    most = play.limits["mu"][1] + play.limits["sigma"][1] * abs(noise).max()
    assert most <= play.reach + 1e-6


def test_values_from_the_view_can_be_observed():
    play, changes = Reparameterization(h), []
    names = ["mu", "sigma", "keep", "number", "draws"]
    play.observe(lambda change: changes.append((change["name"], change["new"])), names)
    play.set_state({"mu": 1.25, "sigma": 0.5, "keep": False, "number": 3, "draws": 1})
    assert dict(changes) == {
        "mu": 1.25, "sigma": 0.5, "keep": False, "number": 3, "draws": 1}  # fmt: skip
    assert play.eps.shape == (1,)


def test_the_sets_of_draws_are_always_the_same():
    assert Reparameterization(h).noise == Reparameterization(h).noise


@pytest.mark.parametrize(
    "name, value",
    [("mu", 2.6), ("mu", float("nan")), ("sigma", 0), ("sigma", 2), ("draws", 3),
     ("number", 400), ("number", -1), ("keep", "perhaps")],
)  # fmt: skip
def test_traits_refuse_invalid_values(name, value):
    with pytest.raises(TraitError):
        setattr(Reparameterization(h), name, value)


REFUSED = {
    "a number": (lambda: Reparameterization(3), TypeError, "must be a function"),
    "a mean": (lambda: Reparameterization(torch.mean), ValueError, "one number for each z"),
    "no slope": (
        lambda: Reparameterization(lambda z: z.detach()), ValueError, "no gradient by z"),
    "a jump": (lambda: Reparameterization(lambda z: z.sign() + 0 * z), ValueError, "jumps"),
    "a kink": (lambda: Reparameterization(lambda z: 9 * z.abs()), ValueError, "sharply"),
    "a logarithm": (lambda: Reparameterization(torch.log), ValueError, "must be finite"),
    "mu beyond": (lambda: Reparameterization(h, mu=4), TraitError, "mu .*2.5.*not 4"),
    "sigma of 0": (lambda: Reparameterization(h, sigma=0), TraitError, "sigma"),
    "an unknown argument": (lambda: Reparameterization(h, eps=1), TypeError, "eps"),
}  # fmt: skip


@pytest.mark.parametrize("call, error, message", REFUSED.values(), ids=REFUSED)
def test_invalid_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_it_has_a_static_picture_and_a_stable_repr():
    play = Reparameterization(h)
    assert play.picture().startswith(b"\x89PNG")
    assert repr(play) == "Reparameterization(h on [−5, 5], 400 sets of ε)"
