"""What docs/security.md promises: no network, no code from data, nothing private in a deck.

That no cell of a notebook reaches the network is seen where they run: the conftest.py at
the root refuses it, and test_nbval.py shows that this is red.
"""

import ast
import re
import socket
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from test_layers import imports

from tools import slides

PACKAGE = Path(__file__).parents[1] / "course_utils"

# --- no network -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask",
    [
        lambda: urllib.request.urlopen("http://192.0.2.1", timeout=1),
        lambda: socket.create_connection(("2001:db8::1", 80), timeout=1),
        lambda: socket.getaddrinfo("example.com", 443),
        lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 53)),
    ],
    ids=["a page", "an address", "a name", "a datagram"],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_no_test_reaches_another_machine(ask):
    with pytest.raises(RuntimeError, match="the course needs no network"):
        ask()


# --- no code from data ----------------------------------------------------------------

# Modules that reach the network, start a process, or make objects of bytes.
MODULES = {"asyncio", "code", "ctypes", "dill", "ftplib", "http", "joblib", "marshal"}
MODULES |= {
    "multiprocessing",
    "nbclient",
    "pickle",
    "requests",
    "runpy",
    "shelve",
    "socket",
}
MODULES |= {"subprocess", "urllib"}
BUILT_IN = {"eval", "exec", "compile", "__import__"}
ATTRIBUTES = {"import_module", "load", "loads", "system", "popen"}

# Where the package does such a thing, and why it may.
ALLOWED = {
    "refresh.py": {"nbclient.NotebookClient"},  # runs the notebook that it is given
    "slides.py": {"nbclient.NotebookClient", "nbclient.exceptions.CellExecutionError"},
    "verdicts.py": {"ctypes"},  # stops a student's own function that does not end
}


def risks(source):
    """What a source does that may run what it reads, or leave this machine.

    To load weights alone, torch.load(…, weights_only=True), is none: it makes tensors only.
    """
    yield from (name for name in imports(source) if name.split(".")[0] in MODULES)
    nodes = list(ast.walk(ast.parse(source)))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    safe = [c.func for c in calls if "weights_only=True" in map(ast.unparse, c.keywords)]
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in BUILT_IN:
            yield node.id
        elif isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            yield from [] if node in safe else [node.attr]
        elif isinstance(node, ast.keyword) and ast.unparse(node) == "download=True":
            yield "download=True"


def test_the_package_runs_no_data_and_asks_no_machine_but_where_listed():
    found = {
        path.relative_to(PACKAGE).as_posix(): set(risks(path.read_text("utf-8")))
        for path in PACKAGE.rglob("*.py")
    }
    assert {name: seen for name, seen in found.items() if seen} == ALLOWED


@pytest.mark.parametrize(
    "source, risk",
    [
        ("import pickle", "pickle"),
        ("def late():\n    from urllib import request", "urllib.request"),
        ("torch.load(path)", "load"),
        ("torch.load(path, weights_only=False)", "load"),
        ("torch.load(a, weights_only=True), torch.load(b)", "load"),
        ("numpy.load(path, allow_pickle=True)", "load"),
        ("run = eval", "eval"),
        ("exec(text)", "exec"),
        ("os.system(text)", "system"),
    ],
)
def test_a_risk_is_seen(source, risk):
    assert risk in set(risks(source))


# What scripts of a page could use to ask for something or to run a text.
ASKS = (
    r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|import|eval"
    r"|Function)\s*\("
)
ADDRESS = r"https?://(?!www\.w3\.org/)\S*"  # of a page; those of the W3C are names


def test_scripts_and_styles_ask_for_nothing():
    found = {
        path.name: re.findall(f"{ASKS}|({ADDRESS})", path.read_text("utf-8"))
        for kind in ("*.js", "*.css")
        for path in PACKAGE.rglob(kind)
    }
    assert len(found) > 10
    # A deck wakes its widgets: it imports the scripts that lie in the deck itself.
    assert found.pop("slides.js") == [("import", "")]
    assert {name: asks for name, asks in found.items() if asks} == {}


@pytest.mark.parametrize(
    "script",
    ["await fetch(url)", "new Function (text)", "src = 'https://cdn.example/x.js'"],
)
def test_a_script_that_asks_is_seen(script):
    assert re.search(f"{ASKS}|{ADDRESS}", script)


# --- nothing private in a deck --------------------------------------------------------

PRIVATE = "ada.lovelace"
CELLS = [
    "import warnings\nwarnings.warn('a warning names a file')",
    "import sys\nprint('an error names a file', file=sys.stderr)",
    "from course_utils import display, objectives",
    "display.show_source(objectives.ae_loss)",
    "from matplotlib.figure import Figure\nfrom course_utils.widgets import Dial",
    "Dial('count', {1: Figure(), 2: Figure()})",
    "from tqdm.auto import tqdm\nlist(tqdm(range(3)));",
]


def test_a_deck_names_no_folder_no_user_and_no_token(tmp_path, monkeypatch):
    """In the decks of all notebooks test_decks.py looks for this machine's folders."""
    for name in ("USER", "LOGNAME", "USERNAME", "JUPYTER_TOKEN"):
        monkeypatch.setenv(name, PRIVATE)
    folder = tmp_path / PRIVATE
    folder.mkdir()
    kind = {"slideshow": {"slide_type": "slide"}}
    cells = [new_code_cell(source, metadata=kind) for source in CELLS]
    notebook = new_notebook(cells=[new_markdown_cell("# 9 · Name", metadata=kind), *cells])
    nbformat.write(notebook, folder / "09_name.ipynb")
    slides.build(folder / "09_name.ipynb", folder / "deck.html")
    page = (folder / "deck.html").read_text("utf-8")
    assert "squared_error" in page and "dial" in page
    assert PRIVATE not in page
    found = re.findall(
        r"(?<![\w.~])/(?:home|Users|root|tmp|usr|opt|var)/\S*|\b[A-Z]:\\\\", page
    )
    assert found == []
