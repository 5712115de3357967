"""No cell fails when a knob of a notebook is set to another sensible value.

Eighty-six runs of notebooks, so this is a command of its own; -k "02_pca and EPOCHS"
selects some. Claims may then not hold: benchmarks/knobs.py writes into docs/knobs.md which.
"""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import knobs


@pytest.mark.parametrize("name, knob, value", knobs.settings(knobs.VALUES))
@pytest.mark.filterwarnings("default")  # of nbclient
def test_no_cell_fails_with_another_value(name, knob, value, slow):
    errors, _ = knobs.run(name, knob, value)
    assert not errors
