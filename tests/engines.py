"""Firefox and WebKit through WebDriver, each with one window of 1280 × 720.

Both get the same commands, those of https://www.w3.org/TR/webdriver2/. Firefox reads them
from a socket, in the form that geckodriver sends; WebKitWebDriver is a server.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

SIZE = (1280, 720)
PATIENCE = 60  # seconds until an engine has started, or a page is ready
KEYS = dict(
    zip(
        "Tab Enter Escape PageUp PageDown ArrowLeft ArrowUp ArrowRight ArrowDown".split(),
        "\ue004\ue007\ue00c\ue00e\ue00f\ue012\ue013\ue014\ue015",
    )
)

# WebKit's driver does not tell what is on the console: the page collects it.
COLLECT_ERRORS = """<script>
window.errors = [];
for (const kind of ["error", "warn"]) {
  const write = console[kind].bind(console);
  console[kind] = (...parts) => { errors.push(parts.join(" ")); write(...parts); };
}
addEventListener("error", ({ message }) => errors.push(message), true);
addEventListener("unhandledrejection", ({ reason }) => errors.push(String(reason)));
</script>"""
ASYNC = """const [script, done] = arguments;
(async () => await eval(`(${script})`)())().then(
  (value) => done({ value: value ?? null }), (error) => done({ error: String(error) }));"""


class Engine:
    """A browser; ``send(command, **parameters)`` executes one command of WebDriver."""

    def __init__(self, send: Callable) -> None:
        self.send = send
        send("timeouts", script=180_000, pageLoad=180_000)
        for _ in range(3):  # the window's frame is not known before
            width, height = self.evaluate("() => [innerWidth, innerHeight]")
            if (width, height) == SIZE:
                break
            outer = send("get rect")
            send(
                "rect",
                width=outer["width"] + SIZE[0] - width,
                height=outer["height"] + SIZE[1] - height,
            )
            time.sleep(0.5)

    def evaluate(self, script: str):
        """The value of a JavaScript function without arguments, awaited."""
        found = self.send("script", script=ASYNC, args=[script])
        assert "error" not in found, found["error"]
        return found["value"]

    def wait(self, condition: str) -> None:
        end = time.monotonic() + PATIENCE
        while not self.evaluate(f"() => Boolean({condition})"):
            assert time.monotonic() < end, f"not within {PATIENCE} s: {condition}"
            time.sleep(0.05)

    def open(self, html: str, folder: Path) -> None:
        """Open a deck that collects its errors."""
        path = folder / "deck.html"
        head = '<meta charset="utf-8">'
        assert head in html
        path.write_text(html.replace(head, head + COLLECT_ERRORS, 1), "utf-8")
        self.send("open", url=path.as_uri())
        self.wait("'ready' in document.documentElement.dataset")

    def _act(self, kind: str, actions: list[dict], **source) -> None:
        self.send(
            "actions", actions=[{"type": kind, "id": kind, "actions": actions, **source}]
        )

    def press(self, key: str) -> None:
        value = KEYS.get(key, key)
        self._act("key", [{"type": kind, "value": value} for kind in ("keyDown", "keyUp")])

    def drag(self, start: tuple[float, float], *places: tuple[float, float]) -> None:
        """Press the mouse at a place of the window, move it, release it."""
        move = [
            {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 50}
            for x, y in (start, *places)
        ]
        press, release = ({"type": f"pointer{way}", "button": 0} for way in ("Down", "Up"))
        self._act(
            "pointer",
            [move[0], press, *move[1:], release],
            parameters={"pointerType": "mouse"},
        )


def program(engine: str, *names: str) -> str:
    """The path of the first of these programs; else skip the test.

    COURSE_REQUIRE_ENGINES=1 turns the skip into a failure.
    """
    for path in filter(None, map(shutil.which, names)):
        return path
    message = f"{engine} was not tested: none of {', '.join(names)} is installed"
    if os.environ.get("COURSE_REQUIRE_ENGINES") == "1":
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def process(*command: str, **environment: str) -> Iterator[None]:
    running = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        yield
    finally:
        running.terminate()
        running.wait()


def until_it_works(action: Callable):
    """Its result, once it raises no OSError."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return action()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


# --- Firefox --------------------------------------------------------------------------

MARIONETTE = {
    "timeouts": "SetTimeouts",
    "get rect": "GetWindowRect",
    "rect": "SetWindowRect",
    "open": "Navigate",
    "script": "ExecuteAsyncScript",
    "actions": "PerformActions",
}


@contextmanager
def firefox() -> Iterator[Engine]:
    path = program("Firefox", "firefox-esr", "firefox")
    with tempfile.TemporaryDirectory() as profile:
        (Path(profile) / "user.js").write_text('user_pref("marionette.port", 0);\n')
        command = [path, "--headless", "--no-remote", "--marionette", "--profile", profile]
        with process(*command):
            port = Path(profile) / "MarionetteActivePort"  # written once it listens
            number = until_it_works(lambda: int(port.read_text()))
            with socket.create_connection(("127.0.0.1", number)) as line:
                stream = line.makefile("rwb")
                read_message(stream)  # the greeting

                def send(command: str, **parameters):
                    name = f"WebDriver:{MARIONETTE.get(command, command)}"
                    text = json.dumps([0, 1, name, parameters]).encode()
                    stream.write(b"%d:%b" % (len(text), text))
                    stream.flush()
                    _, _, error, result = read_message(stream)
                    assert error is None, error
                    return result["value"] if set(result or ()) == {"value"} else result

                send("NewSession")
                yield Engine(send)


def read_message(stream):
    """``length:JSON``"""
    length = b""
    while (sign := stream.read(1)) != b":":
        length += sign
    return json.loads(stream.read(int(length)))


# --- WebKit ---------------------------------------------------------------------------

PATHS = {
    "timeouts": "timeouts",
    "get rect": "window/rect",
    "rect": "window/rect",
    "open": "url",
    "script": "execute/async",
    "actions": "actions",
}


@contextmanager
def webkit() -> Iterator[Engine]:
    """WebKitGTK's MiniBrowser, on a screen that nobody sees."""
    driver = program("WebKit", "WebKitWebDriver")
    screen = program("WebKit", "Xvfb")
    places = [*map(str, Path("/usr/lib").glob("*/webkit2gtk-4*/MiniBrowser"))]
    browser = program("WebKit", *(places or ["MiniBrowser"]))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    display = f":{port}"  # any free number

    def request(path: str, body: dict | None = None, method: str | None = None):
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/session{path}", data, method=method
        )
        try:
            with urllib.request.urlopen(asked) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None

    options = {"binary": browser, "args": ["--automation"]}
    wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
    with (
        process(screen, display, "-screen", "0", "1600x1000x24", "-nolisten", "tcp"),
        process(
            driver,
            f"--port={port}",
            DISPLAY=display,
            GDK_BACKEND="x11",
            LIBGL_ALWAYS_SOFTWARE="1",
            WEBKIT_DISABLE_DMABUF_RENDERER="1",
        ),
    ):
        session = until_it_works(lambda: request("", {"capabilities": wanted}))["sessionId"]

        def send(command: str, **parameters):
            body = None if command.startswith("get") else parameters
            return request(f"/{session}/{PATHS[command]}", body)

        yield Engine(send)
        with suppress(AssertionError, OSError):
            request(f"/{session}", method="DELETE")


ENGINES = {"firefox": firefox, "webkit": webkit}
