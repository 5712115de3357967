"""Checks accept right answers of several styles, and refuse their mistakes and others."""

from importlib import import_module
from pathlib import Path

import pytest
import torch
from answers import (
    autoencoder,
    denoising_autoencoder,
    diffusion,
    elbo,
    gan_and_comparison,
    generative_models,
    gradient_estimators,
    pca,
    posterior_collapse,
    probabilistic_autoencoder,
    sparse_autoencoder,
    trained_vae,
    variational_autoencoder,
    vq_vae,
    your_own_data,
)
from comparisons import compared, comparison_of

from course_utils import exercises, objectives
from course_utils.exercises.variational_autoencoder import check_reparameterize

NOTEBOOKS = (
    generative_models,
    autoencoder,
    pca,
    sparse_autoencoder,
    denoising_autoencoder,
    probabilistic_autoencoder,
    variational_autoencoder,
    trained_vae,
    elbo,
    gradient_estimators,
    posterior_collapse,
    vq_vae,
    diffusion,
    gan_and_comparison,
    your_own_data,
)
RIGHT = {
    check: answers for notebook in NOTEBOOKS for check, answers in notebook.RIGHT.items()
}
WRONG = {
    check: answers for notebook in NOTEBOOKS for check, answers in notebook.WRONG.items()
}


SLOW = {"image by image": pytest.mark.slow}  # 4000 images, ten times


def cases(table):
    return [
        pytest.param(check, answer, id=f"{check.__name__}-{name}", marks=SLOW.get(name, ()))
        for check, answers in table.items()
        for name, answer in answers.items()
    ]


@pytest.mark.parametrize("check, answer", cases(RIGHT))
def test_right_answers_are_accepted(check, answer):
    result = check(answer)
    assert result.status == "right", result.message


@pytest.mark.slow
@pytest.mark.parametrize("check, answer", cases(WRONG))
def test_wrong_answers_are_refused(check, answer):
    """With the right hint, or none: it must not name a mistake that was not made."""
    part, answer = answer
    result = compared(check, answer)
    assert result.status == "wrong"
    message, _, hint = result.message.partition(" Hint: ")
    assert part and part in (f"Hint: {hint}" if hint else message)


@pytest.mark.parametrize(
    "check, answer",
    [
        pytest.param(check, next(iter(answers.values())), id=check.__name__)
        for check, answers in RIGHT.items()
        if callable(next(iter(answers.values())))
    ],
)
def test_an_error_or_nan_of_another_origin_gets_no_hint(check, answer):
    """A hint names a mistake; it must have been made."""

    def fails(*_):
        raise RuntimeError("of another origin")

    def is_nan(*arguments):
        # Of a function that gets networks, the output of the decoder is nan.
        if callable(arguments[0]) and callable(arguments[1]):
            f, g, *more = arguments
            return answer(f, lambda z: torch.nan * g(z), *more)
        value = answer(*arguments)
        return torch.nan * value if isinstance(value, torch.Tensor) else torch.nan

    for wrong in fails, is_nan:
        result = check(wrong)
        assert result.status == "wrong"
        assert "Hint" not in result.message


@pytest.mark.slow
@pytest.mark.parametrize("check", RIGHT)
def test_each_mistake_of_a_check_is_refused_with_its_own_hint(check):
    """A right answer in the table, or a copy of another mistake, would get another hint."""
    mistakes = comparison_of(check)[1]["mistakes"]
    assert len(mistakes) >= 5
    for hint, mistake in mistakes.items():
        result = compared(check, mistake)
        assert result.status == "wrong", hint
        assert result.message.endswith(f" Hint: {hint}")


@pytest.mark.parametrize("check", RIGHT)
def test_a_stub_is_to_do(check):
    def stub(*_, **__):
        raise NotImplementedError

    is_prediction = not any(callable(answer) for answer in RIGHT[check].values())
    assert check(None if is_prediction else stub).status == "todo"


def test_every_check_has_right_and_wrong_answers():
    modules = [
        import_module(f"course_utils.exercises.{path.stem}")
        for path in Path(exercises.__path__[0]).glob("[a-z]*.py")
    ]
    checks = {
        value
        for module in modules
        for name, value in vars(module).items()
        if name.startswith("check_")
    }
    assert checks == set(RIGHT) == set(WRONG)
    assert all(len(answers) >= 3 for answers in RIGHT.values())
    assert all(WRONG.values())


def test_a_check_does_not_change_the_random_state():
    torch.manual_seed(0)
    expected = torch.randn(3)
    torch.manual_seed(0)
    check_reparameterize(objectives.reparameterize)
    assert torch.randn(3).equal(expected)
