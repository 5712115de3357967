"""Output of notebooks besides figures and widgets."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.display import Markdown


def show_source(*functions: Callable) -> Markdown:
    """The source code of functions of the package, with syntax highlighting."""
    from IPython.display import Markdown

    sources = [dedent(inspect.getsource(function)).rstrip() for function in functions]
    return Markdown("```python\n" + "\n\n\n".join(sources) + "\n```")
