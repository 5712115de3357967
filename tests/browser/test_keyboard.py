"""A walk through each kind of widget by keyboard alone, and what is told meanwhile."""

import pytest
from deck_inspection import LOOK, controls
from small_widgets import one_of_each
from widget_page import show

from course_utils import widgets

# The controls that tab must reach, in the order of the page; radio buttons are one.
CONTROLS = """() => {
  const groups = new Set();
  window.controls = [...document.querySelectorAll(
    ".course-widget :is(button, input, select, textarea, a[href], [tabindex='0'])")]
    .filter((el) => el.checkVisibility({ visibilityProperty: true }) && !el.disabled)
    .filter((el) => el.type !== "radio" || !groups.has(el.name) && groups.add(el.name));
  for (const id of ["before", "after"]) {
    const button = document.createElement("button");
    button.id = button.textContent = id;
    document.body[id === "before" ? "prepend" : "append"](button);
  }
  return controls.length;
}"""

# Which of them has the focus, and whether one sees that, on it or on its label.
FOCUSED = """() => {
  const el = document.activeElement, rings = [el, el.closest("label")].filter(Boolean);
  const i = controls.findIndex((c) => c === el ||
    el.type === "radio" && c.name === el.name);
  const seen = rings.some((ring) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(ring);
    return outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
  });
  return [el.id || i, seen];
}"""

# What a screen reader is told: live regions, and the value of the control in use.
TOLD = """() => [
  ...document.querySelectorAll("[aria-live]"), document.activeElement].map((el) =>
  [el.textContent, el.getAttribute("aria-valuetext"), el.value].join()).join()"""


@pytest.fixture(scope="module")
def kinds(slow):
    return one_of_each()


def test_each_kind_of_widget_is_tested(kinds):
    assert set(kinds) == set(widgets.__all__)


@pytest.mark.parametrize("name", widgets.__all__)
def test_a_widget_is_used_by_the_keyboard_alone(page, kinds, name):
    shown, handle, _, keys = controls(name)
    show(page, kinds[name])
    if name == "LiveTraining":
        page.wait_for_function("() => saved.length")  # a network is made
    page.evaluate("() => Promise.all([...document.images].map((one) => one.decode()))")
    page.evaluate("() => new Promise(requestAnimationFrame)")
    count = page.evaluate(CONTROLS)
    assert count

    def walk(start: str, key: str) -> list:
        """The controls that a key reaches, until the focus leaves the widget."""
        page.locator(f"#{start}").focus()
        reached = []
        while len(reached) <= count:
            page.keyboard.press(key)
            place, seen = page.evaluate(FOCUSED)
            if isinstance(place, str):
                break
            assert seen, f"control {place}: no focus is seen"
            reached.append(place)
        return reached

    assert walk("before", "Tab") == list(range(count))
    assert walk("after", "Shift+Tab") == list(range(count))[::-1]

    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    focusable = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node["ignored"]
        and node["role"]["value"] != "RootWebArea"
        and {"name": "focusable", "value": {"type": "booleanOrUndefined", "value": True}}
        in node.get("properties", [])
    ]
    assert len(focusable) >= count
    assert all(role != "generic" and title.strip() for role, title in focusable), focusable

    control = page.locator(handle).first
    if control.get_attribute("type") == "radio":
        control = page.locator(".cw-choice input:checked").first
    control.focus()
    page.evaluate("() => { leaked.length = 0; }")  # tab is for the page
    before, told = page.locator(shown).first.evaluate(LOOK), page.evaluate(TOLD)

    def changes(key: str) -> bool:
        page.keyboard.press(key)
        page.wait_for_timeout(100)
        return page.locator(shown).first.evaluate(LOOK) != before

    assert any(map(changes, keys))
    page.wait_for_function(f"(told) => ({TOLD})() !== told", arg=told)
    assert page.evaluate("() => leaked") == []
