"""Every check accepts right answers in several styles and refuses typical wrong ones."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from course_utils import exercises, objectives


def kl_from_distributions(mu, logvar):
    q = Normal(mu, (0.5 * logvar).exp())
    return kl_divergence(q, Normal(torch.zeros_like(mu), 1.0)).sum(1)


def kl_with_loops(mu, logvar):
    rows = []
    for m, v in zip(mu.tolist(), logvar.exp().tolist()):
        terms = [(a * a + b - torch.tensor(b).log().item() - 1) / 2 for a, b in zip(m, v)]
        rows.append(sum(terms))
    return torch.tensor(rows)


RIGHT = {
    exercises.check_kl: {
        "package": objectives.kl_to_standard_normal,
        "torch.distributions": kl_from_distributions,
        "loops": kl_with_loops,
    },
}
WRONG = {
    exercises.check_kl: {
        "sign": lambda mu, logvar: -objectives.kl_to_standard_normal(mu, logvar),
        "missing half": lambda mu, logvar: 2 * objectives.kl_to_standard_normal(mu, logvar),
        "sigma for log sigma²": lambda mu, logvar: (
            0.5 * (mu**2 + logvar**2 - (logvar**2 + 1e-9).log() - 1).sum(1)
        ),
        "mean for sum": lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - logvar - 1).mean(1),
        "no reduction": lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - logvar - 1),
        "forgotten return": lambda mu, logvar: None,
    },
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


@pytest.mark.parametrize("check, answer", cases(WRONG))
def test_wrong_answers_are_refused(check, answer):
    assert check(answer).status == "wrong"


@pytest.mark.parametrize("check", RIGHT)
def test_a_stub_is_still_to_do(check):
    def stub(*_, **__):
        raise NotImplementedError

    assert check(stub).status == "todo"


def test_every_check_has_right_and_wrong_answers():
    checks = {value for name, value in vars(exercises).items() if name.startswith("check_")}
    assert checks == set(RIGHT) == set(WRONG)
    assert all(len(answers) >= 3 for answers in RIGHT.values())
    assert all(len(answers) >= 6 for answers in WRONG.values())
