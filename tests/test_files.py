"""What the tools share: files written completely, and error messages."""

import json
import os
import subprocess
import sys
from io import BytesIO, TextIOWrapper
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


@pytest.mark.parametrize("obstacle", ["a folder", "a surrogate", "a file for a folder"])
def test_if_one_of_several_files_fails_none_is_replaced(obstacle, tmp_path):
    last = tmp_path / "b.html"
    if obstacle == "a folder":
        last.mkdir()
    if obstacle == "a file for a folder":
        (tmp_path / "b").touch()
        last = tmp_path / "b" / "c.html"
    text = "\ud83d" if obstacle == "a surrogate" else "after"
    files.write(tmp_path / "a.html", "before")
    found = sorted(tmp_path.iterdir())
    with pytest.raises(files.ToolError, match=rf"{last.name} could not be written"):
        files.write_all({tmp_path / "a.html": "after", last: text})
    assert (tmp_path / "a.html").read_text() == "before"
    assert sorted(tmp_path.iterdir()) == found


def with_ids(path, *ids, **fields):
    """Store a notebook with these ids of cells, None for no id; the ids that are read."""
    cells = [
        {"cell_type": "raw", "metadata": {}, "source": str(number)}
        | ({} if name is None else {"id": name})
        for number, name in enumerate(ids)
    ]
    made = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | fields
    path.write_text(json.dumps(made), "utf-8-sig")  # with the signature of Windows
    notebook = files.read_notebook(path)
    nbformat.validate(notebook)
    return {cell.source: cell.id for cell in notebook.cells}


def test_every_cell_gets_an_id_of_its_own_and_valid_ones_stay(tmp_path):
    read = with_ids(tmp_path / "a.ipynb", "a", "a", "#VSC-1", "x" * 64, "x" * 64, 7, "ü")
    names = list(read.values())
    assert names[:6] == ["a", "a-2", "VSC-1", "x" * 64, "x" * 60 + "-2", "7"]
    assert len(set(names)) == 7


@pytest.mark.parametrize("minor", [0, 4, 5])
def test_a_cell_without_id_keeps_its_id_when_another_is_inserted(minor, tmp_path):
    path = tmp_path / "a.ipynb"
    before = with_ids(path, None, None, nbformat_minor=minor)
    after = with_ids(path, None, None, None, nbformat_minor=minor)
    assert after.items() > before.items()


def test_half_a_character_is_named_with_its_cell(tmp_path):
    nbformat.write(
        new_notebook(cells=[new_markdown_cell("?", id="a")]), tmp_path / "a.ipynb"
    )
    text = (tmp_path / "a.ipynb").read_text("utf-8").replace("?", "\\ud83d")
    (tmp_path / "a.ipynb").write_text(text, "utf-8")
    with pytest.raises(files.ToolError, match=r"a\.ipynb, cell 'a': half a character"):
        files.read_notebook(tmp_path / "a.ipynb")


def test_a_name_outside_of_the_console_s_code_page_is_printed(monkeypatch):
    console = TextIOWrapper(BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", console)
    with files.exit_with_message():
        print("Übung λ", flush=True)
    assert console.buffer.getvalue().decode("cp1252").strip() == r"Übung \u03bb"


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
def test_a_path_that_cannot_be_written_is_named_in_the_error(
    tool, options, small, monkeypatch
):
    monkeypatch.setattr(handout, "deck", lambda path: "")  # which takes half a minute
    place = small.with_name("file")
    place.touch()
    with_exercises = ROOT / "notebooks" / "02_pca.ipynb"
    notebook = with_exercises if tool is handout else small
    with pytest.raises(SystemExit, match=r"file.* could not be written"):
        tool.main([str(notebook), *options, "-o", str(place / "talk.html")])
    assert sorted(small.parent.iterdir()) == [small, place]


@pytest.mark.slow
def test_a_tool_runs_from_any_folder(small):
    def run(tool, *arguments):
        return subprocess.run(
            [sys.executable, "-m", f"tools.{tool}", *arguments],
            cwd=small.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
            capture_output=True,
            text=True,
        )

    assert run("slides", "--stored", small.name, "-o", "talk.html").returncode == 0
    assert small.with_name("talk.html").exists()
    failed = run("execute", "none.ipynb")  # which starts faster, with the same messages
    assert failed.returncode == 1
    assert failed.stderr.strip() == "none.ipynb: No such file or directory"
