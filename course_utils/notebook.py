"""Output of notebooks besides figures and widgets."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from numbers import Real
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.display import Markdown

    Measurement = tuple[str, float, str, float] | tuple[str, float, str, float, float]


def show_source(*functions: Callable) -> Markdown:
    """The source code of functions of the package, with syntax highlighting."""
    from IPython.display import Markdown

    sources = [dedent(inspect.getsource(function)).rstrip() for function in functions]
    return Markdown("```python\n" + "\n\n\n".join(sources) + "\n```")


def claims_with(namespace: dict, **settings: object) -> Callable[..., None]:
    """The function ``claim`` of a notebook that was measured with these settings.

    ``namespace`` is the notebook's ``globals()``: the settings that differ there are named
    below a claim that does not hold.
    """

    def claim(sentence: str, *measurements: Measurement) -> None:
        """Print the sentence if all measurements hold, and otherwise those that do not.

        A measurement is (name, value, "<" or ">", bound) or (name, value, "=", target,
        tolerance), which holds if |value − target| ≤ tolerance. Values are numbers or
        tensors with one element; NaN never holds. Nothing is raised: the notebook goes on.
        """
        missed = [text for one in measurements if (text := _missed(*one))]
        if not missed:
            print(sentence)
            return
        print(f"Not in this run: {sentence}", *missed, sep="\n- ")
        for name, value in settings.items():
            if (now := namespace.get(name)) != value:
                print(f"The course was measured with {name} = {value}; you have {now}.")

    return claim


def _missed(name: str, value: float, relation: str, bound: float, *tolerance: float) -> str:
    """How far a measurement is from what was claimed; empty if it holds."""
    value, bound = float(value), float(bound)
    if (relation, len(tolerance)) not in {("<", 0), (">", 0), ("=", 1)}:
        raise ValueError(f"{name!r}: < and > need a bound, = a target and a tolerance.")
    if relation == "=":
        holds = abs(value - bound) <= tolerance[0]
        wanted = f"{bound:.4g} ± {tolerance[0]:.2g}"
    else:
        holds = value < bound if relation == "<" else value > bound
        wanted = f"{'below' if relation == '<' else 'above'} {bound:.4g}"
    off = abs(value - bound)
    return "" if holds else f"{name}: {value:.4g} instead of {wanted}, off by {off:.2g}"


def answer(guess: object, measured: float | str, unit: str = "") -> None:
    """Print what was measured, and how far off the guess was, if there is one.

    ``measured`` is a number, in this unit, or the right one of some choices.
    """
    if isinstance(measured, str):
        print(f"Measured: {measured}.")
        same = _letters(guess) == _letters(measured)
        verdict = "right" if same else "not what was measured"
    else:
        print(f"Measured: {_number(measured)} {unit}".rstrip() + ".")
        verdict = _off(guess, float(measured))
    if guess is not None:
        print(f"Your guess: {guess}. That is {verdict}.")


def _letters(choice: object) -> str:
    """A choice as it is compared: capitals and spaces do not count."""
    return "".join(str(choice).split()).casefold()


def _number(value: float) -> str:
    """Three digits; large numbers in full, with a space for every thousand."""
    value = float(value)
    return f"{value:,.0f}".replace(",", " ") if abs(value) >= 1000 else f"{value:.3g}"


def _off(guess: object, measured: float) -> str:
    """How far a guess is from a number: a factor if they are of different size."""
    if not isinstance(guess, Real):
        return "not a number"
    number = float(guess)
    direction = "too low" if number < measured else "too high"
    if math.isclose(number, measured, rel_tol=0.005, abs_tol=1e-5):
        return "exact"
    if number * measured > 0 and not 0.5 < number / measured < 2:
        factor = max(number / measured, measured / number)
        return f"{direction} by a factor of {_number(factor)}"
    return f"{_number(abs(number - measured))} {direction}"
