"""Imports load few modules and have no side effects.

The allowed imports are in pyproject.toml; lint-imports checks them.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

IMPORT_MODULES = """
import sys, json

def loaded(module):
    __import__(module)
    return sorted({name.split(".")[0] for name in sys.modules})

result = {"course_utils": loaded("course_utils")}
import torch
torch.manual_seed(5)
state = torch.get_rng_state()
for module in sys.argv[1:]:
    result[module] = loaded(module)
result["random numbers drawn"] = not torch.equal(state, torch.get_rng_state())
print(json.dumps(result))
"""


def test_every_module_of_the_package_has_a_layer():
    settings = (ROOT / "pyproject.toml").read_text("utf-8")
    layers = re.search(r"^layers = \[(.+?)^\]", settings, re.DOTALL | re.MULTILINE)[1]
    places = {path.stem for path in (ROOT / "course_utils").glob("*.py")} - {"__init__"}
    places |= {path.parent.name for path in (ROOT / "course_utils").glob("*/__init__.py")}
    assert set(re.findall(r"course_utils\.(\w+)", layers)) == places


@pytest.mark.slow
def test_imports_are_light_and_nothing_happens(tmp_path):
    order = "objectives models device data theory.evidence exercises notebook"
    order += " training plots widgets"
    modules = [f"course_utils.{name}" for name in order.split()]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_MODULES, *modules],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    loaded = json.loads(done.stdout)  # nothing else was printed
    assert loaded.pop("random numbers drawn") is False
    assert list(tmp_path.iterdir()) == []

    assert "torch" not in loaded["course_utils"]
    assert "numpy" not in loaded["course_utils"]
    for heavy in ("torchvision", "sklearn", "matplotlib", "IPython"):
        assert heavy not in loaded["course_utils.notebook"]
    assert "matplotlib" not in loaded["course_utils.training"]
    for heavy in ("torchvision", "sklearn", "nbformat"):
        assert heavy not in loaded["course_utils.widgets"]
