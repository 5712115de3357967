"""A user's actions on a widget in a browser, its model without a kernel, and its delays."""

from __future__ import annotations

import base64

import numpy as np

from course_utils.widgets.core import with_core


class User:
    """Mouse, touch and keys on a page; each method waits for the effect."""

    def __init__(self, page) -> None:
        self.page = page

    def at(self, stage, x: float, y: float) -> tuple[float, float]:
        """The position on the page of (x, y), given as shares of the stage's size."""
        box = stage.bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)
        self.settle()

    def settle(self) -> None:
        """Wait for two frames: the picture of the last event is then on the screen."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => "
            "requestAnimationFrame(done)))"
        )

    def set(self, **traits) -> None:
        """Set traits, as Python does."""
        for name, value in traits.items():
            self.page.evaluate(
                "([name, value]) => model.set(name, revive(value))", [name, pack(value)]
            )
        self.settle()

    def close(self) -> None:
        """Clean up; no listener of the model may be left."""
        assert self.page.evaluate("() => { cleanUp(); return model.listening(); }") == 0

    def wait_for_save(self, name: str) -> None:
        """Wait until the trait's present value has been sent to the kernel."""
        self.page.wait_for_function(
            "(name) => saved.at(-1)?.[name] === model.get(name)", arg=name
        )

    def drag(self, stage, *places: tuple[float, float], steps: int = 5) -> None:
        """Press at the first place, move over the others, release at the last."""
        first, *others = places
        self.page.mouse.move(*self.at(stage, *first))
        self.page.mouse.down()
        for place in others:
            self.page.mouse.move(*self.at(stage, *place), steps=steps)
        self.page.mouse.up()
        self.settle()

    def touch(self, stage, *places: tuple[float, float]) -> None:
        session = self.page.context.new_cdp_session(self.page)
        for i, place in enumerate(places):
            x, y = self.at(stage, *place)
            kind = "touchMove" if i else "touchStart"
            points = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
            session.send("Input.dispatchTouchEvent", points)
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        self.settle()


# --- a widget's module in an empty page without a kernel -------------------------------

MODEL_WITHOUT_KERNEL = """async ([source, traits]) => {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    window.widget = await import(url);
    window.revive = (value) => Array.isArray(value) ? value.map(revive)
        : value === null || typeof value !== "object" ? value
        : value.bytes === undefined
        ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, revive(v)]))
        : new DataView(Uint8Array.from(atob(value.bytes), (c) => c.charCodeAt(0)).buffer);
    for (const name in traits) traits[name] = revive(traits[name]);
    const listeners = new Map();
    window.saved = [];
    window.model = {
        get: (name) => traits[name],
        set(name, value) {
            traits[name] = value;
            for (const listener of listeners.get(`change:${name}`) ?? []) listener();
        },
        on: (event, f) => listeners.set(event, [...(listeners.get(event) ?? []), f]),
        off: (event, f) =>
            listeners.set(event, listeners.get(event).filter((g) => g !== f)),
        save_changes: () => saved.push({ ...traits }),
        listening: () => [...listeners.values()].flat().length,
    };
    window.leaked = []; // keys that reach the page, where they would change the slide
    document.addEventListener("keydown", (event) => leaked.push(event.key));
}"""
RENDER = """() => {
    const el = document.body.appendChild(document.createElement("div"));
    window.cleanUp = widget.default.render({ model, el });
}"""
# Slow animations down, so that a test has time for an action during one; with a factor
# below 1 they are faster.
SLOW_DOWN = """(factor) => {
    const ask = requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (f) => ask((time) => f(time / factor));
}"""


def pack(value):
    """A trait's value as JSON; revive(…) in the page makes bytes of it again."""
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: pack(item) for name, item in value.items()}
    return [pack(item) for item in value] if isinstance(value, list) else value


def load(page, widget, address: str = "about:blank") -> None:
    """Load a widget's module and a model without a kernel into an empty page."""
    traits = {
        name: pack(value)
        for name, value in widget.get_state().items()
        if not name.startswith("_") and name != "layout"
    }
    if page.url != address or page.evaluate("'model' in window"):  # not empty yet
        page.goto(address)
    for style in (widget._css, with_core("core.css")):  # each widget loads it
        page.add_style_tag(content=style)
    page.evaluate(MODEL_WITHOUT_KERNEL, [widget._esm, traits])


def show(page, widget, address: str = "about:blank") -> None:
    load(page, widget, address)
    page.evaluate(RENDER)


def wait_until(page, test) -> None:
    """Wait until test() is true; AssertionError after half a minute."""
    for _ in range(1000):
        if test():
            return
        page.wait_for_timeout(30)
    raise AssertionError("the condition was not true within half a minute")


def shown(page) -> list[int]:
    """The numbers of the visible pictures of a dial."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".dial img")].flatMap((image, i) =>
            getComputedStyle(image).visibility === "visible" && image.complete
            && image.naturalWidth > 0 ? [i] : [])"""
    )


def pixels(canvas, channel: int = 0) -> np.ndarray:
    """Red, green, blue or alpha of a canvas, as it is drawn.  -> (height, width)"""
    width, height, text = canvas.evaluate(
        """(canvas, channel) => {
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            let text = "";
            for (let i = channel; i < data.length; i += 4) {
                text += String.fromCharCode(data[i]);
            }
            return [width, height, btoa(text)];  // a list would take seconds
        }""",
        channel,
    )
    return (
        np.frombuffer(base64.b64decode(text), np.uint8).astype(int).reshape(height, width)
    )


def check_fit_and_contrast(root, stage, scheme: str) -> None:
    """The widget fits its page, and the text on the stage has contrast."""
    assert root.evaluate("(el) => el.scrollWidth <= el.clientWidth")
    ink, surface = grays(stage)
    assert abs(ink - surface) > 128 and (surface > 128) == (scheme == "light")


def grays(node) -> tuple[float, float]:
    """The gray levels, 0 to 255, of a node's text and of its background."""
    return tuple(
        node.evaluate(
            """(el) => ["color", "backgroundColor"].map((name) => getComputedStyle(el)[name]
                .match(/[\\d.]+/g).slice(0, 3).reduce((sum, c) => sum + c / 3, 0))"""
        )
    )


# --- delays ---------------------------------------------------------------------------

FRAME = 16.7  # ms at 60 Hz
ROUNDS = 24
MEASURE = """(stage, kind) => {
    window.fromEvent = [];
    window.fromHandler = [];
    stage.addEventListener(kind, (event) => {
        const handled = performance.now();
        requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => {
                fromEvent.push(performance.now() - event.timeStamp);
                fromHandler.push(performance.now() - handled);
            };
            port2.postMessage(0); // comes once this frame is painted
        });
    }, { capture: true });
}"""


def check_delays(page, stage, kind: str, move, latest: float = FRAME) -> None:
    """From an event's handler until its frame is painted it takes less than a frame.

    So half of the times, and in 95 % less than ``latest`` ms, in one of several rounds.
    Other processes only add to delays, and not in all rounds: a slow widget is slow in each
    round, and a fast one is fast in some.
    """
    stage.evaluate(MEASURE, kind)
    for _ in range(ROUNDS):
        page.evaluate("() => { fromEvent.length = fromHandler.length = 0; }")
        move()
        page.wait_for_function("() => fromHandler.length > 40")
        median, late = np.percentile(page.evaluate("() => fromHandler"), [50, 95])
        print(f"handler to painted: median {median:.1f} ms, 95 % within {late:.1f} ms")
        if median < FRAME and late < latest:
            return
    raise AssertionError(f"the last of {ROUNDS} rounds: {median:.1f} and {late:.1f} ms")
