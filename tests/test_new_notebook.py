"""The notebook that tools/new_notebook.py writes runs and follows the rules."""

import nbformat
from nbformat.v4 import new_output
from test_notebooks import RULES, Lesson
from test_slides import test_every_slide_has_one_note as every_slide_has_one_note

from tools import new_notebook


def test_a_new_notebook_runs_and_follows_the_rules(tmp_path, capsys):
    (tmp_path / "03_three.ipynb").touch()
    path, notebook = new_notebook.example("toy_flow", tmp_path)
    assert path == tmp_path / "04_toy_flow.ipynb"
    code = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    names = {}
    for count, cell in enumerate(code.values(), start=1):
        exec(cell.source, names)
        cell.execution_count = count
    printed = capsys.readouterr().out
    assert names["exercises"].check_ae_loss(names["solution_loss"]).status == "right"

    widget = eval(code["widget-error"].source, names)
    to_do = [new_output("display_data", {"text/plain": "To do."})]
    code["claim-error"].outputs = [new_output("stream", text=printed)]
    code["widget-error"].outputs = [
        new_output("display_data", widget._repr_mimebundle_()[0])
    ]
    code["check-loss"].outputs = code["progress"].outputs = to_do
    del code["widget-error"].outputs[0].data["application/vnd.jupyter.widget-view+json"]
    nbformat.write(notebook, path)
    every_slide_has_one_note(path)
    lesson = Lesson(path)
    assert [(rule, found) for rule in RULES.values() for found in rule(lesson)] == []
