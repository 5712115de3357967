"""Checks of a deck in a browser: layout, axe, printed pages, response of its widgets."""

import re
from contextlib import contextmanager
from functools import partial

# Text of a widget that is too small, cut, or over another text. Ticks lie where their
# values are.
WIDGET_TEXT = """({ stage, scale, report }) => {
  const container = stage.parentElement;
  const own = stage.getBoundingClientRect().width / stage.offsetWidth / scale;
  const walker = document.createTreeWalker(stage, NodeFilter.SHOW_TEXT), shown = [];
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const el = text.parentElement;
    if (!text.data.trim() || el.closest(".cw-spoken, select, style")) continue;
    if (!el.checkVisibility({ visibilityProperty: true })) continue;
    const tick = el.closest(".cw-tick, .lt-names, .eg-scale");
    const size = parseFloat(getComputedStyle(el).fontSize) * own;
    const smallest = tick || el.closest("sub, sup, small, .dd-lens, .eg-deep") ? 14 : 16;
    if (size < smallest) report(el, `has ${size} pixels`);
    if (tick) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const rect of range.getClientRects()) {
      for (let up = el; up !== container.parentElement; up = up.parentElement) {
        if (up !== container && getComputedStyle(up).overflow !== "hidden") continue;
        const box = up.getBoundingClientRect();
        if (rect.left < box.left - 2 || rect.right > box.right + 2 ||
            rect.top < box.top - 4 || rect.bottom > box.bottom + 4) report(el, "is cut");
      }
      for (const [other, box] of shown) {
        if (Math.min(rect.right, box.right) - Math.max(rect.left, box.left) > 4 &&
            Math.min(rect.bottom, box.bottom) - Math.max(rect.top, box.top) > 4)
          report(el, `lies over "${other.textContent.trim().slice(0, 30)}"`);
      }
      shown.push([el, rect]);
    }
  }
}"""

# With all fragments shown: elements outside their slide, cut, or too small to read.
LAYOUT_PROBLEMS = """async () => {
  const widgetText = WIDGET_TEXT;
  const problems = [], frame = () => new Promise(requestAnimationFrame), STILL = 20;
  for (const slide of Reveal.getSlides()) {
    const { h, v } = Reveal.getIndices(slide);
    Reveal.slide(h, v, 999);
    await frame();
    const widgets = [...slide.querySelectorAll(".widget")];
    while (widgets.some(({ dataset }) => !["yes", "failed"].includes(dataset.awake)))
      await frame();
    let seen = "", still = widgets.length ? 0 : STILL;
    while (still < STILL) { // frames: their pictures have come, and have been fitted
      await frame();
      const now = [...slide.querySelectorAll(".stage")].map((s) =>
        [s.offsetWidth, s.offsetHeight, s.style.transform, s.textContent]).join();
      still = now === seen ? still + 1 : 0;
      seen = now;
    }
    for (const image of slide.querySelectorAll("img")) await image.decode();
    const box = Reveal.getSlidesElement().getBoundingClientRect();
    const scale = Reveal.getScale();
    let count = 0;
    const report = (el, what) => count++ < 3 && problems.push(
      `slide ${slide.id}: ${el.localName}${el.className ? "." + el.className : ""} ` +
      `"${el.textContent.trim().slice(0, 30)}" ${what}`);
    for (const el of slide.querySelectorAll("*")) {
      if (el.closest(".notes, .stage, .fold > div")) continue;
      const rect = el.getBoundingClientRect();
      if (!rect.width || !rect.height) continue;
      const [left, right] = [rect.left, rect.right].map((x) => (x - box.left) / scale);
      const [top, bottom] = [rect.top, rect.bottom].map((y) => (y - box.top) / scale);
      if (left < -1 || top < -1 || right > 1281 || bottom > 721)
        report(el, `sticks out: ${[left, top, right, bottom].map(Math.round)}`);
      const style = getComputedStyle(el);
      if (style.overflow !== "visible" && (el.scrollWidth > el.clientWidth + 1 ||
          el.scrollHeight > el.clientHeight + 1)) report(el, "is cut");
      const size = parseFloat(style.fontSize);
      const smallest = el.matches(".part p, .part li, td") ? 22
        : el.matches("pre.code") ? 17.9 : 0;
      if (size < smallest) report(el, `has ${size} pixels`);
    }
    for (const el of slide.querySelectorAll(".part > *")) {
      const inner = el.getBoundingClientRect();
      const outer = el.parentNode.getBoundingClientRect();
      if (inner.bottom > outer.bottom + 1) report(el, "overlaps the next part");
    }
    for (const stage of slide.querySelectorAll(".stage.course-widget"))
      widgetText({ stage, scale, report });
    const body = slide.querySelector(".body");
    if (body.scrollHeight > body.clientHeight + 1)
      report(body, `is ${body.scrollHeight} high in ${body.clientHeight}`);
    if (body.scrollWidth > body.clientWidth + 1)
      report(body, `is ${body.scrollWidth} wide in ${body.clientWidth}`);
    if (+slide.style.getPropertyValue("--fit") < 0.8) report(slide, "is too small");
    for (const el of widgets)
      if (el.dataset.awake === "failed") report(el, "did not start");
  }
  return problems;
}""".replace("WIDGET_TEXT", WIDGET_TEXT)


# In the reading view: starts the widgets, opens what is folded.
SHOW_ALL = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  for (const widget of document.querySelectorAll(".widget")) {
    widget.scrollIntoView();
    while (!["yes", "failed"].includes(widget.dataset.awake)) await frame();
  }
  await new Promise((done) => setTimeout(done, 300)); // their pictures
}"""

# The violations of axe's rules. Contrast, its slowest rule, is asked of the first text of
# each color, size and background: outside widgets nothing lies over a text.
AXE_VIOLATIONS = """async (only) => {
  const seen = new Set();
  for (const el of document.querySelectorAll("body *")) {
    el.removeAttribute("data-first");
    if (![...el.childNodes].some(({ nodeType, data }) => nodeType === 3 && data.trim()))
      continue;
    const { color, fontSize, fontWeight } = getComputedStyle(el);
    let looks = [color, fontSize, fontWeight];
    for (let up = el; up; up = up.parentElement) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(up);
      looks.push(backgroundColor, backgroundImage, opacity);
    }
    looks = looks.join();
    if (!seen.has(looks) || el.closest(".stage")) el.dataset.first = "";
    if (el.checkVisibility()) seen.add(looks);
  }
  if (only) // then the other slides only take time
    for (const slide of document.querySelectorAll("section"))
      if (!slide.querySelector("[data-first]")) slide.remove();
  axe.configure({ rules: [{ id: "color-contrast", selector: "[data-first]" }] });
  const options = { resultTypes: ["violations"], preload: false };
  if (only) options.runOnly = [only];
  const { violations } = await axe.run(document, options);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
    `${id}: ${html.slice(0, 200)} ${failureSummary}`));
}"""


def axe_violations(page) -> list[str]:
    """What axe finds in a page: every rule in light colors, contrast in dark ones, too.

    The other rules read no colors. The page cannot be used afterwards.
    """
    from axe_playwright_python.base import AXE_SCRIPT

    page.evaluate(AXE_SCRIPT)
    found = []
    for scheme, only in ("light", None), ("dark", "color-contrast"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate("() => new Promise(requestAnimationFrame)")  # its event comes before
        found += page.evaluate(AXE_VIOLATIONS, only)
    return found


# In print: slides outside their page, on its margins, or cut.
PRINT_PROBLEMS = """() => [...document.querySelectorAll(".pdf-page")].flatMap((page) => {
  const slide = page.querySelector(":scope > section"), body = slide.querySelector(".body");
  const box = page.getBoundingClientRect(), inner = body.getBoundingClientRect();
  const margins =
    [inner.left - box.left, box.right - inner.right, box.bottom - inner.bottom];
  const fits = margins.every((margin) => margin >= 33) && box.width === 1280 &&
    body.scrollHeight <= body.clientHeight + 1 && body.scrollWidth <= body.clientWidth + 1;
  return fits ? [] : [`slide ${slide.id}: ${body.scrollWidth} × ${body.scrollHeight} in ` +
    `${body.clientWidth} × ${body.clientHeight}, margins ${margins.map(Math.round)}`];
})"""


WINDOW = {"width": 1280, "height": 720}
ELSEWHERE = re.compile("^(?!file:|data:|blob:|about:)")  # addresses of other machines


@contextmanager
def offline_page(browser):
    """A page without a network, and the list of its requests and errors."""
    context = browser.new_context(viewport=WINDOW)
    context.set_offline(True)
    context.set_default_timeout(15_000)
    errors = []

    def refuse(route):
        errors.append(f"request of {route.request.url}")
        route.abort()

    context.route(ELSEWHERE, refuse)

    def listen(page):
        page.on("console", lambda m: m.type == "error" and errors.append(m.text))
        page.on("pageerror", lambda error: errors.append(str(error)))

    context.on("page", listen)
    yield context.new_page(), errors
    context.close()


@contextmanager
def offline_files(window):
    """A function that opens a file in an offline page, reset first, and returns the page.

    A new page would take longer than most tests. At the end there must have been no
    request and no error.
    """
    page, errors = window
    for popup in page.context.pages[1:]:
        popup.close()
    page.goto("about:blank")
    page.emulate_media(media="null", color_scheme="light", reduced_motion="no-preference")
    session = page.context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", {"origin": "file://", "storageTypes": "all"})
    session.detach()
    errors.clear()  # late ones of the test before

    def open_file(path, query="", size=WINDOW):
        page.set_viewport_size(size)
        page.goto("about:blank")  # else a link to another slide would not load it
        page.goto(f"{path.resolve().as_uri()}{query}")
        page.wait_for_selector("html[data-ready]", state="attached")
        return page

    yield open_file
    report(errors)


def report(errors: list[str]) -> None:
    """Fail if there are errors, and forget them, so that only one test fails."""
    found = "\n".join(errors)
    errors.clear()
    assert not found, found


def cpu_seconds(page) -> float:
    """CPU seconds of the page's process until now; other processes do not change them."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(one["value"] for one in metrics if one["name"] == "ProcessTime")


def printed_pages(page) -> int:
    """The number of printed pages of a deck that was opened with ?print-pdf."""
    # Faster, and on as many pages.
    page.add_style_tag(content="img, canvas, svg { visibility: hidden !important }")
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    return len(re.findall(rb"/Type\s*/Page\b", printed))


# For each kind of widget: an element that changes, without a focus ring; the element that
# takes mouse and keys; whether the mouse must drag or only move; and keys of which at least
# one must change the first element.
ARROWS = ("ArrowLeft", "ArrowRight")
KINDS = {
    ".latent-walk": (".lw-here canvas", ".lw-plane .cw-stage", "move", ARROWS),
    ".side-by-side": (".sb-image", ".cw-stage", "move", ARROWS),
    ".live-training": (".lt-knobs", "[data-knob=lr] input", "drag", ARROWS),
    ".draw-digit": (
        ".dd-pair canvas",
        ".dd-paper",
        "drag",
        (" ", *ARROWS),
    ),  # space: pen down
    ".denoising-field": (".df-read", ".cw-stage", "drag", ("ArrowLeft", "Enter")),
    ".dial": (".dial-pictures", "input[type=range], .cw-choice input", "drag", ARROWS),
    ".evidence-gap": (".eg-chart", ".cw-stage", "drag", ARROWS),
    ".reparameterization": (".rp-read", ".rp-axis .cw-stage", "drag", ARROWS),
}


def controls(name: str) -> tuple:
    """The entry of a kind of widget in KINDS, by the name of its class."""
    return KINDS["." + re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()]


# What an element shows: text, attributes, values and pixels, without the mark that a focus
# leaves.
LOOK = """(root) => root.outerHTML.replaceAll(' data-lm-suppress-shortcuts="true"', "") +
  [root, ...root.querySelectorAll("*")].map((el) =>
    el.localName === "canvas" ? el.toDataURL() : el.value ?? "").join()"""


# With all fragments, since the widget may be one.
SHOW_SLIDE = """(name) => {
  const { h, v } = Reveal.getIndices(document.getElementById(name));
  Reveal.slide(h, v, 999);
}"""


def unresponsive(page, name: str) -> list[str]:
    """The inputs to which the widget on a slide does not respond: the mouse, the keys."""
    page.evaluate(SHOW_SLIDE, name)
    page.wait_for_selector(f"section.present#{name} [data-awake=yes]")
    stage = page.locator(f"#{name} .stage").first
    (kind,) = [kind for kind in KINDS if stage.evaluate("(el, k) => el.matches(k)", kind)]
    *selectors, how, keys = KINDS[kind]
    shown, handle = (stage.locator(selector).first for selector in selectors)
    session = page.context.new_cdp_session(page)

    def picture() -> str:
        """What the screen shows of it; a locator's screenshot takes three times as long."""
        clip = {**shown.bounding_box(), "scale": 1}
        options = {"clip": clip, "optimizeForSpeed": True}
        return session.send("Page.captureScreenshot", options)["data"]

    def at_rest() -> str:
        """Its final picture; a lattice is drawn row by row."""
        last, now = "", picture()
        while last != now:
            page.wait_for_timeout(150)
            last, now = now, picture()
        return now

    def changes(*actions) -> bool:
        """Whether one of these actions changes the picture."""
        for tries in (5, 60):  # most need few; a busy machine may need many
            for action in actions:
                before = at_rest()
                action()
                for _ in range(tries):
                    if picture() != before:
                        return True
                    page.wait_for_timeout(50)
        return False

    def move(x: float, y: float):
        """From the middle of the handle to a place in its box."""
        box = handle.bounding_box()

        def at(x: float, y: float) -> tuple[float, float]:
            return box["x"] + x * box["width"], box["y"] + y * box["height"]

        page.mouse.move(*at(0.5, 0.4))
        if how == "drag":
            page.mouse.down()
        page.mouse.move(*at(x, y), steps=4)
        page.mouse.up()

    def click_another():
        others = page.locator("input:not(:checked)")
        stage.locator(".cw-choice label", has=others).first.click()

    # A slider may be at one of its ends already: it is moved to the other, and back by a
    # key. A handle on an ellipse may move in one direction only, so x and y both change; a
    # slider ignores y.
    slider = handle.get_attribute("type") == "range"
    places = [(0.98, 0.4), (0.02, 0.4)] if slider else [(0.9, 0.7)]
    if slider and handle.evaluate("(slider) => slider.value === slider.max"):
        places, keys = places[::-1], keys[::-1]
    is_choice = handle.get_attribute("type") == "radio"
    moves = [click_another] if is_choice else [partial(move, *place) for place in places]
    presses = [partial(page.keyboard.press, key) for key in keys]

    problems = [] if changes(*moves) else ["the mouse"]
    (stage.locator(".cw-choice input:checked") if is_choice else handle).focus()
    return problems if changes(*presses) else [*problems, "the keys"]
