"""The claims of docs/security.md: no network, no code from data, nothing private in a deck.

conftest.py at the root refuses network connections of notebooks, which test_nbval.py tests.
pyproject.toml lists what the package may not import or call, and ruff checks it.
"""

import ast
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import slides

ROOT = Path(__file__).parents[1]

# --- no network -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "connect",
    [
        lambda: urllib.request.urlopen("http://192.0.2.1", timeout=1),
        lambda: socket.create_connection(("2001:db8::1", 80), timeout=1),
        lambda: socket.getaddrinfo("example.com", 443),
        lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 53)),
    ],
    ids=["a page", "an address", "a name", "a datagram"],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_no_test_reaches_another_machine(connect):
    with pytest.raises(RuntimeError, match="the course needs no network"):
        connect()


# --- what ruff refuses ----------------------------------------------------------------

# Each line is refused in the package.
UNSAFE = """\
import builtins
import pickle
import urllib.request
torch.load(path)
torch.hub.load(name, model)
torchvision.datasets.MNIST(path, download=True)
eval(text)
exec(text)
"""


def test_ruff_refuses_network_and_code_from_data():
    name = ["--stdin-filename", "course_utils/x.py", "--output-format", "concise", "-"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "S,TID251", *name],
        input=f"import torch, torchvision\n{UNSAFE}",
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    found = re.findall(r"^\S+:(\d+):\d+: (?:TID251|S\d+) ", done.stdout, re.MULTILINE)
    assert {int(line) - 1 for line in found} >= {
        number for number, _ in enumerate(UNSAFE.splitlines(), 1)
    }, done


def test_nothing_compiles_text_or_imports_by_name():
    """For these two built-in functions ruff has no rule."""
    for path in [*(ROOT / "course_utils").rglob("*.py"), *(ROOT / "tools").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            unsafe = isinstance(node, ast.Name) and node.id in ("compile", "__import__")
            assert not unsafe, f"{path}:{node.lineno}"


# --- no code from the network --------------------------------------------------------

# Functions by which a script requests something or runs a text.
REQUESTS = (
    r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|import|eval"
    r"|Function)\s*\("
)
ADDRESS = r"https?://(?!www\.w3\.org/)\S*"  # except names of the W3C


def test_scripts_and_styles_request_nothing():
    requests = {
        path.name: re.findall(f"{REQUESTS}|({ADDRESS})", path.read_text("utf-8"))
        for kind in ("*.js", "*.css")
        for path in [*(ROOT / "course_utils").rglob(kind), *(ROOT / "tools").glob(kind)]
    }
    assert len(requests) > 10
    # A page imports the scripts of its widgets, which are inside the page.
    assert requests.pop("without_kernel.js") == [("import", "")]
    assert {name: matches for name, matches in requests.items() if matches} == {}


# --- nothing private in a deck --------------------------------------------------------

PRIVATE = "ada.lovelace"
CELLS = [
    "import warnings\nwarnings.warn('a warning names a file')",
    "import sys\nprint('an error names a file', file=sys.stderr)",
    "from course_utils import notebook, objectives",
    "notebook.show_source(objectives.ae_loss)",
    "from matplotlib.figure import Figure\nfrom course_utils.widgets import Dial",
    "Dial('count', {1: Figure(), 2: Figure()})",
    "from tqdm.auto import tqdm\nlist(tqdm(range(3)));",
]


@pytest.mark.slow
def test_a_deck_holds_no_folder_no_user_and_no_token(tmp_path, monkeypatch):
    """test_decks.py searches the decks of all notebooks for this machine's folders."""
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
