"""The notebook that tools/new_notebook.py writes runs and follows the rules."""

import nbformat
from nbformat.v4 import new_markdown_cell, new_notebook, new_output
from test_handout import test_the_solutions_are_right as the_solutions_are_right
from test_notebooks import RULES, Lesson
from test_slides import test_every_slide_has_one_note as every_slide_has_one_note

from tools import new_notebook as tool


def test_a_new_notebook_runs_and_follows_the_rules(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    last = new_notebook(
        cells=[new_markdown_cell("# 3 · Three dice\n\nA die for each axis.")]
    )
    nbformat.write(last, folder / "03_three.ipynb")
    monkeypatch.setattr(tool, "FOLDER", folder)
    tool.main(["toy_flow"])
    path = folder / "04_toy_flow.ipynb"
    notebook = nbformat.read(path, as_version=4)
    assert "previous: [3 · Three dice](03_three.ipynb)" in notebook.cells[0].source
    code = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    names = {}
    capsys.readouterr()
    for count, cell in enumerate(code.values(), start=1):
        exec(cell.source, names)
        cell.execution_count = count
        if printed := capsys.readouterr().out:
            cell.outputs = [new_output("stream", text=printed)]

    widget = eval(code["widget-error"].source, names)
    to_do = [new_output("display_data", {"text/plain": "To do."})]
    code["widget-error"].outputs = [
        new_output("display_data", widget._repr_mimebundle_()[0])
    ]
    code["check-loss"].outputs = code["progress"].outputs = to_do
    del code["widget-error"].outputs[0].data["application/vnd.jupyter.widget-view+json"]
    nbformat.write(notebook, path)
    every_slide_has_one_note(path)
    the_solutions_are_right(path)
    lesson = Lesson(path)
    assert [(rule, found) for rule in RULES.values() for found in rule(lesson)] == []
