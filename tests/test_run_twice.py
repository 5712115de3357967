"""Every cell of a notebook can be run twice, and again after all later ones.

Only for nbval: the claims are compared with their stored outputs each time.
"""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from pytest_in_subprocess import run_pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def again(cell):
    """A copy of the code cell, with its tags and stored outputs."""
    return new_code_cell(**{**cell, "id": f"{cell.id}-again"})


def each_cell_twice(cells):
    return [copy for cell in cells for copy in (cell, again(cell))]


def all_cells_twice(cells):
    return [*cells, *map(again, cells)]


@pytest.mark.parametrize("twice", [each_cell_twice, all_cells_twice])
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_claims_hold_the_second_time(path, twice, slow, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    cells = twice([cell for cell in notebook.cells if cell.cell_type == "code"])
    code, report = run_pytest(
        tmp_path, {path.stem: cells}, "--tb=short", OMP_NUM_THREADS="1"
    )
    failed = [
        cells[int(line.split("::Cell ")[1].split()[0])].id
        for line in report.splitlines()
        if line.startswith("FAILED ")
    ]
    assert code == 0, f"{failed} failed:\n{report}"
