"""The WebAssembly in the package is what its source compiles to."""

import pytest

from tools import build_kernel


@pytest.mark.slow
def test_the_source_compiles_to_the_bytes_in_the_package():
    built = build_kernel.build()
    assert built == build_kernel.KERNEL.read_bytes(), "run python -m tools.build_kernel"
