"""One line of pyproject.toml holds the address; all links agree with it."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from tools import address, files, new_notebook

ROOT = Path(__file__).parents[1]
OURS = "https://github.com/ada/lovelace"
LINKS = re.compile(r"https://(?:colab\.research|mybinder|[\w-]+\.github\.io)[^\s)]*")


@pytest.fixture(scope="module")
def texts():
    return address.read()


@pytest.fixture(scope="module")
def ours(texts):
    return address.written(texts, OURS)


def test_all_files_have_the_address_of_the_project(texts):
    present = address.repository((ROOT / "pyproject.toml").read_text("utf-8"))
    assert address.written(texts, present) == texts, "run python -m tools.address"


def test_without_an_address_there_are_no_links(texts):
    without = address.written(texts, address.PLACEHOLDER)
    assert not [LINKS.findall(text) for text in without.values() if LINKS.search(text)]


def test_with_an_address_no_placeholder_is_left(ours):
    assert all(address.PLACEHOLDER not in text for text in ours.values())
    assert f"git clone {OURS} autoencoders" in ours["README.md"]
    assert f'\nrepository-code: "{OURS}"' in ours["CITATION.cff"]
    assert all(f"git+{OURS}" in text for path, text in ours.items() if "ipynb" in path)


def test_the_links_lead_to_the_notebooks_of_the_repository(ours):
    linked = LINKS.findall(ours["docs/elsewhere.md"])
    assert len(linked) == 2 * len(files.course_notebooks())
    first = LINKS.findall(ours["README.md"])
    assert first[0] == "https://ada.github.io/lovelace/" and set(first[1:]) < {*linked}
    for link in linked:
        assert "/ada/lovelace/" in link
        assert (ROOT / "notebooks" / link.split("/notebooks/")[1]).is_file()


def test_the_links_are_on_the_first_screen_and_the_readme_stays_short(ours):
    lines = ours["README.md"].splitlines()
    assert LINKS.search("\n".join(lines[:12])) and len(lines) <= 120
    assert len(ours["README.md"].split()) <= 1000


def test_the_address_can_be_changed_and_removed(texts, ours):
    other = address.written(ours, "https://github.com/emmy/noether")
    assert not [path for path, text in other.items() if "lovelace" in text]
    assert address.written(ours, address.PLACEHOLDER) == address.written(
        texts, address.PLACEHOLDER
    )


@pytest.mark.parametrize(
    "line, expected",
    [
        ('Repository = "https://github.com/ada/lovelace"', OURS),
        ('Repository = "https://github.com/ada/lovelace/"', OURS),
        ('# Repository = "https://github.com/ada/lovelace"', address.PLACEHOLDER),
    ],
)
def test_a_comment_is_no_address(line, expected):
    assert address.repository(f"[project.urls]\n{line}\n") == expected


# --- the first cell of the notebooks --------------------------------------------------

[INSTALL] = [cell[3].format() for cell in new_notebook.CELLS if cell[0] == "setup-install"]


class Shell:
    def __init__(self):
        self.magics = []

    def run_line_magic(self, name, line):
        self.magics.append((name, line))


@pytest.fixture
def run(monkeypatch):
    """Run the cell, with the course installed or not; what it gave to IPython."""

    def run(*, installed):
        shell = Shell()
        spec = object() if installed else None
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
        exec(INSTALL, {"get_ipython": lambda: shell})
        return shell.magics

    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    return run


def test_where_the_course_is_installed_the_first_cell_does_nothing(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    assert run(installed=True) == []


@pytest.mark.parametrize("place", ["Colab", "Kaggle"])
def test_on_colab_and_kaggle_it_installs_the_course_and_no_torch(run, monkeypatch, place):
    if place == "Colab":
        monkeypatch.setitem(sys.modules, "google.colab", sys)
    else:
        monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    [(name, line)] = run(installed=False)
    assert name == "pip" and "--no-deps" in line and "==" not in line
    assert "git+" in line and "torch" not in line


def test_with_another_kernel_it_says_what_to_choose(run):
    with pytest.raises(ModuleNotFoundError, match=r"\.venv .* docs/elsewhere\.md"):
        run(installed=False)
