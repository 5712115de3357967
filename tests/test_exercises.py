"""Every check accepts right answers in several styles and refuses typical wrong ones."""

import inspect
from collections import defaultdict
from importlib import import_module

import pytest
import torch
from answers import (
    autoencoder,
    denoising_autoencoder,
    elbo,
    gan_and_diffusion,
    generative_models,
    pca,
    posterior_collapse,
    probabilistic_autoencoder,
    sparse_autoencoder,
    variational_autoencoder,
    vq_vae,
)

from course_utils import objectives
from course_utils.exercises import grading
from course_utils.exercises.pca import check_pca_reconstruction
from course_utils.exercises.variational_autoencoder import check_reparameterize

NOTEBOOKS = (
    generative_models,
    autoencoder,
    pca,
    sparse_autoencoder,
    denoising_autoencoder,
    probabilistic_autoencoder,
    variational_autoencoder,
    elbo,
    posterior_collapse,
    vq_vae,
    gan_and_diffusion,
)
RIGHT = {
    check: answers for notebook in NOTEBOOKS for check, answers in notebook.RIGHT.items()
}
WRONG = {
    check: answers for notebook in NOTEBOOKS for check, answers in notebook.WRONG.items()
}


def cases(table):
    return [
        pytest.param(check, answer, id=f"{check.__name__}-{name}")
        for check, answers in table.items()
        for name, answer in answers.items()
    ]


@pytest.mark.parametrize("check, answer", cases(RIGHT))
def test_right_answers_are_accepted(check, answer):
    verdict = check(answer)
    assert verdict.status == "right", verdict.message


@pytest.fixture(scope="module")
def messages():
    """What has been said of the wrong answers, for each check."""
    return defaultdict(list)


@pytest.mark.parametrize("check, answer", cases(WRONG))
def test_wrong_answers_are_refused(check, answer, messages):
    hint, answer = answer
    verdict = check(answer)
    messages[check].append(verdict.message)
    assert verdict.status == "wrong"
    assert hint and hint in verdict.message


@pytest.mark.parametrize("check", WRONG)
def test_every_hint_is_given_to_somebody(check, messages, monkeypatch):
    """Whole: a part of it may stand in the message for another reason."""
    answers = [answer for _, answer in WRONG[check].values()]
    if len(messages[check]) < len(answers):  # the tests above have not all run
        messages[check] = [check(answer).message for answer in answers]
    module, hints = inspect.getmodule(check), set()
    for judge in (grading.compare, grading.compare_value):

        def listen(*arguments, judge=judge, **words):
            call = inspect.signature(judge).bind(*arguments, **words)
            hints.update(call.arguments.get("mistakes", {}))
            return judge(*arguments, **words)

        monkeypatch.setattr(module, judge.__name__, listen, raising=False)
    check(answers[0])
    assert hints
    said = " ".join(messages[check])
    assert {hint for hint in hints if hint not in said} == set()


@pytest.mark.parametrize("check", RIGHT)
def test_a_stub_is_still_to_do(check):
    def stub(*_, **__):
        raise NotImplementedError

    is_prediction = not any(callable(answer) for answer in RIGHT[check].values())
    assert check(None if is_prediction else stub).status == "todo"


def test_every_check_has_right_and_wrong_answers():
    checks = {
        value
        for answers in NOTEBOOKS
        for module in [
            import_module(f"course_utils.exercises.{answers.__name__.split('.')[1]}")
        ]
        for name, value in vars(module).items()
        if name.startswith("check_")
    }
    assert checks == set(RIGHT) == set(WRONG)
    assert all(len(answers) >= 3 for answers in RIGHT.values())
    assert all(len(answers) >= 6 for answers in WRONG.values())


def test_an_answer_must_not_change_its_arguments():
    def centers_in_place(x, mean, components):
        x -= mean
        return mean + x @ components.T @ components

    verdict = check_pca_reconstruction(centers_in_place)
    assert verdict.status == "wrong" and "changed its argument" in verdict.message


def test_a_check_leaves_the_random_numbers_alone():
    torch.manual_seed(0)
    expected = torch.randn(3)
    torch.manual_seed(0)
    check_reparameterize(objectives.reparameterize)
    assert torch.randn(3).equal(expected)
