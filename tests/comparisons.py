"""A check's comparison, whose reference and mistakes run once for all answers of a test."""

import inspect
from functools import cache

import pytest

from course_utils.exercises import grading

RUN = grading._run


@cache
def comparison_of(check):
    """The function of grading that a check calls, and its arguments but the answer."""
    calls = []
    module = inspect.getmodule(check)
    with pytest.MonkeyPatch.context() as patch:
        for compare in (grading.compare, grading.compare_value):

            def spy(*arguments, compare=compare, **options):
                call = inspect.signature(compare).bind(*arguments, **options)
                calls.append((compare, call.arguments))
                return grading.CheckResult("todo", "")

            patch.setattr(module, compare.__name__, spy, raising=False)
        check(None)
    [(compare, arguments)] = calls
    assert arguments.pop("answer") is None  # so check(answer) is compare(answer, …)
    if "wrapper" in arguments:
        arguments["wrapper"] = cache(arguments["wrapper"])
    return compare, arguments


@cache
def once_a_case(check):
    """Run each function only once on each case: it would draw the same random numbers."""
    values = {}

    def recall(function, arguments):
        key = function, id(arguments)  # comparison_of keeps the arguments
        if key not in values:
            values[key] = RUN(function, arguments)
        return values[key]

    return recall


def compared(check, answer):
    """What check(answer) gives."""
    compare, arguments = comparison_of(check)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grading, "_run", once_a_case(check))
        return compare(answer, **arguments)
