"""Who may import whom: the layers of the package, read from its source."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "course_utils"

# Each module, and the modules of ours that it may import. A new module needs a line here.
LAYERS = {
    "__init__": set(),
    "checks": set(),
    "objectives": {"checks"},
    "models": {"checks"},
    "device": set(),
    "training": set(),
    "vq_vae": {"checks", "objectives"},
    "diffusion": {"checks", "device", "models", "objectives"},
    "gan": {"checks", "models", "objectives", "training"},
    "samples": {"checks", "objectives"},
    "scoreboard": {
        "diffusion",
        "evidence",
        "gan",
        "linear_gaussian",
        "models",
        "objectives",
        "samples",
        "training",
        "vq_vae",
    },
    "pretrained": {
        "data",
        "device",
        "diffusion",
        "gan",
        "objectives",
        "training",
        "vq_vae",
    },
    "linear_gaussian": {"checks", "objectives"},
    "gradients": {"checks"},
    "plots": set(),
    "display": set(),
    "refresh": set(),
    "slides": set(),
    "handout": {"slides"},
    "data": {"checks", "device"},
    "evidence": {"checks", "device", "objectives"},
    "exercises": {
        "objectives",
        "models",
        "evidence",
        "linear_gaussian",
        "gradients",
        "data",
        "vq_vae",
        "verdicts",
        "exercises",
    },
    "verdicts": set(),
    "paths": {"checks"},
    "posterior": {"checks", "objectives", "evidence"},
    "widgets": {
        "models",
        "plots",
        "objectives",
        "evidence",
        "gradients",
        "paths",
        "posterior",
        "widgets",
    },
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(source, package="course_utils"):
    """Every module that a source names in an import, absolute, wherever the line stands.

    ``from a import b`` counts as a.b: b may be a module.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            parents = parents[: len(parents) + 1 - node.level] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def ours(names):
    """The layers among imported names: course_utils.widgets.dial -> widgets."""
    return {name.split(".")[1] for name in names if name.startswith("course_utils.")}


@pytest.mark.parametrize(
    "source",
    [
        "import course_utils.data",
        "import course_utils.data as d",
        "from course_utils import data",
        "from course_utils import data as d",
        "from course_utils.data import mnist",
        "from . import data",
        "from .data import mnist",
        "def late():\n    from course_utils import data",
    ],
)
def test_the_reader_sees_every_way_to_import(source):
    assert ours(imports(source)) == {"data"}


def test_the_reader_sees_relative_imports_of_a_subpackage():
    assert ours(imports("from .. import data", "course_utils.widgets")) == {"data"}
    assert ours(imports("from .dial import Dial", "course_utils.widgets")) == {"widgets"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_the_layers_below(path):
    inside = path.relative_to(PACKAGE)
    package = ".".join(["course_utils", *inside.parts[:-1]])
    names = set(imports(path.read_text("utf-8"), package))
    assert ours(names) <= LAYERS[inside.with_suffix("").parts[0]]
    assert not {name for name in names if name.split(".")[0] in ("notebooks", "tests")}


def test_every_layer_has_a_module():
    assert {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in MODULES} == set(
        LAYERS
    )


@pytest.mark.parametrize(
    "layer, stranger",
    [
        ("plots", "torch"),  # arrays in: whoever has arrays can draw
        ("objectives", "matplotlib"),
        ("models", "matplotlib"),
        ("training", "matplotlib"),
        ("training", "IPython"),
        ("training", "ipywidgets"),
        ("refresh", "torch"),
        ("slides", "torch"),
        ("handout", "torch"),
    ],
)
def test_a_layer_does_without(layer, stranger):
    names = imports((PACKAGE / f"{layer}.py").read_text("utf-8"))
    assert stranger not in {name.split(".")[0] for name in names}


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


def test_imports_are_light_and_nothing_happens(tmp_path):
    order = ["objectives", "models", "device", "data", "evidence", "exercises", "display"]
    modules = [f"course_utils.{name}" for name in [*order, "training", "plots", "widgets"]]
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
