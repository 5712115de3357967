"""Classes without color, the contrast of dots, and reduced motion."""

import re

import numpy as np
import pytest
from small_widgets import one_of_each
from widget_page import SLOW_DOWN, show, wait_until

WITH_CLASSES = {
    "DrawDigit": ".dd-plane .cw-stage canvas",
    "LatentWalk": ".lw-plane .cw-stage canvas:not(.lw-map)",
    "SideBySide": ".cw-stage canvas",
}
CONTRAST = 3  # WCAG 1.4.11


@pytest.fixture(scope="module")
def kinds(slow):
    return one_of_each()


def luminance(color: str) -> float:
    """Of "rgb(r, g, b)", as WCAG 2.1 defines it."""
    levels = np.array([int(level) for level in re.findall(r"\d+", color)[:3]]) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def style(locator, name: str) -> str:
    return locator.evaluate("(el, name) => getComputedStyle(el)[name]", name)


# The colors of the opaque pixels of dots.
COLORS = """(canvas) => {
    const { width, height } = canvas, counts = new Map();
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    for (const color of new Uint32Array(data.buffer)) // alpha, blue, green, red
        if (color >>> 24 === 255) counts.set(color, (counts.get(color) ?? 0) + 1);
    return [...counts].filter(([, count]) => count > 20).map(([color]) =>
        `rgb(${[0, 8, 16].map((bits) => (color >> bits) & 255).join(", ")})`);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", WITH_CLASSES)
def test_the_dots_of_one_class_are_shown_alone(page, kinds, name, scheme):
    page.emulate_media(color_scheme=scheme)
    show(page, kinds[name])
    buttons = page.locator(".cw-legend button")
    swatches = [style(i, "backgroundColor") for i in buttons.locator("i").all()]
    stage = page.locator(WITH_CLASSES[name]).first.locator("..")
    ground = luminance(style(stage, "backgroundColor"))
    for level in map(luminance, swatches):
        low, high = sorted([level, ground])
        assert (high + 0.05) / (low + 0.05) > CONTRAST
    canvas = page.locator(WITH_CLASSES[name]).first

    def drawn() -> set[str]:
        return set(swatches).intersection(canvas.evaluate(COLORS))

    wait_until(page, lambda: drawn() == set(swatches))
    buttons.nth(3).press("Enter")
    wait_until(page, lambda: drawn() == {swatches[3]})
    assert buttons.nth(3).get_attribute("aria-pressed") == "true"
    buttons.nth(3).press("Enter")
    wait_until(page, lambda: drawn() == set(swatches))


def test_particles_jump_to_where_they_rest(page, kinds):
    captions = {}
    for motion in ("no-preference", "reduce"):
        page.emulate_media(reduced_motion=motion)
        show(page, kinds["DenoisingField"])
        page.evaluate(
            """() => {
                window.seen = [];
                const caption = document.querySelector(".df-read caption");
                new MutationObserver(() => seen.push(caption.textContent))
                    .observe(caption, { childList: true });
            }"""
        )
        page.locator(".df-one").click()
        page.wait_for_function("() => / after \\d+ steps/.test(seen.at(-1))")
        captions[motion] = page.evaluate("() => seen")
    assert captions["reduce"][-1] == captions["no-preference"][-1]
    assert len(captions["reduce"]) <= 3 < len(captions["no-preference"])


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_path_is_played_in_few_steps(page, kinds, motion):
    page.emulate_media(reduced_motion=motion)
    show(page, kinds["LatentWalk"])
    page.evaluate(
        """() => {
            window.places = new Set();
            model.on("change:z", () => places.add(String(model.get("z"))));
        }"""
    )
    page.evaluate(SLOW_DOWN, 1 / 3)  # in one second
    page.locator(".lw-play").click()
    page.wait_for_function("() => document.querySelector('.lw-play').textContent === '▶'")
    assert (page.evaluate("() => places.size") <= 11) == (motion == "reduce")
