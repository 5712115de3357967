"""A claim fails if an error is injected into the course: one error for each notebook.

Only the cells that the claim needs are run, in a new kernel: first with the course as it
is, then again with the error.
"""

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from pytest_in_subprocess import run_pytest

ROOT = Path(__file__).parents[1]

# The notebook; the cells, the claim last; the error, old → new: in which module or cell.
INJECTED = [
    # the weight 1/K of each component is missing
    ("00_generative_models",
     ("setup setup-knobs make-ring exercise-density-stub score-mixture run-kde"
      " claim-kde"),
     "theory/mixtures.py", "-math.log(len(means)) - squared", "-squared"),
    # mean instead of sum over the pixels
    ("01_autoencoder",
     "setup setup-knobs guess-yardstick run-yardstick claim-yardstick",
     "objectives.py", "(x - x_hat).square().flatten(1).sum(1)",
     "(x - x_hat).square().flatten(1).mean(1)"),
    # covariance with N − 1 instead of N: a relative error of 1/1796
    ("02_pca",
     "setup setup-knobs run-pca claim-pca",
     "run-pca", "np.cov(small.T, bias=True)", "np.cov(small.T)"),
    # the derivative of z² without the factor 2
    ("03_sparse_autoencoder",
     "setup setup-knobs see-zeros claim-zeros",
     "claim-zeros", "(a.abs() - 0.5)", "(a.abs() - 1)"),
    # variance instead of standard deviation
    ("04_denoising_autoencoder",
     "setup setup-knobs claim-trap",
     "objectives.py", "x + sigma * torch.randn_like(x)",
     "x + sigma**2 * torch.randn_like(x)"),
    # noise on the image instead of the code
    ("05_probabilistic_autoencoder",
     "setup setup-knobs train-ae draw lines code-pae claim-pae",
     "objectives.py", "g(add_noise(f(x), sigma))", "g(f(add_noise(x, sigma)))"),
    # a wrong sign
    ("06_variational_autoencoder",
     "setup setup-knobs run-kl claim-kl",
     "objectives.py", "logvar.exp() - logvar - 1", "logvar.exp() + logvar - 1"),
    # one dimension instead of two
    ("07_trained_vae",
     "setup setup-knobs claim-lattice",
     "theory/lattice.py", "math.erf(half_width / math.sqrt(2)) ** 2",
     "math.erf(half_width / math.sqrt(2))"),
    # standard deviation instead of variance
    ("08_elbo",
     "setup setup-knobs run-thermometers run-area claim-area",
     "objectives.py", "error / sigma / sigma / 2",
     "error / sigma / 2"),
    # the derivative by σ without ε
    ("09_gradient_estimators",
     ("setup setup-knobs code-exact stub-slopes choose-slopes code-score run-variance"
      " claim-variance"),
     "theory/gradient_estimators.py", "[slope, slope * eps]", "[slope, slope]"),
    # the factor ½ of the Gaussian's exponent is missing
    ("10_posterior_collapse",
     ("setup setup-knobs stub-water choose-water see-mnist reduce scales inspect"
      " gradients claim-reduce"),
     "theory/linear_gaussian.py", "kl_scale / (2 * recon_scale)", "kl_scale / recon_scale"),
    # the gradient is stopped nowhere
    ("11_vq_vae",
     "setup setup-knobs claim-through",
     "generative/vq_vae.py", "return z + (e - z).detach()", "return z + (e - z)"),
    # the factor ½ of the Gaussian's exponent is missing
    ("12_diffusion",
     "setup setup-knobs make-schedule stub-gauss run-gauss see-gauss claim-gauss",
     "generative/diffusion.py", "scale[t] / (2 * variance[t]) * error",
     "scale[t] / variance[t] * error"),
    # the mean of the two terms instead of their sum
    ("13_gan_and_comparison",
     "setup setup-knobs guess-wins code-wins run-wins see-wins claim-wins",
     "generative/gan.py", "F.softplus(-d(x)).mean() + F.softplus(d(fake)).mean()",
     "(F.softplus(-d(x)).mean() + F.softplus(d(fake)).mean()) / 2"),
    # standard deviation instead of variance in one place
    ("14_your_own_data",
     "setup setup-knobs make-files read-folder split claim-best",
     "objectives.py", "error / sigma / sigma / 2",
     "error / sigma / 2"),
]  # fmt: skip

# Import the package again, with the changed module before the original one.
REIMPORT = """
import importlib, sys
for name in [name for name in sys.modules if name.split(".")[0] == "course_utils"]:
    del sys.modules[name]
importlib.import_module({!r}).__path__.insert(0, {!r})
"""


def replaced(text, old, new):
    assert text.count(old) == 1, f"{old!r} must occur once"
    return text.replace(old, new)


def with_error(notebook, cells, place, old, new, folder):
    """The cells, a cell that imports the package again, and the cells with the error.

    ``place`` is a cell, or the path of a module in course_utils.
    """
    path = ROOT / "notebooks" / f"{notebook}.ipynb"
    by_name = {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}
    original = [by_name[name] for name in cells.split()]
    changed = [new_code_cell(**{**cell, "id": f"{cell.id}-again"}) for cell in original]
    folder.mkdir()
    module = Path("course_utils", place)
    if module.suffix:
        source = (ROOT / module).read_text("utf-8")
        (folder / module.name).write_text(replaced(source, old, new), "utf-8")
    else:
        cell = changed[cells.split().index(place)]
        cell.source = replaced(cell.source, old, new)
    package = ".".join(module.parts[:-1])
    return [*original, new_code_cell(REIMPORT.format(package, str(folder))), *changed]


@pytest.fixture(scope="module")
def report(slow, tmp_path_factory):
    """Exit code and report of one pytest run on all these notebooks."""
    folder = tmp_path_factory.mktemp("injected")
    notebooks = {row[0]: with_error(*row, folder / row[0]) for row in INJECTED}
    return run_pytest(folder, notebooks, OMP_NUM_THREADS="1")


def test_the_table_names_every_notebook():
    names = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    assert [row[0] for row in INJECTED] == names


@pytest.mark.parametrize(
    "notebook, cells", [row[:2] for row in INJECTED], ids=[row[0] for row in INJECTED]
)
def test_the_claim_fails_with_the_injected_error_and_passes_without(
    notebook, cells, report
):
    code, text = report
    assert code == pytest.ExitCode.TESTS_FAILED, text
    outcomes = re.findall(
        rf"^(PASSED|FAILED) notebooks/{notebook}.ipynb::Cell (\d+)", text, re.MULTILINE
    )
    names = [
        *cells.split(),
        "reimport",
        *(f"{name} with the error" for name in cells.split()),
    ]
    failed = [names[int(number)] for outcome, number in outcomes if outcome == "FAILED"]
    assert len(outcomes) == len(names), text
    assert failed == [names[-1]], text
    title = f"notebooks/{notebook}.ipynb::Cell {len(names) - 1}"
    section = text.split(f"_ {title} _")[1].split("\n____")[0]
    assert re.search("AssertionError|outputs differ", section), section  # no other error
