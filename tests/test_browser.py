"""A real browser looks at the latent walk: alone, in a small notebook, and in notebook 06."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from lab import ask_kernel, chromium, jupyterlab, open_notebook, run_all
from torch import nn

from course_utils.widgets import LatentWalk

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
LAST = "06_variational_autoencoder.ipynb"
SMALL = "small.ipynb"
SMALL_CELL = """\
import torch
from torch import nn
from course_utils.widgets import LatentWalk
torch.manual_seed(0)
linear = nn.Linear(2, 784)
nn.init.normal_(linear.weight)
decoder = nn.Sequential(linear, nn.Sigmoid())
LatentWalk(decoder, 2 * torch.randn(500, 2), torch.arange(500) % 10)
"""
FIRST_WALK = """
from course_utils.widgets import LatentWalk
walk_ = next(value for value in Out.values() if isinstance(value, LatentWalk))
"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def lab_url(browser, tmp_path_factory):
    """JupyterLab over a copy of the notebooks, so that nobody's notebook is changed."""
    root = tmp_path_factory.mktemp("root")
    if (NOTEBOOKS / LAST).is_file():
        shutil.copy(NOTEBOOKS / LAST, root)
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(SMALL_CELL)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, root / SMALL)
    with jupyterlab(root, tmp_path_factory.mktemp("private")) as url:
        yield url


@pytest.fixture
def page(browser):
    """A page with a touch screen; in the end, nothing may have gone wrong in it."""
    context = browser.new_context(
        viewport={"width": 1400, "height": 1000}, has_touch=True, device_scale_factor=2
    )
    page, errors = context.new_page(), []
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    yield page
    page.evaluate("() => window.jupyterapp?.serviceManager.sessions.shutdownAll()")
    context.close()
    assert not errors


class Walk:
    """The first latent walk of a page, as a reader sees and handles it."""

    def __init__(self, page) -> None:
        self.page = page
        self.root = page.locator(".latent-walk").first
        self.plane = self.root.locator(".lw-plane .lw-stage")
        self.lattice = self.root.locator(".lw-lattice .lw-stage")
        self.plane.wait_for()
        self.plane.scroll_into_view_if_needed()

    def at(self, stage, x: float, y: float) -> tuple[float, float]:
        """Place on the page of a share x of the stage's width and y of its height."""
        box = stage.bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def hover(self, x: float, y: float, stage=None) -> None:
        """Move the mouse there, once the stage is in view and no longer shifts."""
        stage = stage or self.plane
        width = stage.bounding_box()["width"]
        stage.hover(position={"x": x * width, "y": y * width})
        self.settle()

    def click(self, x: float, y: float) -> None:
        self.hover(x, y)
        self.page.mouse.down()
        self.page.mouse.up()
        self.settle()

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)
        self.settle()

    def choose_box(self, index: int) -> None:
        self.root.locator(".lw-boxes label").nth(index).click()
        self.settle()

    def settle(self) -> None:
        """Wait for two frames: the picture of the last event is then on the screen."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => "
            "requestAnimationFrame(done)))"
        )

    def wait_for_lattice(self) -> None:
        """The lattice is complete when its last image is: paper, not transparent."""
        self.page.wait_for_function(
            "(canvas) => canvas.getContext('2d').getImageData("
            "canvas.width - 1, canvas.height - 1, 1, 1).data[3] === 255",
            arg=self.lattice.locator("canvas").element_handle(),
        )

    def pixels(self, canvas: str = ".lw-here canvas") -> np.ndarray:
        """Gray levels of a canvas, as it is, not as the page scales it."""
        data = self.root.locator(canvas).evaluate(
            """(canvas) => {
                const ink = canvas.getContext("2d");
                const { data } = ink.getImageData(0, 0, canvas.width, canvas.height);
                return Array.from(data.filter((_, i) => i % 4 === 0));
            }"""
        )
        return np.array(data)

    def z(self) -> tuple[float, float]:
        text = self.root.locator(".lw-z").inner_text()
        first, second = text.replace("−", "-").split("(")[1].rstrip(")").split(",")
        return float(first), float(second)

    def wait_for_kernel(self, name: str, test: str) -> None:
        """Wait until the trait in the kernel passes a test on ``value``; 0.1 s is usual."""
        for _ in range(50):
            expression = f"(lambda value: bool({test}))(walk_.{name})"
            if ask_kernel(self.page, FIRST_WALK, expression) == "True":
                return
            self.page.wait_for_timeout(100)
        value = ask_kernel(self.page, FIRST_WALK, f"walk_.{name}")
        raise AssertionError(f"in the kernel, {name} stayed {value}, not {test}")


# --- the module alone, in an empty page without a kernel ------------------------------

STAND_IN = """async ([source, traits]) => {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    window.walk = await import(url);
    const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) =>
        c.charCodeAt(0)).buffer);
    for (const name of ["weights", "codes", "labels"]) traits[name] = bytes(traits[name]);
    const listeners = new Map();
    window.saved = [];
    window.model = {
        get: (name) => traits[name],
        set(name, value) {
            traits[name] = value;
            for (const listener of listeners.get(`change:${name}`) ?? []) listener();
        },
        on: (event, f) => listeners.set(event, [...(listeners.get(event) ?? []), f]),
        off: (event, f) => listeners.set(event, listeners.get(event).filter((g) => g !== f)),
        save_changes: () => saved.push(traits.z),
        listening: () => [...listeners.values()].flat().length,
    };
}"""
RENDER = """() => {
    const el = document.body.appendChild(document.createElement("div"));
    window.cleanUp = walk.default.render({ model, el });
}"""


def vivid_decoder() -> nn.Sequential:
    """2 → 256 → 512 → 784 as in the course, with weights whose pixels use all grays."""
    torch.manual_seed(0)
    decoder = nn.Sequential(
        nn.Sequential(
            *(nn.Linear(2, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU()),
            nn.Linear(512, 784),
        ),
        nn.Sigmoid(),
    )
    for module in decoder.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight)
    return decoder


def load(page, decoder: nn.Module) -> None:
    """Put the module and a stand-in for the model of a walk into an empty page."""
    walk = LatentWalk(decoder, torch.randn(200, 2), torch.arange(200) % 10)
    traits = {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in walk.get_state().items()
        if not name.startswith("_") and name != "layout"
    }
    page.goto("about:blank")
    page.add_style_tag(content=str(walk._css))
    page.evaluate(STAND_IN, [str(walk._esm), traits])


def decode_in_browser(page, z: torch.Tensor) -> np.ndarray:
    script = """(z) => {
        const decode = walk.makeDecoder(model.get("layers"), model.get("weights"));
        return z.map((point) => Array.from(decode(point)));
    }"""
    return np.array(page.evaluate(script, z.tolist()))


def test_the_browser_decodes_what_torch_decodes(page):
    decoder = vivid_decoder()
    load(page, decoder)
    z = 5 * (2 * torch.rand(200, 2) - 1)
    in_browser = 255 * decode_in_browser(page, z)
    with torch.no_grad():
        exact = 255 * decoder(z).numpy()
        rounded = 255 * decoder.half().float()(z).numpy()
    assert exact.std() > 60, "the comparison is only worth something on vivid images"
    # The same numbers in another order of summation: float32 rounding, and no more.
    assert np.abs(in_browser - rounded).max() < 0.01
    # Weights in float16 have a relative error of 2⁻¹¹: invisible, below one gray level.
    assert np.abs(in_browser - exact).max() <= 1


def test_without_a_kernel_it_draws_saves_and_cleans_up(page):
    load(page, vivid_decoder())
    page.evaluate(RENDER)
    walk = Walk(page)
    before = walk.pixels()
    walk.plane.evaluate(
        """(stage) => {
            const { left, top, width } = stage.getBoundingClientRect();
            for (let x = 0.2; x < 0.7; x += 0.01) {
                const place = { clientX: left + x * width, clientY: top + 0.3 * width };
                stage.dispatchEvent(new PointerEvent("pointermove", place));
            }
        }"""
    )
    walk.settle()
    assert (walk.pixels() != before).any()
    page.wait_for_function("() => saved.length > 0")
    page.wait_for_timeout(200)
    assert page.evaluate("() => saved.length") == 1, "one message, once the hand rests"
    walk.hover(0.8, 0.8)
    page.evaluate("() => cleanUp()")
    assert page.evaluate("() => saved.length") == 2, "the last place is not forgotten"
    assert page.evaluate("() => model.listening()") == 0


def test_images_lie_on_their_place_in_the_lattice(page):
    decoder = vivid_decoder()
    load(page, decoder)
    page.evaluate(RENDER)
    walk = Walk(page)
    walk.wait_for_lattice()
    drawn = walk.pixels(".lw-lattice canvas").reshape(21, 28, 21, 28)
    for row, column in [(0, 0), (0, 20), (10, 10), (20, 0), (3, 17)]:
        z = torch.tensor([[-1 + 0.1 * column, 1 - 0.1 * row]])  # z₂ grows upward
        with torch.no_grad():
            ink = 255 * decoder(z).numpy().reshape(28, 28)
        # One gray level for float16, half a level for the rounding to whole ones.
        assert np.abs(255 - ink - drawn[row, :, column]).max() <= 1.5


# --- in JupyterLab --------------------------------------------------------------------


@pytest.fixture
def small(page, lab_url) -> Walk:
    open_notebook(page, lab_url, SMALL)
    assert run_all(page) == []
    return Walk(page)


def test_mouse_touch_and_keys_move_the_cursor(small, page):
    walk = small
    walk.hover(0.75, 0.25)
    assert walk.z() == pytest.approx((0.525, 0.525), abs=0.01)  # ± one pixel
    walk.hover(0.25, 0.5, walk.lattice)
    assert walk.z() == pytest.approx((-0.525, 0), abs=0.01)
    walk.wait_for_kernel("z", "abs(value[0] + 0.525) < 0.01")

    walk.click(0.5, 0.5)
    before = walk.pixels()
    for keys in ("Shift+ArrowRight", "ArrowRight", "Shift+ArrowUp", "ArrowDown"):
        walk.press(keys)
    assert walk.z() == pytest.approx((0.12, 0.08), abs=0.01)
    assert (walk.pixels() != before).any()
    for _ in range(30):
        page.keyboard.press("Shift+ArrowRight")
    walk.settle()
    assert walk.z()[0] == 1, "the cursor stays in the box"
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    for key in ("b", "a", "Enter"):
        walk.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells, "JupyterLab heard a key"

    touch = page.context.new_cdp_session(page)
    for kind, x in [("touchStart", 0.2), ("touchMove", 0.3), ("touchMove", 0.4)]:
        px, py = walk.at(walk.plane, x, 0.8)
        points = [{"x": px, "y": py}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    walk.settle()
    assert walk.z() == pytest.approx((-0.21, -0.63), abs=0.01)


def test_the_switch_changes_box_lattice_and_share(small):
    walk = small
    walk.wait_for_lattice()
    before = walk.pixels(".lw-lattice canvas")
    assert "46.6 %" in walk.root.inner_text()
    walk.choose_box(1)
    walk.wait_for_lattice()
    assert (walk.pixels(".lw-lattice canvas") != before).any()
    assert "99.9999 %" in walk.root.inner_text()
    walk.hover(0.975, 0.025)
    assert walk.z() == pytest.approx((5, 5), abs=0.05)
    walk.choose_box(0)
    assert walk.z() == (1, 1), "the cursor follows into the smaller box"
    walk.wait_for_kernel("half_width", "value == 1")


def test_the_kernel_moves_the_cursor(small, page):
    walk = small
    ask_kernel(page, FIRST_WALK + "walk_.z = [0.5, -0.5]", "0")
    walk.root.get_by_text("z = (0.50, −0.50)").first.wait_for()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_text_stands_out_and_digits_are_ink_on_paper(small, page, theme):
    page.evaluate(
        "(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
    )
    is_light = theme.endswith("Light")
    page.wait_for_function(
        "(light) => document.body.dataset.jpThemeLight === String(light)", arg=is_light
    )
    colors = """(el) => {
        const style = getComputedStyle(el), gray = (text) =>
            text.match(/[\\d.]+/g).slice(0, 3).reduce((sum, c) => sum + +c / 3, 0);
        return [gray(style.color), gray(style.backgroundColor)];
    }"""
    page.wait_for_function(
        f"([el, light]) => (({colors})(el)[1] > 128) === light",
        arg=[small.plane.element_handle(), is_light],
    )
    ink, surface = small.plane.evaluate(colors)
    assert abs(ink - surface) > 128
    assert small.lattice.evaluate(colors)[1] == 255, "paper is white in any theme"


def test_a_narrow_page_stacks_the_panels(small, page):
    page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
    tops = {}
    for width in (1400, 760, 480):
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_function(
            "(width) => document.querySelector('.latent-walk').clientWidth < width",
            arg=width,
        )
        small.settle()
        parts = [small.plane, small.root.locator(".lw-here canvas"), small.lattice]
        tops[width] = [round(part.bounding_box()["y"]) for part in parts]
        wider = small.root.evaluate("(el) => el.scrollWidth - el.clientWidth")
        assert wider <= 0, f"the widget sticks out by {wider} pixels at {width}"
    plane, digit, lattice = tops[1400]
    assert plane == digit == lattice, "a wide page has them side by side"
    plane, digit, lattice = tops[480]
    assert plane < digit < lattice


MEASURE = """(stage) => {
    window.fromEvent = [];
    window.fromHandler = [];
    stage.addEventListener("pointermove", (event) => {
        const handled = performance.now();
        requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => {
                fromEvent.push(performance.now() - event.timeStamp);
                fromHandler.push(performance.now() - handled);
            };
            port2.postMessage(0); // heard once this frame is painted
        });
    }, { capture: true });
}"""


def test_notebook_06_runs_and_can_be_walked(page, lab_url):
    open_notebook(page, lab_url, LAST)
    assert run_all(page) == []
    walk = Walk(page)

    def changes(action) -> bool:
        before, z = walk.pixels(), walk.z()
        action()
        return (walk.pixels() != before).any() and walk.z() != z

    assert changes(lambda: walk.hover(0.8, 0.3))
    walk.click(0.7, 0.4)
    assert changes(lambda: walk.press("Shift+ArrowLeft"))
    walk.choose_box(1)
    assert changes(lambda: walk.hover(0.3, 0.6))
    place = walk.z()
    walk.wait_for_kernel(
        "z", f"abs(value[0] - {place[0]}) + abs(value[1] - {place[1]}) < .02"
    )
    walk.wait_for_kernel("half_width", "value != walk_.half_widths[0]")

    walk.wait_for_lattice()
    walk.plane.evaluate(MEASURE)
    for target in [(0.2, 0.2), (0.8, 0.7), (0.3, 0.9), (0.7, 0.1)]:
        page.mouse.move(*walk.at(walk.plane, *target), steps=50)
    page.wait_for_function("() => fromEvent.length > 100")
    for start in ("fromHandler", "fromEvent"):
        delays = np.array(page.evaluate(f"() => {start}"))
        median, late = np.percentile(delays, [50, 95])
        print(f"{start} to painted: median {median:.1f} ms, 95 % within {late:.1f} ms")
        if start == "fromHandler":
            assert median < 16.7  # one frame at 60 Hz; seen: 7 ms, 95 % within 11 ms
    # Seen with pytest -rP. From the event it is up to a frame more, since Chromium holds back
    # a move until the next frame begins. A busy machine gets twice that, still half of a
    # round trip through the kernel.
    assert late < 50
