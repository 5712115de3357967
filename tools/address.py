"""Write the address of the repository into README, docs, notebooks and CITATION.cff.

    python -m tools.address

It stands in one place, the line ``Repository`` of pyproject.toml. While that line is a
comment, a placeholder stands everywhere, and no link leads to a place that does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tools import files

PLACEHOLDER = "<address of this repository>"
PAGES = (
    "README.md",
    "docs/elsewhere.md",
    "docs/hub.md",
    "CITATION.cff",
    "tools/new_notebook.py",
)


def repository(project: str) -> str:
    """The address in the text of pyproject.toml, or the placeholder."""
    found = re.search(r'^Repository = "(https://github\.com/.+?)/?"', project, re.MULTILINE)
    return found[1] if found else PLACEHOLDER


def places(address: str, notebook: str) -> list[str]:
    """Where a notebook runs without an installation, as links in Markdown."""
    name = address.removeprefix("https://github.com/")
    colab = f"https://colab.research.google.com/github/{name}/blob/main/{notebook}"
    binder = f"https://mybinder.org/v2/gh/{name}/main?urlpath=lab/tree/{notebook}"
    return [f"[Colab]({colab})", f"[Binder]({binder})"]


def first_links(address: str, notebooks: list[str]) -> str:
    """The links on the first screen of README.md."""
    more = "[elsewhere](docs/elsewhere.md)"
    if address == PLACEHOLDER:
        return f"Without an installation, in VS Code, or for a class: {more}."
    owner, repository = address.split("/")[3:]
    site = f"[look and play](https://{owner}.github.io/{repository}/)"
    run = " or ".join(places(address, notebooks[0]))
    releases = f"[releases]({address}/releases)"
    return f"**Without an installation:** {site}, or run it on {run}; {more}; {releases}."


def table(address: str, notebooks: list[str]) -> str:
    """The links of each notebook, for docs/elsewhere.md."""
    if address == PLACEHOLDER:
        return "The links are written here once the repository has an address."
    rows = [
        " | ".join([f"| {Path(notebook).stem}", *places(address, notebook)]) + " |"
        for notebook in notebooks
    ]
    return "\n".join(["| notebook | | |", "|---|---|---|", *rows])


def written(texts: Mapping[str, str], address: str) -> dict[str, str]:
    """The files with this address in place of the present one, by path."""
    present = re.search(r"git clone (.+) autoencoders$", texts["README.md"], re.MULTILINE)
    if not present:
        raise files.ToolError("README.md has no line: git clone … autoencoders")
    notebooks = sorted(path for path in texts if path.endswith(".ipynb"))
    new = {path: text.replace(present[1], address) for path, text in texts.items()}
    for page, links in (("README.md", first_links), ("docs/elsewhere.md", table)):
        block = f"<!-- links -->\n\n{links(address, notebooks)}\n\n<!-- end -->"
        pattern = r"<!-- links -->.*?<!-- end -->"
        new[page] = re.sub(pattern, lambda _: block, new[page], flags=re.DOTALL)  # noqa: B023
    comment = "# " if address == PLACEHOLDER else ""
    pattern = r"^(# )?(?=repository-code: )"
    new["CITATION.cff"] = re.sub(pattern, comment, new["CITATION.cff"], flags=re.MULTILINE)
    return new


def read() -> dict[str, str]:
    """The files that hold the address, by path from the root."""
    notebooks = (path.relative_to(files.ROOT) for path in files.course_notebooks())
    paths = [*PAGES, *(path.as_posix() for path in notebooks)]
    return {path: (files.ROOT / path).read_text("utf-8") for path in paths}


def main() -> None:
    address = repository((files.ROOT / "pyproject.toml").read_text("utf-8"))
    texts = read()
    for path, text in written(texts, address).items():
        if text != texts[path]:
            files.write(files.ROOT / path, text)
            print(path)


if __name__ == "__main__":
    with files.exit_with_message():
        main()
