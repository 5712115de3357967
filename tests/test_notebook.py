"""Sources, claims and guesses: what notebooks print about themselves."""

import inspect
import math

import pytest
import torch

from course_utils import objectives
from course_utils.notebook import answer, claims_with, show_source


def test_the_source_shown_is_the_source_that_runs():
    shown = show_source(objectives.ae_loss).data
    first, *lines, last = shown.splitlines()
    assert (first, last) == ("```python", "```")
    assert "\n".join(lines) + "\n" == inspect.getsource(objectives.ae_loss)


def test_several_functions_are_shown_in_the_given_order():
    shown = show_source(objectives.pae_loss, objectives.ae_loss).data
    assert shown.count("```") == 2
    assert 0 < shown.index("def pae_loss") < shown.index("\n\n\ndef ae_loss")
    code = shown.removeprefix("```python\n").removesuffix("\n```")
    compile(code, "shown", "exec")  # what students see is Python


def test_a_method_is_shown_without_indentation():
    from course_utils.models import Autoencoder

    assert "\ndef forward(" in show_source(Autoencoder.forward).data


# --- claims -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "measurement",
    [
        ("below", 1.9, "<", 2),
        ("above", 2.1, ">", 2),
        ("exactly at the tolerance", 2.25, "=", 2, 0.25),
        ("a tensor", torch.tensor([1.9]), "<", torch.tensor(2.0)),
    ],
)
def test_a_claim_that_holds_is_its_sentence(measurement, capsys):
    claims_with({})("It holds.", measurement)
    assert capsys.readouterr().out == "It holds.\n"


@pytest.mark.parametrize(
    "measurement, expected",
    [
        (("error", 2.5, "<", 2), "error: 2.5 instead of below 2, off by 0.5"),
        (("error", 2, "<", 2), "error: 2 instead of below 2, off by 0"),
        (("gain", 1, ">", 3), "gain: 1 instead of above 3, off by 2"),
        (("gap", 0.5, "=", 0, 0.1), "gap: 0.5 instead of 0 ± 0.1, off by 0.5"),
        *(
            (("loss", math.nan, *wanted), "loss: nan instead of")
            for wanted in [("<", 2), (">", 2), ("=", 2, 1)]
        ),
    ],
)
def test_a_claim_that_does_not_hold_says_what_missed_by_how_much(
    measurement, expected, capsys
):
    claims_with({})("It holds.", ("fine", 1, "<", 2), measurement)
    shown = capsys.readouterr().out
    assert shown.startswith("Not in this run: It holds.\n") and expected in shown
    assert "fine" not in shown and "course was measured" not in shown


def test_a_claim_that_does_not_hold_names_the_settings_that_differ(capsys):
    notebook = {"EPOCHS": 1, "HIDDEN": (64,)}
    claims_with(notebook, EPOCHS=6, HIDDEN=(64,))("It holds.", ("error", 2, "<", 1))
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "The course was measured with EPOCHS = 6; you have 1."


def test_a_claim_with_an_unknown_relation_is_an_error():
    for measurement in [("x", 1, "≤", 2), ("x", 1, "=", 2), ("x", 1, "<", 2, 3)]:
        with pytest.raises(ValueError, match="tolerance"):
            claims_with({})("It holds.", measurement)


# --- guesses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "guess, measured, verdict",
    [
        (0.5, 0.568, "0.068 too low"),
        (0.6, torch.tensor(0.5), "0.1 too high"),
        (0.05, 0.5, "too low by a factor of 10"),
        (5, 0.5, "too high by a factor of 10"),
        (-2, 3, "5 too low"),
        (0, 3, "3 too low"),
        (784, 784.2, "exact"),
        (0, 2e-6, "exact"),
        (1000, 1234.5, "234 too low"),
        (1, 19_600_000, "too low by a factor of 19 600 000"),
        ("half", 0.5, "not a number"),
        ("Wide ", "wide", "right"),
        ("c=50", "c = 50", "right"),
        ("narrow", "wide", "not what was measured"),
    ],
)
def test_a_guess_is_answered_by_how_far_off_it_was(guess, measured, verdict, capsys):
    answer(guess, measured, "nats")
    assert capsys.readouterr().out.endswith(f"Your guess: {guess}. That is {verdict}.\n")


def test_without_a_guess_only_the_measurement_is_shown(capsys):
    answer(None, 142.26, "nats")
    answer(None, 19_600_000.0, "years")
    answer(None, "wide")
    shown = "Measured: 142 nats.\nMeasured: 19 600 000 years.\nMeasured: wide.\n"
    assert capsys.readouterr().out == shown
