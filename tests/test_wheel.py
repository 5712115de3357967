"""The wheel, installed without a network, works from another folder.

The process that uses it imports the installed wheel, not this checkout.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
VERSION = re.search(r'^version = "(.+)"', PROJECT, re.MULTILINE)[1]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


@pytest.fixture(scope="module")
def wheel(slow, tmp_path_factory):
    """Built from a copy, since the build writes folders beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("course_utils", "tools"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    options = ["--no-deps", "--no-index", "--no-build-isolation"]
    built = [*PIP, "wheel", *options, "--wheel-dir", folder, folder / "source"]
    subprocess.run(built, check=True)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel):
    folder = wheel.parent / "installed"
    install = [*PIP, "install", "--no-deps", "--no-index", "--target", folder, wheel]
    subprocess.run(install, check=True)
    return folder


def test_the_wheel_holds_the_package_and_its_data_and_no_command(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    places = {name.split("/")[0] for name in names}
    assert places == {"course_utils", f"{wheel.stem.split('-py3')[0]}.dist-info"}
    inside = {path.relative_to(ROOT).as_posix() for path in files(ROOT / "course_utils")}
    assert inside == {name for name in names if name.startswith("course_utils/")}


def files(folder):
    found = {path for path in folder.rglob("*") if path.is_file()}
    return {path for path in found if path.parent.name != "__pycache__"}


def test_its_metadata_name_version_and_dependencies(wheel):
    with zipfile.ZipFile(wheel) as file:
        [name] = [name for name in file.namelist() if name.endswith("/METADATA")]
        metadata = Parser().parsestr(file.read(name).decode())
        assert not [name for name in file.namelist() if "entry_points" in name]
    assert (metadata["Name"], metadata["Version"]) == ("autoencoder-course", VERSION)
    assert metadata["License-Expression"] == "MIT AND CC-BY-SA-3.0"
    assert metadata.get_all("License-File") == ["LICENSE", "course_utils/mnist/README.md"]
    listed = PROJECT.split("\ndependencies = [")[1].split("\n]")[0]
    required = {
        line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line
    }
    assert required == set(re.findall(r'"(.*)"', listed))
    assert "torch" in {re.split("[<>=]", line)[0] for line in required}
    assert {"lab", "slides", "class", "test", "all"} <= set(
        metadata.get_all("Provides-Extra")
    )


def test_the_version_is_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(r"^version: (.+)", citation, re.MULTILINE)[1] == VERSION
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(r"^## \[(\d.*?)\]", changes, re.MULTILINE)[1] == VERSION


def test_the_oldest_versions_are_read_from_every_dependency():
    """.ci/versions does so by a pattern of sed; linters are pinned, extras name others."""
    script = (ROOT / ".ci" / "versions").read_text("utf-8")
    pattern = re.search(r"sed -nE 's/(\^    .+?)/\\1", script)[1].replace("[^]]", r"[^\]]")
    sections = PROJECT.split("\ndependencies = [")[1].split("\n[tool.")[0]
    listed = re.findall(r'^    ".+', sections, re.MULTILINE)
    others = [line for line in listed if "autoencoder-course[" in line or "==" in line]
    read = [line for line in listed if re.match(pattern, line)]
    assert len(read) > 20 and set(read) == set(listed) - set(others)


USE = """
import importlib, pkgutil
import course_utils
from matplotlib.figure import Figure

print(course_utils.__file__)
for module in pkgutil.walk_packages(course_utils.__path__, "course_utils."):
    importlib.import_module(module.name)

from course_utils import data, objectives, widgets
from course_utils.exercises.variational_autoencoder import check_reparameterize
from course_utils.generative import comparison, pretrained

images, labels = data.mnist("test")
assert images.shape[0] == labels.shape[0] == 10_000 and 0.1 < images.mean() < 0.2
assert len(pretrained.vq_vae_2()) > 1
assert len(comparison.stored()) > 3
assert "render" in widgets.Dial("β", {1: Figure(), 2: Figure()})._esm
assert check_reparameterize(objectives.reparameterize).status == "right"
"""


def test_it_computes_from_another_folder_and_writes_nothing_beside_itself(
    installed, tmp_path
):
    before = files(installed)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=tmp_path,
        env={**inherited, "PYTHONPATH": str(installed)},
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.splitlines()[0]).is_relative_to(installed)
    assert files(installed) == before
