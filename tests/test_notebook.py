"""show_source shows the source of the package's functions."""

import inspect

from course_utils import objectives
from course_utils.notebook import show_source


def test_the_source_shown_is_the_source_that_runs():
    shown = show_source(objectives.ae_loss).data
    first, *lines, last = shown.splitlines()
    assert (first, last) == ("```python", "```")
    assert "\n".join(lines) + "\n" == inspect.getsource(objectives.ae_loss)


def test_several_functions_are_shown_in_the_given_order():
    shown = show_source(objectives.pae_loss, objectives.ae_loss).data
    assert shown.count("```") == 2
    assert 0 < shown.index("def pae_loss") < shown.index("\n\n\ndef ae_loss")
    code = shown.removeprefix("```python\n").removesuffix("\n```")
    compile(code, "shown", "exec")  # what students see is Python


def test_a_method_is_shown_without_indentation():
    from course_utils.models import Autoencoder

    assert "\ndef forward(" in show_source(Autoencoder.forward).data
