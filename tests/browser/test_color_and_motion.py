"""Classes without color, the contrast of dots, and reduced motion."""

import re

import numpy as np
import pytest
from small_widgets import one_of_each
from widget_page import pixels, show

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


def drawn(page, canvas: str) -> set[str]:
    """The colors of the opaque pixels of dots."""
    red, green, blue, alpha = (pixels(page.locator(canvas).first, c) for c in range(4))
    where = alpha == 255
    found, counts = np.unique(
        np.stack([red[where], green[where], blue[where]], 1), axis=0, return_counts=True
    )
    return {f"rgb({r}, {g}, {b})" for r, g, b in found[counts > 20].tolist()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", WITH_CLASSES)
def test_the_dots_of_one_class_are_shown_alone(page, kinds, name, scheme):
    page.emulate_media(color_scheme=scheme)
    show(page, kinds[name])
    page.wait_for_timeout(200)
    buttons = page.locator(".cw-legend button")
    swatches = [style(i, "backgroundColor") for i in buttons.locator("i").all()]
    stage = page.locator(WITH_CLASSES[name]).first.locator("..")
    ground = luminance(style(stage, "backgroundColor"))
    for level in map(luminance, swatches):
        low, high = sorted([level, ground])
        assert (high + 0.05) / (low + 0.05) > CONTRAST
    assert set(swatches) <= drawn(page, WITH_CLASSES[name])
    buttons.nth(3).press("Enter")
    page.wait_for_timeout(100)
    assert buttons.nth(3).get_attribute("aria-pressed") == "true"
    assert drawn(page, WITH_CLASSES[name]) & set(swatches) == {swatches[3]}
    buttons.nth(3).press("Enter")
    page.wait_for_timeout(100)
    assert set(swatches) <= drawn(page, WITH_CLASSES[name])


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
    page.locator(".lw-play").click()
    page.wait_for_function("() => document.querySelector('.lw-play').textContent === '▶'")
    assert (page.evaluate("() => places.size") <= 11) == (motion == "reduce")
