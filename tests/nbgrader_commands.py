"""Submit and grade notebooks by nbgrader's commands."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import nbformat

# Several commands in one process: an import of nbgrader takes longer than most of them.
COMMANDS = """
import sys
from nbgrader.apps.nbgraderapp import NbGraderApp
from traitlets.config import Application

for command in sys.argv[1:]:
    NbGraderApp.launch_instance(command.split())
    type(Application.instance()).clear_instance()
"""


def nbgrader(folder, *commands):
    """Run commands of nbgrader in the folder of a class; an error if one fails."""
    # nbgrader starts alembic without its path, as in an activated environment.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, *commands],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONUTF8": "1"},
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=3000,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def submit(folder, student, assignment, notebook):
    """Store a student's notebook where nbgrader's exchange would."""
    target = folder / "submitted" / student / assignment / f"{assignment}.ipynb"
    target.parent.mkdir(parents=True)
    nbformat.write(notebook, target)


def grade(folder, assignment):
    """Make an assignment and grade its submissions.  -> {student: (score, best score)}"""
    steps = ("generate_assignment", "autograde", "generate_feedback")
    nbgrader(folder, *(f"{step} {assignment}" for step in steps), "export")
    with (folder / "grades.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["student_id"]: (float(row["score"]), float(row["max_score"]))
            for row in csv.DictReader(file)
            if row["assignment"] == assignment
        }


def graded(folder, student, assignment):
    """A student's notebook after grading, with its outputs."""
    path = folder / "autograded" / student / assignment / f"{assignment}.ipynb"
    return nbformat.read(path, as_version=4)


def failed(notebook):
    """The cells that ended with an error: {id: error}."""
    return {
        cell.metadata.get("nbgrader", {}).get("grade_id", cell.id): output.ename
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    }
