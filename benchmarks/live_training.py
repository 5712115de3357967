"""Training in the browser: our step against tensorflow.js, plain JavaScript and torch.

    python benchmarks/live_training.py             # print the tables
    python benchmarks/live_training.py --write     # and put them into docs/live_training.md

One run, some four minutes with nothing else running. Needs npm and a network for
tensorflow.js. All train a VAE of the same sizes on the same digits with Adam and batches
of 64, in turns, so that other load affects all of them. The browser is a headless
Chromium; the page is isolated, so that tensorflow.js may use threads. Its WebGL is
computed by the CPU where there is no GPU.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docs_table
import torch
from playwright.sync_api import Error, sync_playwright
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from jupyterlab_session import FLAGS, find_browser  # noqa: E402

from course_utils import data  # noqa: E402
from course_utils.models import VAE  # noqa: E402
from course_utils.objectives import vae_loss  # noqa: E402
from course_utils.theory.elbo import elbo  # noqa: E402
from course_utils.training import adam  # noqa: E402
from course_utils.widgets.core import HERE, with_core  # noqa: E402

BATCH, RATE, LATENT = 64, 3e-3, 2
SIZES = {196: 64, 784: 128}  # pixels: width
ROUNDS, SECONDS = 7, 1.0  # of each contender; a round takes about so long
WATCHED = 5.0  # s in which frames are counted
EPOCHS, SEEDS = (5, 20, 60), (0, 1, 2)
VERSION = "4.22.0"  # of tensorflow.js
PACKAGES = {"tf.min.js": "tfjs", "tf-backend-wasm.min.js": "tfjs-backend-wasm"}
ADDRESS = "http://localhost/"  # answered by the test, so that no server is needed
ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}

# --- in the page ------------------------------------------------------------------------

LOAD = """async ([source, kernel]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  window.floats = (text) => new Float32Array(bytes(text).buffer);
  window.kernelBytes = bytes(kernel);
  window.engine = await import(url);
  window.others = await import("/live_training.js");
  window.settings = { objective: "vae", beta: 1, spread: 0 };
  window.contenders = {};
}"""
PREPARE = """async ([name, kind, data, shape]) => {
  const numbers = floats(data);
  if (kind === "wasm kernel" || kind === "plain") {
    const kernel = kind === "plain" ? others.plainKernel()
      : (await WebAssembly.instantiate(kernelBytes)).instance.exports;
    const trainer = engine.makeTrainer(kernel, numbers, { ...shape, seed: 0 });
    let loss;
    contenders[name] = {
      step() { loss = trainer.step({ ...settings, lr: shape.lr }).loss; },
      finish: async () => loss,
    };
  } else {
    if (kind === "wasm") tf.wasm.setWasmPaths("/");
    contenders[name] = await others.tensorflowTrainer(tf, kind, numbers, shape);
  }
  contenders[name].backend = ["wasm kernel", "plain"].includes(kind) ? null : kind;
}"""
# Steps for so many seconds.  -> ms a step, loss of the last
ROUND = """async ([name, seconds]) => {
  const { step, finish, backend } = contenders[name];
  if (backend) await tf.setBackend(backend);
  for (let i = 0; i < 3; i++) step(); // the first ones compile
  await finish();
  const start = performance.now();
  let steps = 0;
  do {
    for (let i = 0; i < 5; i++, steps++) step();
    await finish();
  } while (performance.now() - start < 1000 * seconds);
  return [(performance.now() - start) / steps, await finish()];
}"""
WATCH = """async ([worker, data, test, shape, seconds]) => {
  const url = URL.createObjectURL(new Blob([worker], { type: "text/javascript" }));
  const trainer = new Worker(url, { type: "module" });
  let frames = 0, messages = 0, step = 0, on = true;
  trainer.onmessage = ({ data }) => {
    messages++;
    step = data.step ?? step;
  };
  trainer.postMessage({ type: "start", kernel: kernelBytes, shape, steps: 0,
    parameters: null, data: { train: floats(data), test: floats(test) },
    changes: [[0, { ...settings, lr: 3e-3 }]],
    view: { window: 2, shown: [0, 1, 2, 3, 4, 5], extent: null, speed: 0 } });
  trainer.postMessage({ type: "run", steps: Infinity });
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  await wait(1000);
  const begun = performance.now(), before = [messages, step];
  const count = () => {
    frames++;
    if (on) requestAnimationFrame(count);
  };
  requestAnimationFrame(count);
  await wait(1000 * seconds);
  on = false;
  const passed = (performance.now() - begun) / 1000;
  const { bytes } = await performance.measureUserAgentSpecificMemory();
  trainer.terminate();
  return [frames, messages - before[0], step - before[1]].map((n) => n / passed)
    .concat(bytes);
}"""
TRAIN = """async ([data, shape, steps, lr]) => {
  const kernel = (await WebAssembly.instantiate(kernelBytes)).instance.exports;
  const trainer = engine.makeTrainer(kernel, floats(data), shape);
  const start = performance.now();
  for (let i = 0; i < steps; i++) trainer.step({ ...settings, lr });
  return [performance.now() - start, Array.from(trainer.parameters)];
}"""


@contextmanager
def open_page(folder: Path) -> Iterator[Any]:
    """An isolated page whose address gives the files of a folder."""

    def answer(route) -> None:
        path = folder / route.request.url.removeprefix(ADDRESS).split("?")[0]
        if path.is_file():
            route.fulfill(path=path, headers={**ISOLATED, **content_type(path)})
        else:
            route.fulfill(
                body="<!doctype html>", content_type="text/html", headers=ISOLATED
            )

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(playwright),
            chromium_sandbox=sys.platform != "linux",
            args=[flag for flag in FLAGS if flag != "--disable-gpu"]
            + ["--enable-unsafe-swiftshader"]
            + ["--enable-blink-features=ForceEagerMeasureMemory"],
        )
        try:
            context = browser.new_context()
            context.route("**/*", answer)
            page = context.new_page()
            page.goto(ADDRESS)
            yield page
        finally:
            browser.close()


def content_type(path: Path) -> dict[str, str]:
    types = {".js": "text/javascript", ".wasm": "application/wasm"}
    return {"Content-Type": types.get(path.suffix, "text/plain")}


def fetch_tensorflow(folder: Path) -> None:
    """Put the scripts of tensorflow.js and the WebAssembly of its backend into a folder."""
    names = [f"@tensorflow/{name}@{VERSION}" for name in PACKAGES.values()]
    subprocess.run(["npm", "pack", "--silent", *names], cwd=folder, check=True)
    for archive in folder.glob("*.tgz"):
        with tarfile.open(archive) as file:
            for member in file.getmembers():
                name = Path(member.name).name
                if member.name == f"package/dist/{name}" and (
                    name in PACKAGES or name.endswith(".wasm")
                ):
                    (folder / name).write_bytes(file.extractfile(member).read())


# --- the contenders -----------------------------------------------------------------------

OURS, TORCH = "ours, WebAssembly", "PyTorch, all cores"
IN_PAGE = {
    OURS: "wasm kernel",
    "ours, plain JavaScript": "plain",
    "tensorflow.js, `wasm`": "wasm",
    "tensorflow.js, `webgl`": "webgl",
    "tensorflow.js, `cpu`": "cpu",
}


def torch_steps(images: Tensor, width: int, seed: int = 0) -> tuple[VAE, Callable]:
    """The course's VAE, and a function that makes a step of Adam on a random batch."""
    torch.manual_seed(seed)
    model = VAE(images.shape[1], LATENT, (width,))
    optimizer = adam(model.parameters(), lr=RATE)

    def step(rows: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = vae_loss(model.encoder, model.decoder, images[rows])["loss"]
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def torch_round(images: Tensor, step: Callable, seconds: float) -> tuple[float, float]:
    """ms a step, and the last loss."""
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        loss, steps = step(torch.randint(len(images), (BATCH,))), steps + 1
    return 1e3 * (time.perf_counter() - start) / steps, loss.item()


def take_turns(page, images: Tensor, rounds: int, seconds: float) -> dict[str, str | float]:
    """Median ms a step of each contender, or why it does not run."""
    inputs = images.shape[1]
    width = SIZES[inputs]
    shape = {"inputs": inputs, "width": width, "latent": LATENT, "lr": RATE}
    times: dict[str, list[float]] = {}
    failed: dict[str, str | float] = {}
    for name, kind in IN_PAGE.items():
        try:
            page.evaluate(PREPARE, [name, kind, as_text(images), shape])
            page.evaluate(ROUND, [name, 0])
        except Error as error:  # of tensorflow.js
            failed[name] = str(error).splitlines()[0]
    _, step = torch_steps(images, width)
    for _ in range(rounds):
        for name in IN_PAGE:
            if name not in failed:
                ms, loss = page.evaluate(ROUND, [name, seconds])
                times.setdefault(name, []).append(ms)
                assert loss < 0.7 * inputs, f"{name} does not learn"  # log 2 at the start
        times.setdefault(TORCH, []).append(torch_round(images, step, seconds)[0])
    return {name: statistics.median(values) for name, values in times.items()} | failed


def as_text(numbers: Tensor) -> str:
    return base64.b64encode(numbers.contiguous().numpy().tobytes()).decode()


# --- what it learns ---------------------------------------------------------------------


def with_parameters(flat: Tensor, inputs: int, width: int) -> VAE:
    """The course's VAE with the parameters of the trainer."""
    model = VAE(inputs, LATENT, (width,))
    hidden, head = model.encoder[0][0], model.encoder[-1]
    first, last = model.decoder[0], model.decoder[-1]
    for layers in ([hidden], [head.mu, head.logvar], [first], [last]):
        n, m = layers[0].in_features, sum(layer.out_features for layer in layers)
        weight, bias, flat = flat.split([n * m, m, len(flat) - n * m - m])
        widths = [layer.out_features for layer in layers]
        parts = zip(layers, weight.view(n, m).T.split(widths), bias.split(widths))
        for layer, w, b in parts:
            layer.weight.data, layer.bias.data = w.contiguous(), b
    return model


def negative_elbo(model: VAE, test: Tensor) -> float:
    torch.manual_seed(0)
    return -elbo(model.encoder, model.decoder, test, samples=4).mean().item()


def train_ours(page, images: Tensor, steps: int, seed: int) -> tuple[float, VAE]:
    shape = {"inputs": images.shape[1], "width": SIZES[images.shape[1]], "latent": LATENT}
    arguments = [as_text(images), {**shape, "seed": seed}, steps, RATE]
    ms, parameters = page.evaluate(TRAIN, arguments)
    return ms / 1e3, with_parameters(torch.tensor(parameters), *list(shape.values())[:2])


def train_torch(images: Tensor, steps: int, seed: int) -> tuple[float, VAE]:
    model, step = torch_steps(images, SIZES[images.shape[1]], seed)
    start, epoch = time.perf_counter(), len(images) // BATCH
    for number in range(steps):
        if number % epoch == 0:
            batches = torch.randperm(len(images))[: epoch * BATCH].split(BATCH)
        step(batches[number % epoch])
    return time.perf_counter() - start, model


# --- tables -----------------------------------------------------------------------------


def speed_table(results: dict[int, dict[str, str | float]]) -> str:
    names = [f"{n}-{width}-{LATENT}-{width}-{n}" for n, width in SIZES.items()]
    lines = ["| ms a step | " + " | ".join(f"{name} | ÷ ours" for name in names) + " |"]
    lines.append("|---|" + "---:|" * 2 * len(names))
    for name in [*IN_PAGE, TORCH]:
        cells = []
        for result in results.values():
            ms, ours = result[name], result[OURS]
            good = isinstance(ms, float)
            cells += [f"{ms:.2f}", f"{ms / ours:.1f}"] if good else [f"no: {ms}", "–"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cost_table(watched: dict[int, list[float]], folder: Path, half: Tensor) -> str:
    lines = [
        "| trained in a worker | frames/s of the page | of the worker | steps/s | memory |",
        "|---|---:|---:|---:|---:|",
    ]
    for n, (frames, messages, steps, size) in watched.items():
        lines.append(
            f"| {n} pixels | {frames:.0f} | {messages:.0f} | {steps:.0f} "
            f"| {size / 1e6:.0f} MB |"
        )
    levels = (15 * half).round().byte().flatten()
    packed = (16 * levels[::2] + levels[1::2]).numpy().tobytes()
    worker = with_core("trainer_worker.js").encode()
    kernel = (HERE / "training_kernel.wasm").read_bytes()
    rows = {
        "kernel": len(kernel),
        "worker": len(worker),
        "both, gzipped": len(gzip.compress(kernel)) + len(gzip.compress(worker)),
        f"{len(half)} halved digits of 4 bits, gzipped": len(gzip.compress(packed)),
        "tensorflow.js, without its kernels": (folder / "tf.min.js").stat().st_size,
    }
    lines += ["", "| | kB |", "|---|---:|"]
    return "\n".join([*lines, *(f"| {k} | {v / 1e3:.1f} |" for k, v in rows.items())])


def quality_table(page, half: Tensor, test: Tensor, epochs, seeds) -> str:
    lines = [
        "| epochs | steps | ours: s | −ELBO | PyTorch: s | −ELBO |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for count in epochs:
        steps = count * (len(half) // BATCH)
        cells = []
        for train in (lambda *a: train_ours(page, *a), train_torch):
            runs = [train(half, steps, seed) for seed in seeds]
            values = [negative_elbo(model, test) for _, model in runs]
            spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            cells += [f"{statistics.median(s for s, _ in runs):.1f}"]
            cells += [f"{statistics.mean(values):.2f}{spread}"]
        lines.append(f"| {count} | {steps} | {' | '.join(cells)} |")
    return "\n".join(lines)


def run(rounds: int, seconds: float, epochs, seeds) -> str:
    torch.set_num_threads(os.cpu_count() or 1)
    full, test = data.mnist("train")[0][:10_000].cpu(), data.mnist("test")[0].cpu()
    half, half_test = map(data.half_size, (full, test))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fetch_tensorflow(folder)
        script = Path(__file__).with_suffix(".js")
        (folder / script.name).write_bytes(script.read_bytes())
        kernel = base64.b64encode((HERE / "training_kernel.wasm").read_bytes()).decode()
        with open_page(folder) as page:
            for file in PACKAGES:
                page.add_script_tag(url=f"/{file}")
            page.evaluate(LOAD, [with_core("trainer.js"), kernel])
            results, watched = {}, {}
            for images, tests in ((half, half_test), (full, test)):
                inputs = images.shape[1]
                results[inputs] = take_turns(page, images, rounds, seconds)
                shape = {
                    "inputs": inputs,
                    "width": SIZES[inputs],
                    "latent": LATENT,
                    "seed": 0,
                }
                arguments = [as_text(images), as_text(tests[:500]), shape, WATCHED]
                watched[inputs] = page.evaluate(
                    WATCH, [with_core("trainer_worker.js"), *arguments]
                )
            quality = quality_table(page, half, half_test, epochs, seeds)
            browser = page.context.browser.version
            renderer = page.evaluate(
                """() => {
                    const gl = document.createElement("canvas").getContext("webgl2");
                    const info = gl?.getExtension("WEBGL_debug_renderer_info");
                    return info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : "none";
                }"""
            )
        cost = cost_table(watched, folder, half)
    where = (
        f"Chromium {browser}, tensorflow.js {VERSION}, torch {torch.__version__}; WebGL: "
        f"{renderer}. {docs_table.machine()}."
    )
    return "\n\n".join([speed_table(results), cost, quality, where]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put them into the docs")
    write = parser.parse_args().write
    text = run(ROUNDS, SECONDS, EPOCHS, SEEDS)
    print(text)
    if write:
        docs_table.write("live_training.md", "live training", text)


if __name__ == "__main__":
    main()
