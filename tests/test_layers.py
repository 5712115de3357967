"""Imports are light, and nothing happens on import.

Who may import whom stands in pyproject.toml, and lint-imports holds it.
"""

import json
import subprocess
import sys

import pytest

LOOK = """
import sys, json

def loaded(module):
    __import__(module)
    return sorted({name.split(".")[0] for name in sys.modules})

seen = {"course_utils": loaded("course_utils")}
import torch
torch.manual_seed(5)
state = torch.get_rng_state()
for module in sys.argv[1:]:
    seen[module] = loaded(module)
seen["random numbers drawn"] = not torch.equal(state, torch.get_rng_state())
print(json.dumps(seen))
"""


@pytest.mark.slow
def test_imports_are_light_and_nothing_happens(tmp_path):
    order = "objectives models device data theory.evidence exercises notebook"
    order += " training plots widgets"
    modules = [f"course_utils.{name}" for name in order.split()]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOOK, *modules],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    seen = json.loads(done.stdout)  # nothing else was printed
    assert seen.pop("random numbers drawn") is False
    assert list(tmp_path.iterdir()) == []

    assert "torch" not in seen["course_utils"]
    assert "numpy" not in seen["course_utils"]
    for stranger in ("torchvision", "sklearn", "matplotlib", "IPython"):
        assert stranger not in seen["course_utils.notebook"]
    assert "matplotlib" not in seen["course_utils.training"]
    for stranger in ("torchvision", "sklearn", "nbformat"):
        assert stranger not in seen["course_utils.widgets"]
