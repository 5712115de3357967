"""Latency of widgets: ours, interact with matplotlib, and ipywidgets.Image.

    python benchmarks/widget_latency.py             # print the table
    python benchmarks/widget_latency.py --write     # and put it into docs/performance.md

Each widget has a notebook in one JupyterLab and one Chromium, with the networks and test
digits of the course. The mouse moves over the widget in steps; a step starts when the
picture of the last one is on the screen, and its latency is the time from its event until
the frame with its picture is painted. A step without a new picture is an error. The steps
are repeated with a page that Chromium makes six times slower, as on a slow laptop. Then an
arrow key is held in both directions, with thirty presses per second, and the pictures on
the screen are counted. Some eight minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import docs_table
import nbformat
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from jupyterlab_session import chromium, jupyterlab, open_notebook, run_all  # noqa: E402

STEPS = 120  # of the mouse
SWEEP = 30  # steps from one end to the other
SLOWER = 6  # times, the page of a slow laptop; its kernel is as fast
UNASKED = 100  # ms after a step on it: asking for the picture would delay it there
PRESSES, REPEAT = 90, 1 / 30  # of the key, and s between two

SETUP = """
import io
import ipywidgets, matplotlib, torch
from matplotlib import pyplot as plt
from torch import nn
from course_utils import data, models, objectives, plots, widgets
from course_utils.theory import elbo, mixtures
from course_utils.training import fit

torch.manual_seed(0)
images, labels = data.mnist("test")
vae = models.VAE(784, 2, (512, 256))
fit(vae, objectives.vae_loss, images, epochs=4, batch_size=250, lr=6e-3)
vae.requires_grad_(False)
decode = nn.Sequential(vae.decoder, nn.Sigmoid())
codes, _ = vae.encoder(images)
elbos = elbo.elbo(vae.encoder, vae.decoder, images)
ae, pae = models.Autoencoder(784, 2, (512, 256)), models.Autoencoder(784, 2, (512, 256))

@torch.no_grad()
def picture(z1, z2):
    return decode(torch.tensor([[z1, z2]])).view(28, 28).numpy()

def slider(name):
    return ipywidgets.FloatSlider(0, min=-3, max=3, step=0.01, description=name)
"""

INTERACT = """
def show(z1, z2):
    plt.imshow(picture(z1, z2), cmap="gray_r")
    plt.axis("off")
    plt.show()

ipywidgets.interact(show, z1=slider("z1"), z2=slider("z2"));
"""

IMAGE = """
from PIL import Image

view = ipywidgets.Image(width=196, height=196)
z1, z2 = slider("z1"), slider("z2")

def show(change=None):
    file = io.BytesIO()
    gray = 255 - 255 * picture(z1.value, z2.value)
    Image.fromarray(gray.astype("uint8")).save(file, "PNG")
    view.value = file.getvalue()

z1.observe(show, "value")
z2.observe(show, "value")
show()
ipywidgets.VBox([z1, z2, view])
"""

IN_COLOR = """
def up(n_in, n_out):
    return nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1)

color = nn.Sequential(
    nn.Linear(10, 128 * 4 * 4), nn.ReLU(), nn.Unflatten(1, (128, 4, 4)),
    up(128, 64), nn.BatchNorm2d(64), nn.ReLU(), up(64, 32), nn.ReLU(),
    up(32, 3), nn.Sigmoid()).requires_grad_(False)
for layer in color:
    if hasattr(layer, "kernel_size"):
        nn.init.kaiming_normal_(layer.weight)  # images of high contrast
wide = torch.randn(2000, 10)
widgets.LatentWalk({decoder}, wide, labels[:2000], (3,))
"""


@dataclass
class Trial:
    """One widget in a cell of its own, and how the pointer moves over it."""

    name: str
    cell: str
    handle: str  # the element for the mouse and the keys
    picture: str  # the element that must change
    start: tuple[float, float]  # in shares of the handle's width and height
    end: tuple[float, float]
    drag: bool = True
    spiral: bool = False  # outwards from the start
    event: str = "pointermove"
    undo: str = ""  # the key that takes the steps of the mouse back
    focus: str | None = None  # the element for the keys, if another
    first: tuple[str, ...] = ()  # keys that are pressed before one is held
    keys: tuple[str, str] = ("ArrowRight", "ArrowLeft")  # held, one after the other

    def place(self, step: int) -> tuple[float, float]:
        """Where the mouse is, in shares of the handle's width and height."""
        if self.spiral:
            radius, angle = step / STEPS * (self.end[0] - self.start[0]), step / 3
            x, y = self.start
            return x + radius * np.cos(angle), y + radius * np.sin(angle)
        share = 1 - abs(step % (2 * SWEEP) / SWEEP - 1)
        (x, y), (x_end, y_end) = self.start, self.end
        return x + share * (x_end - x), y + share * (y_end - y)


SLIDER = ".widget-slider .noUi-target"
TRIALS = [
    Trial("`interact` with matplotlib", INTERACT, SLIDER, ".jp-OutputArea-output img",
          (0.5, 0.5), (0.95, 0.5), focus=".noUi-handle"),
    Trial("`ipywidgets.Image`", IMAGE, SLIDER, "img.widget-image",
          (0.5, 0.5), (0.95, 0.5), focus=".noUi-handle"),
    Trial("`LatentWalk`", "widgets.LatentWalk(decode, codes, labels)",
          ".lw-plane .cw-stage", ".lw-here canvas", (0.1, 0.2), (0.9, 0.8), drag=False),
    Trial("`LatentWalk`, K = 10, in color", IN_COLOR.replace("{decoder}", "color"),
          ".lw-plane .cw-stage", ".lw-here canvas", (0.1, 0.2), (0.9, 0.8), drag=False),
    Trial("the same, decoded by the kernel",
          IN_COLOR.replace("{decoder}", "lambda z: color(z)"),
          ".lw-plane .cw-stage", ".lw-here canvas", (0.1, 0.2), (0.9, 0.8), drag=False),
    Trial("`LiveTraining`", "widgets.LiveTraining()", "[data-knob=lr] input", ".lt-knobs",
          (0.1, 0.5), (0.9, 0.5), event="input"),
    Trial("`SideBySide`", """
widgets.SideBySide(
    {name: (decode, codes[:1000]) for name in ("AE", "PAE", "VAE")}, labels[:1000])
""", ".cw-stage", ".sb-image", (0.1, 0.2), (0.9, 0.8), drag=False),
    Trial("`DrawDigit`", """
widgets.DrawDigit(vae.encoder, vae.decoder, codes, labels, elbos)
""", ".dd-paper", ".dd-pair canvas", (0.5, 0.5), (0.9, 0.9), spiral=True,
          undo="Backspace", first=(" ",), keys=("ArrowRight", "ArrowDown")),
    Trial("`DenoisingField`", """
points = mixtures.sample_mixture(3000, mixtures.ring_of_means(), sigma=0.2)
denoisers = {s: models.mlp(2, 128, 128, 64, 128, 128, 2) for s in (0.1, 0.2, 0.4, 0.8)}
widgets.DenoisingField(denoisers, points)""",
          ".cw-stage", ".cw-lines", (0.2, 0.3), (0.8, 0.6)),
    Trial("`EvidenceGap`", "widgets.EvidenceGap(vae.encoder, vae.decoder, images[:3])",
          ".cw-stage", ".eg-chart", (0.5, 0.5), (0.9, 0.8)),
    Trial("`Reparameterization`", "widgets.Reparameterization(torch.sin)",
          ".rp-axis .cw-stage", ".rp-lines", (0.5, 0.7), (0.7, 0.7)),
    Trial("`Dial`", """
widgets.Dial("k", {
    k: plots.image_rows({"x": images[k : k + 10]}, title=f"k = {k}") for k in range(60)
})""", "input[type=range]", ".dial-pictures", (0.02, 0.5), (0.98, 0.5), event="input"),
]  # fmt: skip

# In the page: the time of the event, and the time when a new picture had been painted.
WATCH = """([handle, shown, kind]) => {
  const root = [...document.querySelectorAll(".jp-Notebook .jp-CodeCell")].at(-1);
  const print = () => [...root.querySelectorAll(shown)].map((el) =>
    el instanceof HTMLCanvasElement ? el.toDataURL()
      : el instanceof HTMLImageElement ? (el.complete && el.naturalWidth ? el.src : "")
      : el.outerHTML + [...el.querySelectorAll("canvas")].map((c) => c.toDataURL())).join();
  const watch = { delays: [], pictures: 0, waiting: null, last: print(), on: true };
  root.querySelector(handle).closest(".jp-OutputArea").addEventListener(kind, (event) => {
    watch.waiting ??= performance.now();
  }, { capture: true });
  const look = () => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { // comes once this frame is painted
      const painted = performance.now(), now = print();
      if (now && now !== watch.last) {
        watch.pictures += 1;
        if (watch.waiting !== null) watch.delays.push(painted - watch.waiting);
        watch.last = now;
        watch.waiting = null;
      }
    };
    port2.postMessage(0);
    if (watch.on) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  window.watch?.stop();
  watch.stop = () => { watch.on = false; };
  window.watch = watch;
}"""


def mouse_delays(page, trial: Trial, handle, unasked: int) -> np.ndarray:
    """ms from each step of the mouse to its picture."""
    box = handle.bounding_box()

    def move(step: int) -> None:
        x, y = trial.place(step)
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])

    move(0)
    if trial.drag:
        page.mouse.down()
    page.wait_for_timeout(500)
    page.evaluate("() => { watch.delays.length = 0; watch.waiting = null; }")
    for step in range(1, STEPS + 1):
        seen = page.evaluate("() => watch.delays.length")
        move(step)
        page.wait_for_timeout(unasked)
        try:
            page.wait_for_function("(n) => watch.delays.length > n", arg=seen, timeout=3000)
        except Exception as error:
            raise RuntimeError(f"{trial.name}: step {step} changed nothing") from error
    if trial.drag:
        page.mouse.up()
    return np.array(page.evaluate("() => watch.delays"))


def measure(page, trial: Trial) -> tuple[np.ndarray, np.ndarray, float]:
    """ms from each step of the mouse to its picture, the same with a slower page; pictures
    a second under a held key."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").last
    cell.scroll_into_view_if_needed()
    handle = cell.locator(trial.handle).first
    handle.wait_for()
    page.wait_for_timeout(1500)  # a lattice is drawn row by row
    handle.scroll_into_view_if_needed()
    page.evaluate(WATCH, [trial.handle, trial.picture, trial.event])
    keyed = cell.locator(trial.focus or trial.handle).first
    session = page.context.new_cdp_session(page)
    delays = []
    for rate, unasked in (1, 0), (SLOWER, UNASKED):
        session.send("Emulation.setCPUThrottlingRate", {"rate": rate})
        delays.append(mouse_delays(page, trial, handle, unasked))
        keyed.focus()
        if trial.undo:
            page.keyboard.press(trial.undo)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 1})

    for _ in range(200):  # to the left end
        page.keyboard.press("ArrowLeft")
    for key in trial.first:
        page.keyboard.press(key)
    page.wait_for_timeout(3000)
    before, start = page.evaluate("() => watch.pictures"), time.perf_counter()
    for press in range(PRESSES):
        time.sleep(max(0, start + press * REPEAT - time.perf_counter()))
        page.keyboard.down(trial.keys[press >= PRESSES / 2])
    pictures = page.evaluate("() => watch.pictures") - before
    passed = time.perf_counter() - start
    for key in trial.keys:
        page.keyboard.up(key)
    page.evaluate("() => watch.stop()")
    return *delays, pictures / passed


Row = tuple[str, float, float, float, float, float]


def run(trials: Sequence[Trial]) -> tuple[list[Row], str]:
    """Rows of the table: name, median and 95th percentile in ms, both with a slower page,
    pictures a second."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    rows = []
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        root, private = Path(folder, "root"), Path(folder, "private")
        root.mkdir()
        private.mkdir()
        with jupyterlab(root, private) as url:
            for number, trial in enumerate(trials):
                cells = [nbformat.v4.new_code_cell(cell) for cell in (SETUP, trial.cell)]
                notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
                nbformat.write(notebook, root / f"{number}.ipynb")
                page = browser.new_page(viewport={"width": 1400, "height": 1000})
                open_notebook(page, url, f"{number}.ipynb")
                if errors := run_all(page):
                    sys.exit("\n".join(errors))
                delays, slower, pictures = measure(page, trial)
                times = [*np.percentile(delays, [50, 95]), *np.percentile(slower, [50, 95])]
                rows.append((trial.name, *times, pictures))
                line = "{:30} {:6.1f} {:6.1f} ms, slower {:6.1f} {:6.1f} ms {:5.0f}/s"
                print(line.format(*rows[-1]), flush=True)
                page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")
                page.close()
            version = browser.version
    return rows, version


def table(rows: Sequence[Row], browser: str) -> str:
    heads = ["median", "95th percentile"]
    heads += [f"{head}, {SLOWER} × slower" for head in heads]
    lines = [
        f"| widget | {' | '.join(heads)} | pictures a second, key held |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, *times, pictures in rows:
        cells = " | ".join(f"{time:.1f} ms" for time in times)
        lines.append(f"| {name} | {cells} | {pictures:.0f} |")
    machine = f"Chromium {browser} on {docs_table.machine()}, no GPU in use."
    slower = f"*{SLOWER} × slower*: Chromium slows the page, but not the kernel."
    return "\n".join([*lines, "", f"{machine} {slower}", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put it into the docs")
    write = parser.parse_args().write
    text = table(*run(TRIALS))
    print(text)
    if write:
        docs_table.write("performance.md", "widget latency", text)


if __name__ == "__main__":
    main()
