"""Mutation testing: which careless edits of the course's core do its fast tests let pass?

    pip install mutmut==3.8.1                       # into the environment .venv
    python benchmarks/mutants.py                    # all modules
    python benchmarks/mutants.py objectives models  # some; goes on where it was stopped

mutmut changes one thing at a time and runs the tests that reach it, in a process forked from
one that has imported torch already. Only the module's own tests are asked, and for `evidence`
those of bad input, less three. Left alone are type hints and docstrings, as mutmut does;
what is raised, and strings with a blank, since their wording is nobody's contract; what stands
outside of functions; and the numbers and examples of the exercises, which are data. The results
and the table are printed; docs/mutants.md explains the survivors. Delete the folder mutants/ to
begin anew.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "mutants"  # git ignores it
TESTS = {
    "objectives": ["objectives", "vq_vae", "gan", "diffusion"],
    "models": ["models"],
    "evidence": ["evidence", "bad_input"],
    "training": ["training"],
    "verdicts": ["verdicts"],
    "exercises": ["exercises"],
}
UNASKED = [  # slow; presses the stop button in lines of mutmut's too; finds new functions
    "test_training.py::test_the_linear_autoencoder_reaches_the_error_of_pca",
    "test_training.py::test_the_stop_button_at_any_moment_leaves_whole_steps_and_whole_epochs",
    "test_bad_input.py::test_the_table_leaves_no_public_function_out",
]
SETTINGS = """
[tool.mutmut]
source_paths = ["course_utils"]
only_mutate = {files}
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "no:cacheprovider"]
use_git_change_detection = false
timeout_multiplier = 5
"""


def undecorated(source: str) -> str:
    """The same module with ``f = decorator(f)`` below each function in place of ``@decorator``.

    mutmut passes decorated functions by.
    """
    lines = source.splitlines()
    functions = [
        node
        for parent in ast.walk(ast.parse(source))
        if isinstance(parent, ast.Module | ast.ClassDef)
        for node in parent.body
        if isinstance(node, ast.FunctionDef)
    ]
    for node in sorted(functions, key=lambda node: node.lineno, reverse=True):
        pad = " " * node.col_offset
        for decorator in node.decorator_list:  # the last is applied first
            call = f"{ast.unparse(decorator)}({node.name})"
            lines.insert(node.end_lineno, f"{pad}{node.name} = {call}")
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        del lines[first - 1 : node.lineno - 1]
    return "\n".join(lines) + "\n"


def prepare(name: str) -> Path:
    """A copy of the package and its tests for mutmut to work on; unchanged files stay.

    Where a test has changed, what survived is to be tried again.
    """
    folder, new_tests = WORK / name, False
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("course_utils", "tests"):
        for path in (ROOT / part).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                content = path.read_bytes()
                if path.suffix == ".py" and part == "course_utils":
                    content = undecorated(content.decode()).encode()
                copy = folder / path.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                if not (copy.is_file() and copy.read_bytes() == content):
                    copy.write_bytes(content)
                    new_tests |= path.stem.removeprefix("test_") in TESTS[name]
    for path in folder.glob("mutants/**/*.meta") if new_tests else ():
        results = json.loads(path.read_text())
        codes = results["exit_code_by_key"]
        results["exit_code_by_key"] = {
            mutant: code if code == 1 else None for mutant, code in codes.items()
        }
        path.write_text(json.dumps(results))
    pattern = "exercises/*" if name == "exercises" else name
    settings = SETTINGS.format(
        files=[f"course_utils/{pattern}.py"],
        tests=[f"tests/test_{module}.py" for module in TESTS[name]]
        + [f"--deselect=tests/{test}" for test in UNASKED],
    )
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + settings)
    return folder


def run(name: str, *mutants: str) -> None:
    """Let mutmut loose on one module, with our rules on what to leave alone, and report."""
    os.chdir(prepare(name))  # before mutmut reads its settings
    import libcst
    import tqdm
    from mutmut.__main__ import cli
    from mutmut.mutation import file_mutation, mutators

    left_alone = (libcst.Raise,)
    if name == "exercises":  # there the numbers are data
        left_alone += (libcst.Integer, libcst.Float)

    class Visitor(file_mutation.MutationVisitor):
        examples = None  # of the check that is visited

        def on_visit(self, node):
            if isinstance(node, libcst.Call) and node.func.deep_equals(
                libcst.Name("compare")
            ):
                self.examples = node.args[2]  # after answer and reference
            left = isinstance(node, left_alone) or node is self.examples
            return not left and super().on_visit(node)

    def names(node):
        return () if " " in node.value else mutators.operator_string(node)

    strings = mutators.mutation_operators.index(
        (libcst.BaseString, mutators.operator_string)
    )
    mutators.mutation_operators[strings] = (libcst.SimpleString, names)
    file_mutation.MutationVisitor = Visitor
    # The bar's own lock is shared among processes: one that is killed would keep it for good.
    tqdm.tqdm.set_lock(threading.RLock())
    cli(["run", "--max-children", str(os.cpu_count()), *mutants], standalone_mode=False)
    report(name)


def report(name: str) -> None:
    """The module's row of the table, and every mutant that was not killed, as a diff.

    Those that ran out of time are among them: an endless loop, or only a busy machine."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.stats import status_by_exit_code

    codes, seconds = {}, 0.0
    for path in sorted(Path("mutants").rglob("*.meta")):
        results = json.loads(path.read_text())
        codes |= results["exit_code_by_key"]
        seconds += sum(results["durations_by_key"].values())
    found = {mutant: status_by_exit_code[code] for mutant, code in codes.items()}
    left = {mutant: status for mutant, status in found.items() if status != "killed"}
    for mutant, status in left.items():
        changed = [line for line in get_diff_for_mutant(mutant).splitlines()[3:]
                   if line[0] in "+-" and "__mutmut_" not in line]  # fmt: skip
        print(f"\n# {mutant}: {status}", *changed, sep="\n")
    killed = len(codes) - len(left)
    print(
        f"\n| {name} | {len(codes)} | {killed} | {100 * killed / len(codes):.1f} % | "
        f"{seconds / 60:.1f} |"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        run(*sys.argv[2:])
    else:  # a process for each module: mutmut keeps its settings for good
        for name in sys.argv[1:] or TESTS:
            subprocess.run([sys.executable, __file__, "--one", name], check=True)
