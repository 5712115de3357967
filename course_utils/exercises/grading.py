"""The verdict on a student's answer: to do, wrong (where, and why perhaps), or right."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Literal

import torch
from torch import Tensor

SECONDS = 10  # that an answer may take on one case; ours take milliseconds


@dataclass(frozen=True)
class CheckResult:
    """What a check shows under the cell: to do, wrong (where, and a hint), or right."""

    status: Literal["todo", "wrong", "right"]
    message: str

    @property
    def sign(self) -> str:
        return {"todo": "✏️", "wrong": "❌", "right": "✅"}[self.status]

    def __repr__(self) -> str:
        words = {"todo": "To do", "wrong": "Not yet", "right": "Right"}[self.status]
        return f"{self.sign} {words}. {self.message}"

    _repr_markdown_ = __repr__


def progress(answers: Mapping[Callable[..., CheckResult], object]) -> CheckResult:
    """All exercises of a notebook in one line: each check with the student's answer to it.

    It runs the checks anew, so that what it says is true now. Nothing is stored or sent.
    """
    verdicts = {check.__name__: check(answer) for check, answer in answers.items()}
    right = sum(verdict.status == "right" for verdict in verdicts.values())
    names = (
        f"{verdict.sign} {name.removeprefix('check_').replace('_', ' ')}"
        for name, verdict in verdicts.items()
    )
    untouched = all(verdict.status == "todo" for verdict in verdicts.values())
    status = "right" if right == len(verdicts) else "todo" if untouched else "wrong"
    return CheckResult(status, f"{right} of {len(verdicts)} exercises: {' · '.join(names)}")


def compare(
    answer: Callable[..., Tensor],
    reference: Callable[..., Tensor],
    cases: Mapping[str, tuple],
    mistakes: Mapping[str, Callable[..., Tensor]] | None = None,
    *,
    rtol: float = 1e-4,
) -> CheckResult:
    """Run answer and reference on named cases; stop at the first that differs.

    ``mistakes`` are wrong answers, each under the hint that helps who gave it: the verdict on an
    answer that agrees with one of them in every case ends with that hint.
    All see the same random numbers; an answer that may draw them in another order needs
    large samples and a tolerance ``rtol`` that covers their chance. A wrong answer is a
    verdict, never an exception, and one without an end is stopped, so that the notebook
    always runs to its end.
    """
    for case, arguments in cases.items():
        want = _run(reference, arguments)
        try:
            got = _run(answer, arguments)
        except NotImplementedError:
            return CheckResult("todo", "Replace the line that raises NotImplementedError.")
        except TimeoutError as problem:
            return CheckResult("wrong", f"{case}: {problem}.")
        except Unfit as problem:
            message = f"{case}: {problem}."
        else:
            if _agree(got, want, rtol):
                continue
            message = f"{case}: {_difference(got, want)}."
        hint = _hint(answer, cases, mistakes or {}, rtol)
        return CheckResult("wrong", f"{message} Hint: {hint}" if hint else message)
    return CheckResult("right", f"All {len(cases)} cases agree.")


def compare_value(
    answer: object,
    want: float | str | Sequence[float],
    mistakes: Mapping[str, object] | None = None,
    *,
    rtol: float = 0.0,
) -> CheckResult:
    """Judge a prediction: a number, a word, or several numbers such as a shape.

    ``mistakes`` are wrong values, each under the hint that helps who gave it. The verdict on a
    wrong answer does not say what the right one is. Numbers may differ by the share ``rtol``;
    case and outer blanks of words do not count.
    """
    if answer is None:
        return CheckResult("todo", "Replace None by your answer.")
    if _same(answer, want, rtol):
        return CheckResult("right", f"{_in_words(answer)} it is.")
    if type(_plain(answer)) is not type(_plain(want)):
        kind = {str: "a word", float: "a number"}.get(
            type(_plain(want)), "several numbers in brackets"
        )
        return CheckResult("wrong", f"{answer!r} is not {kind}, which was asked for.")
    hints = (hint for hint, value in (mistakes or {}).items() if _same(answer, value, rtol))
    hint = next(hints, None)
    message = f"It is not {_in_words(answer)}."
    return CheckResult("wrong", f"{message} Hint: {hint}" if hint else message)


def _same(answer: object, want: object, rtol: float) -> bool:
    mine, wanted = _plain(answer), _plain(want)
    if type(mine) is not type(wanted):
        return False
    if isinstance(wanted, str):
        return mine == wanted
    mine, wanted = torch.tensor(mine), torch.tensor(wanted)
    return mine.shape == wanted.shape and torch.allclose(mine, wanted, rtol=rtol, atol=0.0)


def _plain(value: object) -> float | str | list[float] | object:
    """A number, a word or a list of numbers as Python knows them; all else as it is."""
    if isinstance(value, str):
        return value.strip().casefold()
    try:
        numbers = torch.as_tensor(value, dtype=torch.float64).tolist()
    except (TypeError, ValueError, RuntimeError):
        return value
    return numbers


def _in_words(value: object) -> object:
    """A number without the digits that rounding has left; all else as it is."""
    plain = _plain(value)
    return f"{plain:.6g}" if isinstance(plain, float) else value


class Unfit(Exception):
    """What an answer did in place of giving a value, in words."""


def _run(function: Callable[..., Tensor], arguments: tuple) -> Tensor:
    """The value of a function at copies of the arguments, with fixed random numbers."""
    given = [a.clone() if isinstance(a, Tensor) else a for a in arguments]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        value = _in_time(function, given)
    pairs = [pair for pair in zip(given, arguments) if isinstance(pair[0], Tensor)]
    if not all(after.equal(before) for after, before in pairs):
        raise Unfit("your function changed its argument")
    return value


def _in_time(function: Callable[..., Tensor], arguments: Sequence) -> Tensor:
    """The value of a function, run beside us so that we can give it up after ``SECONDS``.

    Raises TimeoutError then, NotImplementedError as it does, and Unfit for all else it raises.
    """
    outcome: list = []

    def work() -> None:
        try:
            outcome.append((function(*arguments), None))
        except BaseException as error:
            outcome.append((None, error))

    worker = Thread(target=work, daemon=True)
    worker.start()
    worker.join(SECONDS)
    if not outcome:
        # Python looks for such an exception between two lines, so a loop ends here.
        stop = ctypes.py_object(TimeoutError)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(worker.ident), stop)
        raise TimeoutError(f"your function was still at work after {SECONDS} seconds")
    value, error = outcome[0]
    # A stub raises it bare; PyTorch raises it with a text, for the mean of whole numbers too.
    if isinstance(error, NotImplementedError) and not error.args:
        raise error
    if (
        error is not None
    ):  # a student's mistake, SystemExit too, and not a crash of the course
        raise Unfit(f"your function raised {error!r}") from error
    return value


def _agree(got: object, want: Tensor, rtol: float, equal_nan: bool = False) -> bool:
    return (
        isinstance(got, Tensor)
        and got.shape == want.shape
        and torch.allclose(got.to(want), want, rtol=rtol, atol=1e-5, equal_nan=equal_nan)
    )


def _difference(got: object, want: Tensor) -> str:
    if got is None:
        return "expected a tensor, got None: a return may be missing"
    if not isinstance(got, Tensor):
        return f"expected a tensor, got {type(got).__name__}"
    if got.shape != want.shape:
        return f"expected shape {tuple(want.shape)}, got {tuple(got.shape)}"
    return f"expected {_short(want)}, got {_short(got)}"


def _hint(
    answer: Callable[..., Tensor],
    cases: Mapping[str, tuple],
    mistakes: Mapping[str, Callable[..., Tensor]],
    rtol: float,
) -> str | None:
    """Under which mistake, if any, an answer is the same in every case."""

    def outcome(function: Callable[..., Tensor]) -> list:
        """Its values, or the error where it has none: a mistake may crash as its answer does."""
        values: list = []
        for arguments in cases.values():
            try:
                values.append(_run(function, arguments))
            except (Unfit, NotImplementedError, TimeoutError) as error:
                values.append(error)
        return values

    given = outcome(answer)
    for hint, mistake in mistakes.items():
        if all(
            _agree(mine, slipped, rtol, equal_nan=True)  # a mistake may give nan as well
            if isinstance(slipped, Tensor)
            else type(mine) is type(slipped)
            for mine, slipped in zip(given, outcome(mistake))
        ):
            return hint
    return None


def _short(values: Tensor) -> str:
    """The first few numbers of a tensor, for a message."""
    first = ", ".join(f"{value:.4g}" for value in values.flatten()[:4].tolist())
    return f"{first}, …" if values.numel() > 4 else first
