"""Hands on a widget in a real browser, a stand-in for its kernel, and a clock."""

from __future__ import annotations

import base64

import numpy as np

from course_utils.widgets.core import with_core


class Hands:
    """Mouse, touch and keys on a page, and the wait for what they cause."""

    def __init__(self, page) -> None:
        self.page = page

    def at(self, stage, x: float, y: float) -> tuple[float, float]:
        """Place on the page of a share x of the stage's width and y of its height."""
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

    def drag(self, stage, *places: tuple[float, float], steps: int = 5) -> None:
        """Press at the first place, move over the others, let go at the last."""
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


# --- a module alone, in an empty page without a kernel --------------------------------

STAND_IN = """async ([source, traits]) => {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    window.widget = await import(url);
    const revive = (value) => Array.isArray(value) ? value.map(revive)
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
        off: (event, f) => listeners.set(event, listeners.get(event).filter((g) => g !== f)),
        save_changes: () => saved.push({ ...traits }),
        listening: () => [...listeners.values()].flat().length,
    };
    window.leaked = []; // keys that reach the page, where slides would turn
    document.addEventListener("keydown", (event) => leaked.push(event.key));
}"""
RENDER = """() => {
    const el = document.body.appendChild(document.createElement("div"));
    window.cleanUp = widget.default.render({ model, el });
}"""


def load(page, widget) -> None:
    """Put a widget's module and a stand-in for its model into an empty page."""

    def pack(value):
        if isinstance(value, bytes):
            return {"bytes": base64.b64encode(value).decode()}
        if isinstance(value, dict):
            return {name: pack(item) for name, item in value.items()}
        return [pack(item) for item in value] if isinstance(value, list) else value

    traits = {
        name: pack(value)
        for name, value in widget.get_state().items()
        if not name.startswith("_") and name != "layout"
    }
    page.goto("about:blank")
    for style in (widget._css, with_core("core.css")):  # another widget brings it again
        page.add_style_tag(content=style)
    page.evaluate(STAND_IN, [widget._esm, traits])


def shown(page) -> list[int]:
    """Numbers of the dial's pictures that can be seen."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".dial img")].flatMap((image, i) =>
            getComputedStyle(image).visibility === "visible" && image.complete
            && image.naturalWidth > 0 ? [i] : [])"""
    )


# --- how fast -------------------------------------------------------------------------

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
            port2.postMessage(0); // heard once this frame is painted
        });
    }, { capture: true });
}"""


def delays(page, stage, kind: str, move) -> np.ndarray:
    """ms from an event's handler until its frame is painted, of the best round.

    A machine that is busy with something else only adds to a delay, and not all the time:
    a widget that is too slow is so in every round, and one that is not is in time in some.
    """
    found = []
    stage.evaluate(MEASURE, kind)
    for _ in range(ROUNDS):
        page.evaluate("() => { fromEvent.length = fromHandler.length = 0; }")
        move()
        page.wait_for_function("() => fromHandler.length > 50")
        found.append(np.array(page.evaluate("() => fromHandler")))
        median, late = np.percentile(found[-1], [50, 95])
        print(f"handler to painted: median {median:.1f} ms, 95 % within {late:.1f} ms")
        if late < FRAME:
            break
    return min(found, key=lambda values: np.percentile(values, 95))
