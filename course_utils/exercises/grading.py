"""Check a student's answer: to do, wrong (where, with a hint if there is one), or right."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Thread
from typing import Any, Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

Status = Literal["todo", "wrong", "right"]
Function = Callable[..., Any]  # may return anything
Mistakes = Mapping[str, Function]  # hint -> wrong answer

SHOWN = 4  # numbers of a tensor in a message
SECONDS = 10  # time limit of an answer on one case; the references take milliseconds
SEED_HINT = "every call has to draw new random numbers: set no seed within the function."
GENERATOR_HINT = "draw with torch.randn_like, so that the check can repeat your numbers."


@dataclass(frozen=True)
class CheckResult:
    """The result of a check, shown below its cell."""

    status: Status
    message: str

    @property
    def sign(self) -> str:
        return {"todo": "✏️", "wrong": "❌", "right": "✅"}[self.status]

    def __repr__(self) -> str:
        text = {"todo": "To do", "wrong": "Not yet", "right": "Right"}[self.status]
        return f"{self.sign} {text}. {self.message}"

    _repr_markdown_ = __repr__


def progress(answers: Mapping[Callable[[Any], CheckResult], object]) -> CheckResult:
    """One line about all exercises of a notebook: each check with the student's answer.

    It runs the checks again, so the line is up to date. Nothing is stored or sent.
    """
    results = {check.__name__: check(answer) for check, answer in answers.items()}
    statuses = [result.status for result in results.values()]
    names = (
        f"{result.sign} {name.removeprefix('check_').replace('_', ' ')}"
        for name, result in results.items()
    )
    # All equal: "todo", "wrong" or "right"; a mixture is "wrong".
    status: Status = statuses[0] if len(set(statuses)) == 1 else "wrong"
    right = statuses.count("right")
    return CheckResult(status, f"{right} of {len(results)} exercises: {' · '.join(names)}")


def compare(
    answer: Function,
    reference: Function,
    cases: Mapping[str, tuple],
    mistakes: Mistakes | None = None,
    *,
    wrapper: Callable[[Function], Function] = lambda function: function,
    rtol: float = 1e-4,
) -> CheckResult:
    """Compare a function with the reference on named cases; stop at the first difference.

    ``mistakes`` are known wrong answers, each under its hint: an answer that agrees with
    one in every case gets that hint. ``wrapper`` is applied to answer, reference and
    mistakes, to compare something other than their values, such as a gradient; the cases
    are then the arguments of the wrapped functions.

    All run with the same random seed. If an answer may draw in another order, the cases
    need large samples and a relative tolerance ``rtol`` above their sampling error. The
    absolute tolerance is 1e-5. Where the reference draws anew in every call, the answer
    must do so, too: it has no seed of its own. Errors and endless loops of the answer are
    wrong answers: this function raises nothing, so the notebook runs to its end.
    """
    answer, reference = wrapper(answer), wrapper(reference)
    for case, arguments in cases.items():
        expected = _run(reference, arguments)
        try:
            got = _run(answer, arguments)
        except NotImplementedError:
            return CheckResult("todo", "Replace the line that raises NotImplementedError.")
        except TimeoutError as error:
            return CheckResult("wrong", f"{case}: {error}.")
        except AnswerError as error:
            got, message = None, f"{case}: {error}."
        else:
            if _agree(got, expected, rtol):
                continue
            message = f"{case}: {_difference(got, expected, rtol)}."
        wrapped = {hint: wrapper(mistake) for hint, mistake in (mistakes or {}).items()}
        # The failed case first: it excludes most mistakes.
        hint = _hint(answer, {case: arguments, **cases}, wrapped, rtol)
        has_shape = isinstance(got, Tensor) and got.shape == expected.shape
        if hint is None and has_shape:
            hint = _hint_about_draws(answer, reference, cases, rtol)
        return _wrong(message, hint)
    if hint := _hint_about_draws(answer, reference, cases, rtol):
        return _wrong("Two calls give the same numbers.", hint)
    return CheckResult("right", f"All {len(cases)} cases agree.")


def compare_value(
    answer: object,
    expected: float | str | Sequence[float],
    mistakes: Mapping[str, object] | None = None,
    *,
    rtol: float = 0.0,
) -> CheckResult:
    """Compare a prediction: a number, a word, or several numbers such as a shape.

    ``mistakes`` are known wrong values, each under its hint. The message about a wrong
    answer does not contain the right one. ``rtol`` is the relative tolerance of numbers;
    words are compared without case and surrounding spaces.
    """
    if answer is None:
        return CheckResult("todo", "Replace None by your answer.")
    if _equal(answer, expected, rtol):
        return CheckResult("right", f"The answer is {_formatted(answer)}.")
    if type(_plain(answer)) is not type(_plain(expected)):
        kind = {str: "a word", float: "a number"}.get(
            type(_plain(expected)), "several numbers in brackets"
        )
        return CheckResult("wrong", f"{answer!r} is not {kind}, which was asked for.")
    hints = (
        hint for hint, value in (mistakes or {}).items() if _equal(answer, value, rtol)
    )
    return _wrong(f"It is not {_formatted(answer)}.", next(hints, None))


def _wrong(message: str, hint: str | None) -> CheckResult:
    return CheckResult("wrong", f"{message} Hint: {hint}" if hint else message)


def _equal(answer: object, expected: object, rtol: float) -> bool:
    a, b = _plain(answer), _plain(expected)
    if type(a) is not type(b):
        return False
    if isinstance(b, str):
        return a == b
    a, b = torch.tensor(a), torch.tensor(b)
    return a.shape == b.shape and torch.allclose(a, b, rtol=rtol, atol=0.0)


def _plain(value: object) -> Any:
    """A number as float, a word in lower case, numbers as list; anything else unchanged.

    A tensor or list of one number is a number.
    """
    if isinstance(value, str):
        return value.strip().casefold()
    try:
        numbers = torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return value
    return numbers.item() if numbers.numel() == 1 else numbers.tolist()


def _formatted(value: object) -> object:
    """A number with six digits; anything else unchanged."""
    plain = _plain(value)
    return f"{plain:.6g}" if isinstance(plain, float) else value


class AnswerError(Exception):
    """The answer raised an error or changed its arguments."""


def _run(function: Function, arguments: tuple) -> Any:
    """The value of a function for copies of the arguments, with a fixed random seed."""
    copies: list[Any] = [
        a.clone() if isinstance(a, Tensor) else [*a] if isinstance(a, list) else a
        for a in arguments
    ]
    with torch.random.fork_rng(devices=[]), _distributions_validated():
        torch.default_generator.manual_seed(0)
        value = _run_with_time_limit(function, copies)
    pairs = zip(copies, arguments)
    if any(isinstance(a, Tensor) and not a.equal(before) for a, before in pairs):
        raise AnswerError("your function changed its argument")
    return value


@contextmanager
def _distributions_validated() -> Iterator[None]:
    """Let distributions refuse wrong arguments, which torch.compile turns off."""
    before = Distribution._validate_args
    Distribution.set_default_validate_args(True)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


def _hint_about_draws(
    answer: Function, reference: Function, cases: Mapping[str, tuple], rtol: float
) -> str | None:
    """The hint for draws that are the same in two calls, or that no seed of ours repeats.

    In the first case where two calls of the reference differ. The latter counts only where
    numbers are compared, not statistics with a large ``rtol``.
    """

    def two_calls(function: Function, arguments: tuple) -> tuple[Any, Any]:
        return _run(lambda *a: (function(*a), function(*a)), arguments)

    for arguments in cases.values():
        expected, other = two_calls(reference, arguments)
        if expected.equal(other):
            continue
        try:
            (first, second), (again, _) = (two_calls(answer, arguments) for _ in range(2))
        except (AnswerError, NotImplementedError, TimeoutError):
            return None
        if not isinstance(first, Tensor):
            return None
        if first.equal(second):
            return SEED_HINT
        is_own = not torch.allclose(first, again, equal_nan=True)
        return GENERATOR_HINT if is_own and rtol < 1e-3 else None
    return None


def _run_with_time_limit(function: Function, arguments: Sequence) -> Any:
    """The value of a function, run in a thread that is stopped after ``SECONDS``.

    Raises TimeoutError then, NotImplementedError for a stub, AnswerError otherwise.
    """
    outcome: list[tuple[Any, BaseException | None]] = []

    def work() -> None:
        try:
            outcome.append((function(*arguments), None))
        except BaseException as error:
            outcome.append((None, error))

    worker = Thread(target=work, daemon=True)
    worker.start()
    worker.join(SECONDS)
    if not outcome:
        # Python raises this in the thread between two bytecodes, so a loop ends.
        thread = ctypes.c_ulong(worker.ident or 0)
        stop = ctypes.py_object(TimeoutError)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, stop)
        raise TimeoutError(f"your function was still running after {SECONDS} seconds")
    value, error = outcome[0]
    # Only a NotImplementedError without arguments is the stub's; PyTorch raises it with a
    # message (e.g. for the mean of an int tensor).
    if isinstance(error, NotImplementedError) and not error.args:
        raise error
    if error is not None:  # also SystemExit: the notebook must go on
        raise AnswerError(f"your function raised {_in_words(error)}") from error
    return value


def _in_words(error: BaseException) -> str:
    """The error, also where torch's own message, of several lines, does not help."""
    # The second message is that of torch.normal.
    if re.search("Expected parameter scale|elements of std >= 0", str(error)):
        what = "nan" if "nan" in str(error) else "not positive"
        return (
            f"an error: the scale of a distribution is {what}. "
            "A scale is a standard deviation, σ"
        )
    if ", but found invalid values" in str(error):  # of a distribution; the values follow
        what = str(error).partition(", but found invalid values")[0]
        return f"{type(error).__name__}: {what}, but it is not{_about_gray(what)}"
    return repr(error)


def _about_gray(what: str) -> str:
    """Why pixels are refused by a Bernoulli distribution, and what takes them."""
    if "Boolean()" not in what:
        return ""
    return (
        ". Gray pixels are not 0 or 1: use binary_cross_entropy_with_logits, or "
        "Bernoulli with validate_args=False"
    )


def _agree(got: object, expected: Tensor, rtol: float, equal_nan: bool = False) -> bool:
    return (
        isinstance(got, Tensor)
        and _fits(got, expected)
        and torch.can_cast(got.dtype, expected.dtype)
        and torch.allclose(
            got.reshape(expected.shape).to(expected), expected, rtol, 1e-5, equal_nan
        )
    )


def _fits(got: Tensor, expected: Tensor) -> bool:
    """Whether the shapes are equal; one number may come in any."""
    return got.shape == expected.shape or (expected.ndim == 0 and got.numel() == 1)


def _difference(got: Any, expected: Tensor, rtol: float) -> str:
    if got is None:
        return "expected a tensor, got None: a return may be missing"
    if type(got).__module__ == "torch.return_types":  # of min, max, sort, topk
        return f"expected a tensor, got {' and '.join(type(got).__match_args__)}: take one"
    if not isinstance(got, Tensor):
        return f"expected a tensor, got {type(got).__name__}"
    if not _fits(got, expected):
        return f"expected shape {tuple(expected.shape)}, got {tuple(got.shape)}"
    if not torch.can_cast(got.dtype, expected.dtype):
        kind = "numbers" if expected.is_floating_point() else "whole numbers"
        return f"expected {kind} ({expected.dtype}), got {got.dtype}"
    got, expected = got.flatten(), expected.flatten()
    differs = ~torch.isclose(got.to(expected), expected, rtol, 1e-5)
    first = int(differs.nonzero()[0])
    if first < SHOWN:
        return f"expected {_short(expected)}, got {_short(got)}"
    return (
        f"from number {first + 1} on, expected {_short(expected[first:])}, "
        f"got {_short(got[first:])}"
    )


def _hint(
    answer: Function,
    cases: Mapping[str, tuple],
    mistakes: Mistakes,
    rtol: float,
) -> str | None:
    """The hint of the first mistake that agrees with the answer in every case."""

    def outcome(function: Function, arguments: tuple) -> Any:
        """The value or the error: a mistake may raise the same one, with its message."""
        try:
            return _run(function, arguments)
        except (AnswerError, NotImplementedError, TimeoutError) as error:
            return error

    def agree(a: object, b: object) -> bool:
        if isinstance(b, Tensor):
            return _agree(a, b, rtol, equal_nan=True)  # both may be nan
        same_message = not isinstance(b, Exception) or str(a) == str(b)
        return type(a) is type(b) and same_message

    of_answer = cache(lambda case: outcome(answer, cases[case]))
    for hint, mistake in mistakes.items():
        # A generator: most mistakes already differ in the first case.
        agrees = (agree(of_answer(c), outcome(mistake, cases[c])) for c in cases)
        if all(agrees):
            return hint
    return None


def _short(values: Tensor) -> str:
    """The first few numbers of a tensor, for a message."""
    first = ", ".join(f"{value:.4g}" for value in values.flatten()[:SHOWN].tolist())
    return f"{first}, …" if values.numel() > SHOWN else first
