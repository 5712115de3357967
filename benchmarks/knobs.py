"""Which claims of a notebook do not hold when one of its knobs is set to another value.

    python benchmarks/knobs.py 02_pca --write     # one notebook, into docs/knobs.md
    python benchmarks/knobs.py                    # all, printed only

Each notebook is run once for each value below, about half an hour for all on two cores.
A cell that fails is printed, and then nothing is written about its notebook.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterable
from pathlib import Path

import docs_table
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"

# For each knob two other sensible values, as they would be typed.
VALUES: dict[str, dict[str, tuple[str, str]]] = {
    "00_generative_models": {
        "COMPONENTS": ("10", "60"),
        "NUMBERS": ("10", "60"),
        "EXAMPLES": ("100", "1000"),
    },
    "01_autoencoder": {
        "EPOCHS": ("1", "10"),
        "HIDDEN": ("()", "(512, 256)"),
        "DIGITS": ("5_000", "60_000"),
    },
    "02_pca": {
        "K": ("2", "20"),
        "STEPS": ("50", "2000"),
        "WIDTHS": ("(2, 8)", "(1, 4, 16, 64)"),
        "EPOCHS": ("1", "6"),
    },
    "03_sparse_autoencoder": {
        "SEED": ("1", "2"),
        "UNITS": ("100", "600"),
        "CHOSEN": ("0.1", "1"),
        "LAMBDAS": ("(0.1, 0.3)", "(0.05, 0.2, 2, 10)"),
        "EPOCHS": ("1", "10"),
    },
    "04_denoising_autoencoder": {
        "SEED": ("1", "2"),
        "SIGMAS": ("(0.5, 1)", "(0.2, 0.4, 0.8)"),
        "S": ("0.1", "0.4"),
        "SIGMA": ("0.3", "0.8"),
    },
    "05_probabilistic_autoencoder": {
        "SEED": ("1", "2"),
        "LAM": ("0.03", "0.3"),
        "EPOCHS": ("2", "9"),
        "HIDDEN": ("(64,)", "(256, 64)"),
    },
    "06_variational_autoencoder": {
        "SEED": ("1", "2"),
        "EPOCHS": ("1", "8"),
        "HIDDEN": ("(64,)", "(256, 128)"),
        "LAM": ("0.03", "0.3"),
    },
    "07_trained_vae": {
        "SEED": ("1", "2"),
        "EPOCHS": ("1", "8"),
        "HIDDEN": ("(64,)", "(256, 128)"),
        "DIGIT": ("8", "13"),
    },
    "08_elbo": {
        "SEED": ("1", "2"),
        "EPOCHS": ("1", "8"),
        "HIDDEN": ("(64,)", "(256, 128)"),
        "SIGMA": ("0.3", "1.0"),
    },
    "09_gradient_estimators": {
        "SEED": ("1", "2"),
        "MU": ("-1.0", "1.5"),
        "SIGMA": ("0.5", "1.5"),
        "EPOCHS": ("1", "4"),
        "HIDDEN": ("(64,)", "(256, 128)"),
    },
    "10_posterior_collapse": {
        "SEED": ("1", "2"),
        "EPOCHS": ("1", "10"),
        "BETAS": ("(0, 1, 8)", "(0, 0.5, 1, 2, 8, 32)"),
        "LINEAR_BETAS": ("(1, 4, 16)", "(0.5, 1, 2, 8, 32)"),
    },
    "11_vq_vae": {
        "SEED": ("1", "2"),
        "EPOCHS": ("2", "4"),
        "TOP": ("32", "128"),
        "BOTTOM": ("4", "16"),
    },
    "12_diffusion": {
        "SEED": ("1", "2"),
        "STEPS": ("20", "100"),
        "N": ("1000", "4000"),
        "EPOCHS": ("40", "300"),
    },
    "13_gan_and_comparison": {
        "SEED": ("1", "2"),
        "STEPS": ("150", "600"),
        "SHAPE": ('"ring"', '"moons"'),
        "MORE": ('("GAN",)', '("VAE, 15 epochs",)'),
    },
    "14_your_own_data": {
        "SIZE": ("24", "48"),
        "K": ("2", "20"),
        "EPOCHS": ("8", "30"),
        "SEED": ("1", "2"),
    },
}


def read(name: str) -> NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def knobs(notebook: NotebookNode) -> dict[str, tuple[NotebookNode, int]]:
    """The capitals of the cell with the knobs: the cell, and the line that ends each."""
    return {
        node.id: (cell, statement.end_lineno or 0)
        for cell in notebook.cells
        if cell.id == "setup-knobs"
        for statement in ast.parse(cell.source).body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        if node.id.isupper() and node.id != "DEVICE"
    }


def run(name: str, knob: str, value: str) -> tuple[list[str], list[str]]:
    """Run a notebook with another value of one knob.

    -> the errors, one line each; the sentences of the claims that do not hold: cells with
    the tag nbval-check-output that do not print what is stored
    """
    notebook = read(name)
    cell, line = knobs(notebook)[knob]
    lines = cell.source.splitlines()
    lines.insert(line, f"{knob} = {value}")
    cell.source = "\n".join(lines)
    stored = [printed(cell) for cell in notebook.cells]
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        allow_errors=True,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": NOTEBOOKS}},
    ).execute()
    errors, sentences = [], []
    for cell, sentence in zip(notebook.cells, stored):
        is_claim = "nbval-check-output" in cell.metadata.get("tags", [])
        if is_claim and printed(cell) != sentence:
            sentences.append(sentence.strip())
        for output in cell.get("outputs", []):
            expected = is_claim and output.get("ename") == "AssertionError"
            if output.output_type == "error" and not expected:
                errors.append(f"{cell.id}: {output.ename}: {output.evalue}")
    return errors, sentences


def printed(cell: NotebookNode) -> str:
    outputs = cell.get("outputs", [])
    return "".join(output.text for output in outputs if output.output_type == "stream")


def settings(names: Iterable[str]) -> list[tuple[str, str, str]]:
    """Notebook, knob and value of each run."""
    return [
        (name, knob, value)
        for name in names
        for knob, values in VALUES[name].items()
        for value in values
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="*", help="their names; default: all")
    parser.add_argument("--write", action="store_true", help="put them into the docs")
    options = parser.parse_args()
    failed = False
    for name in options.notebooks or VALUES:
        rows = ["| knob | value | claims that do not hold |", "|---|---|---|"]
        print(name, *rows, sep="\n")
        problems = []
        for _, knob, value in settings([name]):
            errors, sentences = run(name, knob, value)
            claims = "<br>".join(sentences) or "–"
            rows.append(
                "| "
                + " | ".join(
                    text.replace("|", r"\|") for text in (f"`{knob}`", f"`{value}`", claims)
                )
                + " |"
            )
            print(rows[-1], *errors, sep="\n", flush=True)
            problems += errors
        failed = failed or bool(problems)
        if options.write and not problems:
            docs_table.write("knobs.md", name, "\n".join(rows) + "\n")
    if failed:
        sys.exit("There were errors.")


if __name__ == "__main__":
    main()
