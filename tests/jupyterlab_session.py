"""Start a browser and JupyterLab, and run notebooks in them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import course

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser(playwright) -> str:
    """Path of Playwright's own Chromium or of one on this machine; else skip the test.

    COURSE_REQUIRE_BROWSER=1 turns the skip into a failure.
    """
    found = [playwright.chromium.executable_path, *map(shutil.which, BROWSERS)]
    for path in [*found, *APPLICATIONS]:
        if path and Path(path).is_file():
            return path
    message = (
        "No Chromium, Chrome or Edge was found, so the widgets were not tested. "
        "`python -m playwright install chromium` brings one."
    )
    if os.environ.get("COURSE_REQUIRE_BROWSER") == "1":
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def chromium() -> Iterator:
    """A headless browser.

    Its sandbox is off on Linux, where root and many containers cannot have it.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(playwright),
            chromium_sandbox=sys.platform != "linux",
            args=FLAGS,
        )
        try:
            yield browser
        finally:
            browser.close()


SIZE = {"width": 1400, "height": 1000}


@contextmanager
def open_page(browser) -> Iterator:
    """A page with a touch screen; at the end it must not have met an error."""
    context = browser.new_context(viewport=SIZE, has_touch=True, device_scale_factor=2)
    page = context.new_page()
    page.set_default_timeout(20_000)
    with no_errors(page):
        yield page
        context.close()


@contextmanager
def no_errors(page) -> Iterator[None]:
    """Check at the end that neither the page nor its console had an error."""
    errors = []
    listeners = {
        "pageerror": lambda error: errors.append(str(error)),
        "console": lambda m: errors.append(m.text) if m.type == "error" else None,
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    yield
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    assert not errors, "\n".join(errors)


@contextmanager
def jupyterlab(root: Path, private: Path) -> Iterator[str]:
    """The course's JupyterLab over the folder ``root``; its settings: ``private``.  -> URL

    Loopback only, any free port, no token; it ends, with its kernels, when the block does.
    """
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_DATA_DIR": str(private / "data"),
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(private / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(private / "workspaces"),
        "IPYTHONDIR": str(private / "ipython"),
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    first = min(root.glob("*.ipynb"), default=root).relative_to(root)
    command = [sys.executable, "-m", *course.lab(first), "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    command += [f"--ServerApp.root_dir={root}", "--IdentityProvider.token="]
    command += ["--ServerApp.disable_check_xsrf=True"]  # so that _stop may post
    command += ["--LabApp.expose_app_in_browser=True"]  # window.jupyterapp
    log = private / "lab.log"
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/api", server, log)
        yield url
    finally:
        _stop(url, server)


def _wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text('utf-8', 'replace')[-3000:]}")


def _stop(url: str, server: subprocess.Popen) -> None:
    """Shut the server and its kernels down; kill it if that fails."""
    try:
        urllib.request.urlopen(f"{url}/api/shutdown", data=b"", timeout=5).close()
        server.wait(20)
    except (OSError, subprocess.TimeoutExpired):
        server.kill()
        server.wait()


def open_notebook(page, url: str, name: str) -> None:
    """Open a notebook in a page and wait for its kernel."""
    page.goto(f"{url}/lab/tree/{name}?reset", timeout=120_000)
    page.wait_for_function(
        """() => {
            const session = window.jupyterapp?.shell.currentWidget?.sessionContext?.session;
            return session?.kernel?.status === "idle";
        }""",
        timeout=120_000,
    )


def open_beside(page, name: str) -> None:
    """Open another notebook in the page of one, with its kernel."""
    page.evaluate(
        """async (path) => {
            const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
            const options = { path, factory: "Notebook", kernel: { id: kernel.id } };
            const panel = await jupyterapp.commands.execute("docmanager:open", options);
            await panel.context.ready;
            await panel.sessionContext.ready;
        }""",
        name,
    )


def run_all(page, timeout: float = 300) -> list[str]:
    """Run all cells, within so many seconds.  -> the errors in their outputs"""
    return _run(page, "notebook:run-all-cells", timeout)


def run_cell(page, index: int, timeout: float = 300) -> list[str]:
    """Run one cell, within so many seconds.  -> the errors in the notebook's outputs"""
    page.evaluate(
        """async (index) => {
            const notebook = jupyterapp.shell.currentWidget.content;
            notebook.deselectAll();
            notebook.activeCellIndex = index;
            await notebook.scrollToItem(index);  // out of view it would not be displayed
        }""",
        index,
    )
    return _run(page, "notebook:run-cell", timeout)


def _run(page, command: str, timeout: float) -> list[str]:
    page.evaluate(
        """(command) => {
            window.ran = false;
            jupyterapp.commands.execute(command).finally(() => { window.ran = true; });
        }""",
        command,
    )
    page.wait_for_function("() => window.ran", timeout=1000 * timeout)
    return page.evaluate(
        """() => [...jupyterapp.shell.currentWidget.content.model.cells]
            .flatMap((cell) => cell.toJSON().outputs ?? [])
            .filter((output) => output.output_type === "error")
            .map((output) => `${output.ename}: ${output.evalue}`)"""
    )


def evaluate_in_kernel(page, code: str, expression: str) -> str:
    """Run code in the notebook's kernel.  -> the expression's repr"""
    return page.evaluate(
        """async ([code, expression]) => {
            const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
            const request = { code, silent: true, user_expressions: { expression } };
            const { content } = await kernel.requestExecute(request).done;
            return content.user_expressions.expression.data["text/plain"];
        }""",
        [code, expression],
    )
