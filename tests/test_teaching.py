"""docs/teaching.md: its numbers, its plans, its exam and its glossary."""

import html
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from deck_inspection import LAYOUT_PROBLEMS
from reading_time import ROW, measured
from torch.distributions import Categorical, Normal, kl_divergence

from course_utils.generative.vq_vae import perplexity
from course_utils.objectives import gaussian_nll, kl_to_standard_normal
from course_utils.theory.lattice import prior_mass
from course_utils.theory.linear_gaussian import implied_variance, reverse_water_filling
from tools import slides, talk

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PLANS = sorted((ROOT / "docs" / "plans").glob("*.txt"))
PAGE = (ROOT / "docs" / "teaching.md").read_text("utf-8")


def section(heading):
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def text_of(path):
    """What a notebook says, in one line without emphasis."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    source = " ".join("".join(cell["source"]) for cell in cells)
    return re.sub(r"[\s*]+", " ", source).lower()


# --- numbers ----------------------------------------------------------------------------


def test_each_notebook_has_a_row():
    links = re.findall(r"^\| \[(\d\d) .*?\]\(\.\./notebooks/(.+?)\)", PAGE, re.MULTILINE)
    assert [name for _, name in links] == [path.name for path in NOTEBOOKS]
    assert all(name.startswith(number) for number, name in links)


def test_the_numbers_are_those_measured():
    """If this fails: python tests/reading_time.py --write"""
    stated = {row[1]: (int(row[2]), int(row[3])) for row in ROW.finditer(PAGE)}
    numbers = measured()
    assert set(numbers) == set(stated)
    for name, (first, second) in stated.items():
        most = 5 if name.startswith("[") else 0  # minutes; the slides of a lecture
        assert abs(first - numbers[name][0]) <= most, name
        assert abs(second - numbers[name][1]) <= 5, name


@pytest.mark.parametrize("title", ["one_lecture", "two_weeks", "module"])
def test_a_lecture_of_75_minutes_leaves_time_for_questions(title):
    lectures = talk.read_plan(ROOT / "docs" / "plans" / f"{title}.txt")
    minutes = measured()
    assert [name for name in lectures if minutes[name][1] > 67] == []


# --- plans ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_plan_names_slides_that_exist(path):
    assert talk.read_plan(path)
    assert f"(plans/{path.name})" in PAGE


def test_the_module_shows_every_slide_of_every_notebook():
    plan = talk.read_plan(ROOT / "docs" / "plans" / "module.txt")
    assert [path for [(path, _)] in plan.values()] == NOTEBOOKS


@pytest.mark.slow
def test_a_plan_becomes_a_deck_whose_slides_fit(tmp_path, offline):
    plan, target = ROOT / "docs" / "plans" / "one_lecture.txt", tmp_path / "deck.html"
    slides.build_talk(plan, target, stored=True)
    page = offline(target)
    shown = page.evaluate("Reveal.getSlides().map((slide) => slide.id)")
    [(title, parts)] = talk.read_plan(plan).items()
    named = [f"{lesson.stem[3:]}-{name}" for lesson, names in parts for name in names]
    assert [name for name in shown if name in named] == named  # the others: overflow
    assert page.title() == title
    assert page.evaluate(LAYOUT_PROBLEMS) == []


# --- the exam ---------------------------------------------------------------------------

EXAM = re.findall(
    r"^(\d+)\. \((\d\d)\) (.+?)<details><summary>Answer</summary>(.+?)</details>",
    section("Twenty-one exam questions"),
    re.MULTILINE | re.DOTALL,
)


def test_the_exam_has_questions_on_all_notebooks():
    assert [int(number) for number, *_ in EXAM] == list(range(1, 22))
    assert {notebook for _, notebook, *_ in EXAM} == {path.stem[:2] for path in NOTEBOOKS}


def best_on_grid(loss):
    z = np.linspace(-2, 2, 400_001)
    return z[loss(z).argmin()]


def normal(mean, sd=1.0):
    return Normal(torch.tensor(mean), torch.tensor(sd))


def denoiser_and_score():
    """The slopes in x̃ of the best denoiser and of the score, from one point."""
    x = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    noisy = torch.tensor(1.0, dtype=torch.float64)
    weight = (normal(0.0).log_prob(x) + normal(0.0, 0.5).log_prob(noisy - x)).exp()
    noisy.requires_grad_()
    density = normal(0.0, math.sqrt(1.25)).log_prob(noisy)
    [score] = torch.autograd.grad(density, noisy)
    return (weight * x).sum() / weight.sum(), score


def gradients():
    mu, sigma = (torch.tensor(value, requires_grad=True) for value in (1.0, 2.0))
    (mu + 0.5 * sigma).square().backward()
    return mu.grad, sigma.grad


def computed():
    """The numbers that the answers must contain: question -> strings."""
    odds = 0.25 * normal(0.0).log_prob(torch.tensor(1.0)).exp()
    odds /= 0.75 * normal(4.0).log_prob(torch.tensor(1.0)).exp()
    denoised, score = denoiser_and_score()
    zeros = torch.zeros(1, 784)
    off = torch.full((1, 784), math.sqrt(40 / 784))
    kl = kl_to_standard_normal(torch.tensor([[1.0]]), torch.tensor([[math.log(0.25)]]))
    assert torch.allclose(kl, kl_divergence(normal(1.0, 0.5), normal(0.0)))
    dmu, dsigma = gradients()
    weights = torch.tensor([1.0, 3.0])
    level = implied_variance(1 / 100, 0.01)
    variances = torch.tensor([0.8, 0.6, 0.4])
    active, rate, _ = reverse_water_filling(variances, level)
    assert active == 2
    codes = torch.tensor([0, 0, 1, 2])
    return {
        1: [f"{odds:.1f}", f"{odds / (1 + odds):.3f}"],
        2: [f"{math.log(10):.2f} nats"],
        4: [f"= {1 + 0.6 + 0.4:.1f}, a quarter"],
        6: [
            f"{best_on_grid(lambda z: (0.8 - z) ** 2 + abs(z)):.1f}, and exactly "
            f"{best_on_grid(lambda z: (-0.3 - z) ** 2 + abs(z)):.0f}.".replace("-0", "0"),
            f"{best_on_grid(lambda z: (0.8 - z) ** 2 + z**2):.1f} and",
            f"{best_on_grid(lambda z: (-0.3 - z) ** 2 + z**2):.2f}".replace("-", "−"),
        ],
        7: [f"= {784 * 0.25**2:.0f}", f"= {math.sqrt(53 / 784):.2f}"],
        8: [f"= {denoised:.1f} x̃", f"= {score:.1f} x̃".replace("-", "−")],
        9: [f"= {gaussian_nll(zeros, off, sigma=1).item():.1f} nats"],
        10: [f"= {kl.item():.3f} nats"],
        12: [f"= {dmu:.0f}", f"= {dsigma:.0f}"],
        13: [f"{100 * prior_mass(1):.1f} %", f"{100 * prior_mass(1) ** 10:.2f} %"],
        15: [f"{weights.log().mean():.3f}", f"{weights.mean().log():.3f}"],
        17: [f"= {level:.1f}.", f"{rate:.3f} nats"],
        18: [f"{perplexity(codes, 3):.2f}"],
        19: [f"{0.9**10:.3f}", f"= {0.9**5:.3f}"],
        21: [
            f"= {0.75 / 300:.4f}",
            f"σ = {(0.75 / 300) ** 0.5:.2f}",
            f"= {300 / 0.75:.0f}",
        ],
        20: [f"= {0.3 / 0.4:.2f}", f"{2 * Categorical(torch.ones(2)).entropy():.3f}"],
    }


def test_the_numbers_in_the_answers_are_right():
    answers = {int(number): html.unescape(answer) for number, _, _, answer in EXAM}
    for number, strings in computed().items():
        answer = " ".join(answers[number].split())
        assert [s for s in strings if s not in answer] == [], number


# --- questions and glossary -------------------------------------------------------------


def test_each_notebook_has_two_questions_for_a_discussion():
    numbers = re.findall(
        r"^- \*\*(\d\d)\*\* ", section("Questions for a discussion"), re.MULTILINE
    )
    assert numbers == [path.stem[:2] for path in NOTEBOOKS for _ in range(2)]


def test_a_term_of_the_glossary_stands_in_its_notebook():
    rows = re.findall(
        r"^\| (.+?) \| .+ \| (\d\d) \|$",
        section("Glossary").replace(r"\|", "∣"),
        re.MULTILINE,
    )
    assert len(rows) > 40
    assert [number for _, number in rows] == sorted(number for _, number in rows)
    texts = {path.stem[:2]: text_of(path) for path in NOTEBOOKS}
    for term, number in rows:
        for name in re.sub(r" \(.*?\)| [pq]\(.*?\)", "", term).split(", "):
            assert name.lower() in texts[number], (number, name)
