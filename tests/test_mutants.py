"""No check accepts a wrong answer: each is tried with many, made from its solution.

The solution of the notebook is changed at one place (an operator, a number, an axis, a
variable, a missing term, …); it gets arguments that are changed (absolute values, equal
rows, …); where it is a loss, its gradient is cut off; where it draws, it gets a seed.
"""

import ast
from collections import defaultdict
from contextlib import suppress
from functools import cache
from itertools import chain
from pathlib import Path

import mutants
import nbformat
import pytest
from comparisons import compared
from test_exercises import RIGHT
from test_handout import imported

from course_utils.exercises import grading
from tools import handout

pytestmark = pytest.mark.slow  # the whole file takes half a minute

NOTEBOOKS = sorted(Path(__file__, "../../notebooks").resolve().glob("*.ipynb"))

# Their results are numbers to look at, or draws: nothing is trained through them.
WITHOUT_GRADIENT = {
    "check_active_units",
    "check_best_denoiser",
    "check_best_sigma",
    "check_class_draws",
    "check_diffuse",
    "check_distance_to_nearest",
    "check_error_share",
    "check_gaussian_denoiser",
    "check_importance_bound",
    "check_kl_weight",
    "check_langevin_step",
    "check_lattice_sum",
    "check_leading_components",
    "check_linear_elbo",
    "check_m_step",
    "check_mixture_draws",
    "check_mixture_log_density",
    "check_nearest_code",
    "check_pca_error",
    "check_perplexity",
    "check_reverse_step",
    "check_safe_nll",
    "check_score",
    "check_slopes",
    "check_training",
    "check_training_step",
    "check_water_filling",
    "check_weights",
}

# Arguments that are never negative: probabilities, gray values, variances, widths.
NOT_NEGATIVE = {
    "check_kl_weight": {"a", "sigma"},
    "check_m_step": {"r"},
    "check_mixture_draws": {"weights"},
    "check_perplexity": {"share"},
    "check_score": {"x"},
    "check_training_step": {"x"},
    "check_vae_loss": {"x"},
    "check_water_filling": {"eigenvalues"},
}

# Mutants that a check accepts, by check and by the reason why they are no mistakes.
ACCEPTED: dict[str, dict[str, list[str]]] = {
    "check_mixture_log_density": {
        "the sum contains exp(0) = 1": [
            (
                "(log_joint - top).exp().sum(1).log() → "
                "((log_joint - top).exp().sum(1) + 1e-08).log()"
            )
        ],
        "near the largest term is near enough": ["log_joint → log_likelihood"],
    },
    "check_leading_components": {
        "a factor of the matrix does not change its eigenvectors": [
            "centered.T @ centered / len(x) → centered.T @ centered",
            "centered.T @ centered / len(x) → centered.T @ centered * len(x)",
            "len(x) → 2",
            "len(x) → 3",
            "len(x) → 4",
        ],
        "centered columns add up to 0, so one of the factors may keep the mean": [
            "centered → x",
            "centered → x (2)",
        ],
        "components are known up to their sign": ["negated"],
    },
    "check_training": {"tensors of one number are fine": ["loss.item() → loss"]},
    "check_weights": {
        "the further singular vectors are cut off": [
            "False → True",
            "torch.linalg.svd(x - mean, full_matrices=False) → torch.linalg.svd(x - mean)",
        ],
    },
    "check_active_units": {
        "zero stays zero": ["z: absolute values"],
        "the mean does not depend on the order of the images": ["z: rows sorted"],
    },
    "check_dae_loss": {"data have no gradient": ["noisy → noisy.detach()"]},
    "check_langevin_step": {
        "the noise is symmetric": [
            (
                "x + h / 2 * score(x) + math.sqrt(h) * xi → "
                "x + h / 2 * score(x) - math.sqrt(h) * xi"
            )
        ],
    },
    "check_gaussian_nll": {
        "data have no gradient": ["x: detached"],
    },
    "check_kl": {"μ enters by its square": ["mu: absolute values"]},
    "check_training_step": {
        "the value is looked at only": ["loss.detach() → loss"],
    },
    "check_class_draws": {
        "the numbers are on the device of the codes already": [
            "codes → root (3)",
            "torch.randn(n, codes.shape[1]).to(codes) → torch.randn(n, codes.shape[1])",
            (
                "torch.randn(n, codes.shape[1]).to(codes) → "
                "torch.randn(n, codes.shape[1]).to()"
            ),
        ],
    },
    "check_linear_elbo": {
        "a Gaussian is symmetric in x and its mean": [
            (
                "gaussian_nll(x, mu @ w.T + b, sigma=sigma) → "
                "gaussian_nll(mu @ w.T + b, x, sigma=sigma)"
            )
        ],
    },
    "check_importance_bound": {
        "the mean does not depend on the order of the draws": ["log_weights: rows sorted"],
    },
    "check_score_loss": {
        "h has no gradient": [
            "baseline → baseline.detach()",
            "h.sum() → h.sum().detach()",
            "h: detached",
        ],
    },
    "check_water_filling": {
        "active / level is above 1": [
            "(active / level).log() → (active / level + 1e-08).log()"
        ],
    },
    "check_perplexity": {
        "for 512 codes the error is below a hundred-thousandth": [
            "some.log() → (some + 1e-08).log()"
        ],
    },
    "check_straight_through": {"e is detached anyway": ["e: detached"]},
}


@cache
def solutions():
    """Of each check: the name of its answer, the solution, and names."""
    found = {}
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        names = imported(notebook)
        for exercise in handout.exercises_of(notebook):
            call = ast.parse(exercise.check.source).body[-1].value
            check = eval(ast.unparse(call.func), names)
            found[check] = call.args[0].id, exercise.answer, names
    return found


def answer_of(check, source):
    """What a cell with this source binds to the name of the answer."""
    name, _, names = solutions()[check]
    exec(source, space := dict(names))
    return space[name]


@cache
def calls_of(check):
    """The arguments with which a check calls the solution."""
    solution, calls = answer_of(check, solutions()[check][1]), []

    def recorded(*arguments):
        calls.append(arguments)
        return solution(*arguments)

    check(recorded)
    return calls


def wrong_answers(check):
    """What was changed in the solution of a check, and the wrong answer."""
    source = solutions()[check][1]
    solution = answer_of(check, source)
    gradient = callable(solution) and check.__name__ not in WITHOUT_GRADIENT
    for what, changed in mutants.mutants(source, gradient):
        with suppress(Exception):  # the cell itself fails, so there is no answer
            answer = answer_of(check, changed)
            if callable(answer) or answer != solution:
                yield what, answer
    if not callable(solution):
        return
    calls, not_negative = calls_of(check), NOT_NEGATIVE.get(check.__name__, set())
    yield from mutants.changed_arguments(solution, calls, gradient, not_negative)
    yield from mutants.changed_results(solution, gradient)
    if "rand" in source or "multinomial" in source:
        yield from mutants.with_own_seed(solution)


@cache
def all_wrong_answers(check):
    return list(wrong_answers(check))


@pytest.mark.parametrize("check", RIGHT)
def test_a_check_accepts_no_mutant_of_its_solution(check, monkeypatch):
    monkeypatch.setattr(grading, "_hint", lambda *_: "")  # its search takes long
    answers = all_wrong_answers(check)
    accepted = {
        what for what, answer in answers if compared(check, answer).status != "wrong"
    }
    # No mutant has changed the cases.
    assert compared(check, answer_of(check, solutions()[check][1])).status == "right"
    explained = set(chain(*ACCEPTED.get(check.__name__, {}).values()))
    assert accepted == explained, "\n".join(sorted(accepted ^ explained))


def takes_arguments(check):
    return callable(next(iter(RIGHT[check].values())))


@pytest.mark.parametrize("check", list(filter(takes_arguments, RIGHT)))
def test_no_argument_of_a_check_always_has_one_size(check):
    """An answer that is right for that size only would be accepted."""
    of_axis = defaultdict(set)
    for arguments in calls_of(check):
        for position, argument in enumerate(arguments):
            for axis, size in enumerate(getattr(argument, "shape", ())):
                of_axis[position, axis].add(size)
    assert not {axis: sizes for axis, sizes in of_axis.items() if len(sizes) == 1}


def test_at_most_one_mutant_in_a_hundred_is_accepted_and_the_docs_say_which():
    """The rows of docs/robustness.md; a failure shows what they have to be."""
    assert set(solutions()) == set(RIGHT)
    rows, total, total_accepted = [], 0, 0
    for check in solutions():
        made, why = len(all_wrong_answers(check)), ACCEPTED.get(check.__name__, {})
        accepted = sum(map(len, why.values()))
        cells = f"`{check.__name__}`", made, made - accepted, accepted, "; ".join(why)
        rows.append(f"| {' | '.join(map(str, cells))} |".replace("  |", " |"))
        total, total_accepted = total + made, total_accepted + accepted
    assert 100 * total_accepted <= total
    refused = total - total_accepted
    rows.append(f"| all | {total:,} | {refused:,} | {total_accepted} | |")
    page = Path(NOTEBOOKS[0].parent, "../docs/robustness.md").read_text("utf-8")
    assert "\n".join(rows) in page, "\n".join(rows)
