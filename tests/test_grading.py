"""compare and compare_value: a result for any answer, with the hint for its mistake."""

import math
import threading
import time
from decimal import Decimal
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch

from course_utils.exercises import grading
from course_utils.exercises.grading import CheckResult, compare, compare_value, progress

CASES = {"three numbers": (torch.tensor([1.0, 2, 3]),), "one": (torch.tensor([4.0]),)}
MISTAKES = {
    "the sign.": lambda x: -x.square().sum(),
    "a sum, no mean.": lambda x: x.square().mean(),
    "square first.": lambda x: x.sum().square(),
    "one number.": lambda x: x.square(),
    "one loss, no dict.": lambda x: {},
}


def not_implemented(*message):
    raise NotImplementedError(*message)


def check(answer):
    return compare(answer, lambda x: x.square().sum(), CASES, MISTAKES)


def test_the_message_for_a_right_answer_counts_the_cases():
    assert check(lambda x: x @ x) == CheckResult("right", "All 2 cases agree.")


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda x: -(x @ x), "the sign."),
        (lambda x: (x**2).mean(), "a sum, no mean."),
        (lambda x: x.sum() ** 2, "square first."),
        (lambda x: x * x, "one number."),
        (lambda x: {"loss": x @ x}, "one loss, no dict."),
    ],
)
def test_the_message_for_a_common_mistake_ends_with_its_hint(answer, hint):
    result = check(answer)
    assert result.status == "wrong"
    assert result.message.startswith("three numbers: expected ")
    assert result.message.endswith(f"Hint: {hint}")


def test_the_wrapper_is_applied_to_answer_reference_and_mistakes():
    def doubled(function):
        return lambda x: 2 * function(x)

    def message(answer):
        mistakes = {"add nothing.": lambda x: x + 1}
        return compare(answer, lambda x: x, CASES, mistakes, wrapper=doubled).message

    assert message(lambda x: x) == "All 2 cases agree."
    assert message(lambda x: x + 1) == (
        "three numbers: expected 2, 4, 6, got 4, 6, 8. Hint: add nothing."
    )


def test_a_hint_needs_the_mistake_in_every_case():
    result = check(lambda x: -(x @ x) if len(x) == 3 else x @ x)
    assert result.status == "wrong" and "Hint" not in result.message


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda x: None, "a return may be missing"),
        (lambda x: 14.0, "expected a tensor, got float"),
        (lambda x: x, "expected shape (), got (3,)"),
        (lambda x: x.sum() / 0, "got inf"),
        (lambda x: 1 / 0, "ZeroDivisionError"),
        (lambda x: exit(), "SystemExit"),
        (lambda: 0, "TypeError"),
        (lambda x: x.zero_().sum(), "changed its argument"),
        ("x.square().sum()", "TypeError"),
        (lambda x: not_implemented("only whole numbers"), "only whole numbers"),
    ],
)
def test_the_message_for_another_mistake_describes_the_difference(answer, message):
    result = check(answer)
    assert result.status == "wrong" and message in result.message


def test_mistakes_that_give_nan_or_raise_have_hints():
    mistakes = {
        "nan is no number.": lambda x: x.sum() * math.nan,
        "it fails.": not_implemented,
    }
    for answer, hint in [(lambda x: (x - x) / 0, None), (lambda x: x.sum() * 0 / 0, "nan")]:
        message = compare(answer, lambda x: x.sum(), CASES, mistakes).message
        assert f"Hint: {hint}" in message if hint else "Hint" not in message
    result = compare(lambda x: 1 / 0, lambda x: x, CASES, {"it fails.": lambda x: 1 / 0})
    assert result.message.endswith("Hint: it fails.")
    result = compare(lambda x: 1 / 0, lambda x: x, CASES, {"nothing.": lambda x: None})
    assert "Hint" not in result.message


def test_a_stub_is_to_do():
    result = check(lambda x: not_implemented())
    assert result.status == "todo" and "NotImplementedError" in result.message
    result = compare_value(None, 3)
    assert result.status == "todo" and "None" in result.message


def test_every_case_counts_and_nan_is_never_right():
    result = check(lambda x: x @ x if len(x) == 3 else -(x @ x))
    assert result.status == "wrong" and result.message.startswith("one: expected ")
    nan = partial(torch.mul, other=math.nan)
    assert compare(nan, nan, CASES).status == "wrong"


def test_a_case_may_hold_arguments_that_are_not_tensors():
    result = compare(lambda x, k: k * x, lambda x, k: x * k, {"twice": (torch.ones(2), 2)})
    assert result.status == "right"


def test_an_answer_runs_in_a_daemon_thread():
    daemons = []
    check(lambda x: daemons.append(threading.current_thread().daemon))
    assert daemons and all(daemons)


@pytest.mark.parametrize("at, mistake, most", [(0.0, 0.0, 1e-5), (1e3, 1e-4, 0.0)])
def test_only_rounding_errors_are_tolerated(at, mistake, most):
    def status(share):
        off = share * (mistake * at + most)
        return compare(
            lambda x: x + off, lambda x: x, {"one": (torch.tensor([at]),)}
        ).status

    assert status(0.5) == "right" and status(2.0) == "wrong"


def test_an_answer_in_double_precision_is_right():
    assert check(lambda x: x.double().square().sum()).status == "right"


def test_one_number_may_come_in_any_shape():
    assert check(lambda x: x.square().sum(0, keepdim=True)).status == "right"
    result = check(lambda x: x.square()[:2])
    assert result.status == "wrong" and "expected shape (), got (2,)" in result.message


def test_whole_numbers_that_came_as_floats_are_refused():
    """They are no indices."""

    def argmax(x):
        return x.argmax()

    assert compare(lambda x: x.argmax().int(), argmax, CASES).status == "right"
    result = compare(lambda x: x.argmax() + 0.0, argmax, CASES)
    assert "expected whole numbers (torch.int64), got torch.float32" in result.message


@pytest.mark.parametrize("scale, words", [(-1.0, "is not positive"), (math.nan, "is nan")])
def test_a_wrong_scale_of_a_distribution_is_said_in_words(scale, words):
    result = check(lambda x: torch.distributions.Normal(x, scale).sample())
    assert f"the scale of a distribution {words}. A scale is a standard" in result.message


def test_distributions_are_validated_also_after_torch_compile(monkeypatch):
    """It turns their checks off for the whole process, and a verdict would depend on it."""
    distribution = torch.distributions.Distribution
    monkeypatch.setattr(distribution, "_validate_args", False)
    result = check(lambda x: torch.distributions.Bernoulli(0.5 + 0 * x).log_prob(x))
    assert "Boolean()" in result.message and "Gray pixels" in result.message
    assert distribution._validate_args is False


FIXED = torch.randn(3, generator=torch.Generator().manual_seed(0))


def own_seed(x):
    torch.manual_seed(3)
    return torch.randn_like(x)


@pytest.mark.parametrize(
    "draw",
    [
        own_seed,
        lambda x: torch.randn(x.shape, generator=torch.Generator()),
        lambda x: FIXED[: len(x)],
    ],
)
@pytest.mark.parametrize("scale", [1.0, 1e-9])  # with another value, or with the same
def test_an_answer_draws_anew_where_the_reference_does(draw, scale):
    def status_and_message(draw):
        result = compare(
            lambda x: x + scale * draw(x).double(),
            lambda x: x + scale * torch.randn_like(x).double(),
            CASES,
        )
        return result.status, result.message

    assert status_and_message(torch.randn_like)[0] == "right"
    status, message = status_and_message(draw)
    assert status == "wrong" and message.endswith(f"Hint: {grading.SEED_HINT}")


def test_numbers_that_the_check_cannot_repeat_get_a_hint_unless_statistics_are_compared():
    generator = torch.Generator()

    def message(rtol):
        return compare(
            lambda x: 2 * torch.randn(x.shape, generator=generator),
            torch.randn_like,
            CASES,
            rtol=rtol,
        ).message

    assert message(1e-4).endswith(grading.GENERATOR_HINT)
    assert "Hint" not in message(1e-2)


def test_an_answer_that_fails_or_has_another_shape_gets_no_hint_about_seeds():
    for wrong in (lambda x: x[:0], lambda x: None, lambda x: 1 / 0):
        assert "Hint" not in compare(wrong, torch.randn_like, CASES).message


def test_of_many_numbers_the_first_four_are_shown():
    def message(n):
        return compare(
            lambda x: x + 1, lambda x: x, {"n": (torch.arange(n) / 1.0,)}
        ).message

    assert message(4) == "n: expected 0, 1, 2, 3, got 1, 2, 3, 4."
    assert message(5) == "n: expected 0, 1, 2, 3, …, got 1, 2, 3, 4, …."


def test_an_endless_loop_is_stopped(monkeypatch):
    monkeypatch.setattr(grading, "SECONDS", 0.2)

    def endless(x):
        while True:
            x = x + 1

    start, before = time.monotonic(), threading.active_count()
    result = check(endless)
    assert result.status == "wrong" and "still running" in result.message
    assert time.monotonic() - start < 5  # one case of 0.2 s, on a busy machine
    while threading.active_count() > before:  # until the thread has ended
        time.sleep(0.01)


def test_random_numbers_are_the_same_for_all_and_the_state_is_kept():
    torch.manual_seed(1)
    expected = torch.randn(3)
    torch.manual_seed(1)
    draw = torch.randn_like
    assert compare(draw, lambda x: torch.randn_like(x), CASES).status == "right"
    assert torch.randn(3).equal(expected)


def test_a_wide_tolerance_is_relative():
    def status(share, rtol):
        return compare(lambda x: x * share, lambda x: x, CASES, rtol=rtol).status

    assert status(1.02, 0.03) == "right" and status(1.04, 0.03) == "wrong"


@pytest.mark.parametrize(
    "answer, want, status",
    [
        (None, 3, "todo"),
        (3, 3, "right"),
        (3.0, 3, "right"),
        (torch.tensor(3.0), 3, "right"),
        (torch.tensor([3.0], requires_grad=True), 3, "right"),
        ([3], 3, "right"),
        (np.array([[3.0]]), 3, "right"),
        (Fraction(3), 3, "right"),
        (Decimal(3), 3, "right"),
        (2.9, 3, "wrong"),
        (3.00001, 3, "wrong"),
        (1e-9, 0, "wrong"),
        (float("nan"), 3, "wrong"),
        ("three", 3, "wrong"),
        (" Left", "left", "right"),
        ("right", "left", "wrong"),
        ((2, 3), (2, 3), "right"),
        (torch.Size([2, 3]), [2, 3], "right"),
        ((2, 3, 1), (2, 3), "wrong"),
        (2, (2, 3), "wrong"),
        (print, 3, "wrong"),
    ],
)
def test_predictions_are_compared_by_value(answer, want, status):
    assert compare_value(answer, want).status == status


def test_a_prediction_may_be_near_and_gets_a_hint_but_never_the_answer():
    mistakes = {"count the rows.": 5, "think of λ = 0.": 7}
    assert compare_value(98, 100, rtol=0.03).status == "right"
    assert compare_value(96, 100, rtol=0.03).status == "wrong"
    result = compare_value(7, 100, mistakes)
    assert result.message == "It is not 7. Hint: think of λ = 0."
    assert "Hint" not in compare_value(8, 100, mistakes).message
    assert "100" not in compare_value("a", 100).message


@pytest.mark.parametrize(
    "answer, want, kind",
    [
        ("three", 3, "a number"),
        (3, "left", "a word"),
        (2, (2, 3), "several numbers in brackets"),
    ],
)
def test_the_message_for_a_prediction_of_another_type_names_the_type(answer, want, kind):
    message = f"{answer!r} is not {kind}, which was asked for."
    assert compare_value(answer, want).message == message


@pytest.mark.parametrize(
    "status, message",
    [("todo", "✏️ To do."), ("wrong", "❌ Not yet."), ("right", "✅ Right.")],
)
def test_a_result_is_shown_as_text(status, message):
    result = CheckResult(status, "So it is.")
    assert repr(result) == result._repr_markdown_() == f"{message} So it is."


def check_first(answer):
    return compare_value(answer, 1)


def check_second_law(answer):
    return compare_value(answer, 2)


@pytest.mark.parametrize(
    "answers, status, line",
    [
        ((None, None), "todo", "0 of 2 exercises: ✏️ first · ✏️ second law"),
        ((1, None), "wrong", "1 of 2 exercises: ✅ first · ✏️ second law"),
        ((1, 3), "wrong", "1 of 2 exercises: ✅ first · ❌ second law"),
        ((1, 2), "right", "2 of 2 exercises: ✅ first · ✅ second law"),
    ],
)
def test_progress_is_one_line_about_all(answers, status, line):
    result = progress(dict(zip((check_first, check_second_law), answers)))
    assert result == CheckResult(status, line)


def test_a_number_is_shown_without_rounding_errors():
    assert compare_value(0.1 + 0.2, 0.3, rtol=1e-6).message == "The answer is 0.3."
    assert compare_value(torch.tensor(24.0), 24).message == "The answer is 24."
    assert compare_value(46_080, 46_080).message == "The answer is 46080."
    assert compare_value("Blur", "blur").message == "The answer is Blur."
