"""One HTML file in which an autoencoder learns in the browser; no notebook, no network.

    python -m tools.playground                   playground.html
    python -m tools.playground -o page.html

The text is in playground.html beside this file. The page holds one ``LiveTraining``; the
links of its questions set the state.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from string import Template

from ipywidgets.embed import dependency_state

from course_utils.widgets import LiveTraining
from course_utils.widgets.core import with_imports
from tools import files
from tools.without_kernel import ICON, script, states_json

HERE = Path(__file__).parent
PAGE = Template((HERE / "playground.html").read_text("utf-8"))
STYLE = "".join((HERE / f"{n}.css").read_text("utf-8") for n in ("theme", "playground"))
SCRIPT = with_imports(HERE / "playground.js")


def page(home: str = "") -> str:
    """The HTML of the page, which needs no other file and no network.

    home is the address of the course's first page, where there is one.
    """
    return PAGE.substitute(
        icon=ICON,
        home=f'<nav><a href="{home}">← The course</a></nav>\n' if home else "",
        style=STYLE,
        widget=states_json(live()),
        script=script(SCRIPT),
    )


def live(state: str = "") -> dict[str, dict]:
    """A ``LiveTraining`` as a notebook stores it, with the id live."""
    widget = LiveTraining(state=state)
    models = dependency_state(widget, drop_defaults=False)
    return {"live": models[widget.model_id]}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="playground", description="A page that trains an autoencoder."
    )
    parser.add_argument(
        "-o", dest="target", type=Path, default=files.ROOT / "playground.html"
    )
    target = parser.parse_args(arguments).target
    with files.exit_with_message():
        files.write(target, page())
    print(f"Open it in a browser: {target.resolve()}")


if __name__ == "__main__":
    main(sys.argv[1:])
