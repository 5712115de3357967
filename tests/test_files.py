"""What the tools share: files written completely, and error messages."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from tools import execute, files, handout, slides

ROOT = Path(__file__).parents[1]
each_tool = pytest.mark.parametrize("tool", [execute, slides, handout])


@pytest.fixture
def small(tmp_path):
    """A notebook of one slide."""
    cell = new_markdown_cell("# Small", metadata={"slideshow": {"slide_type": "slide"}})
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "01_small.ipynb")
    return tmp_path / "01_small.ipynb"


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "talk.html"
    files.write(target, "before")

    def full(*_):
        raise OSError(28, "disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(files.ToolError, match="talk.html could not be written: disk full"):
        files.write(target, "after")
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


@each_tool
@pytest.mark.parametrize(
    "content, message", [(None, "No such file"), ("{", "cannot be read as a notebook")]
)
def test_a_file_that_is_no_notebook_is_named_in_the_error(
    tool, content, message, tmp_path, monkeypatch
):
    monkeypatch.setattr(files, "ROOT", tmp_path)
    path = tmp_path / "none.ipynb"
    if content:
        path.write_text(content, "utf-8")
    with pytest.raises(SystemExit, match=rf"none\.ipynb.* {message}"):
        tool.main([str(path)])


@each_tool
def test_a_course_without_notebooks_is_an_error(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"there is no notebook in .*notebooks"):
        tool.main([])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tool, options", [(slides, ["--stored"]), (handout, [])])
def test_a_path_that_cannot_be_written_is_named_in_the_error(tool, options, small):
    place = small.with_name("file")
    place.touch()
    with_exercises = ROOT / "notebooks" / "02_pca.ipynb"
    notebook = with_exercises if tool is handout else small
    with pytest.raises(SystemExit, match=r"file.* could not be written"):
        tool.main([str(notebook), *options, "-o", str(place / "talk.html")])
    assert sorted(small.parent.iterdir()) == [small, place]


@pytest.mark.slow
def test_a_tool_runs_from_any_folder(small):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "tools.slides", "--stored", *arguments],
            cwd=small.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
            capture_output=True,
            text=True,
        )

    assert run(small.name, "-o", "talk.html").returncode == 0
    assert small.with_name("talk.html").exists()
    failed = run("none.ipynb", "-o", "none.html")
    assert failed.returncode == 1
    assert failed.stderr.strip() == "none.ipynb: No such file or directory"
    assert not small.with_name("none.html").exists()
