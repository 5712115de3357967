"""What there is to see in a deck, for the tests of slides."""

import re
from contextlib import contextmanager
from functools import partial

# With all fragments shown: what lies outside its slide, is cut, or is too small to read.
LOOK = """async () => {
  const found = [], frame = () => new Promise(requestAnimationFrame);
  for (const slide of Reveal.getSlides()) {
    const { h, v } = Reveal.getIndices(slide);
    Reveal.slide(h, v, 999);
    await frame();
    const widgets = [...slide.querySelectorAll(".widget")];
    while (widgets.some(({ dataset }) => !["yes", "failed"].includes(dataset.awake)))
      await frame();
    if (widgets.length)
      await new Promise((done) => setTimeout(done, 300)); // their pictures
    for (const image of slide.querySelectorAll("img")) await image.decode();
    const box = Reveal.getSlidesElement().getBoundingClientRect();
    const scale = Reveal.getScale();
    let told = 0;
    const tell = (el, what) => told++ < 3 && found.push(
      `slide ${slide.id}: ${el.localName}${el.className ? "." + el.className : ""} ` +
      `"${el.textContent.trim().slice(0, 30)}" ${what}`);
    for (const el of slide.querySelectorAll("*")) {
      if (el.closest(".notes, .stage, .fold > div")) continue;
      const rect = el.getBoundingClientRect();
      if (!rect.width || !rect.height) continue;
      const [left, right] = [rect.left, rect.right].map((x) => (x - box.left) / scale);
      const [top, bottom] = [rect.top, rect.bottom].map((y) => (y - box.top) / scale);
      if (left < -1 || top < -1 || right > 1281 || bottom > 721)
        tell(el, `sticks out: ${[left, top, right, bottom].map(Math.round)}`);
      const style = getComputedStyle(el);
      if (style.overflow !== "visible" && (el.scrollWidth > el.clientWidth + 1 ||
          el.scrollHeight > el.clientHeight + 1)) tell(el, "is cut");
      const size = parseFloat(style.fontSize);
      if (el.matches(".part p, .part li, td") && size < 22) tell(el, `has ${size} pixels`);
      if (el.matches("pre.code") && size < 17.9) tell(el, `has ${size} pixels`);
    }
    for (const el of slide.querySelectorAll(".part > *")) {
      const inner = el.getBoundingClientRect();
      const outer = el.parentNode.getBoundingClientRect();
      if (inner.bottom > outer.bottom + 1) tell(el, "lies on what comes below");
    }
    const body = slide.querySelector(".body");
    if (body.scrollHeight > body.clientHeight + 1)
      tell(body, `is ${body.scrollHeight} high in ${body.clientHeight}`);
    if (body.scrollWidth > body.clientWidth + 1)
      tell(body, `is ${body.scrollWidth} wide in ${body.clientWidth}`);
    if (+slide.style.getPropertyValue("--fit") < 0.8) tell(slide, "is too small");
    for (const el of widgets) if (el.dataset.awake === "failed") tell(el, "did not start");
  }
  return found;
}"""


# On paper: what lies outside its page, on the margins, or is cut.
LOOK_AT_PAPER = """() => [...document.querySelectorAll(".pdf-page")].flatMap((page) => {
  const slide = page.querySelector(":scope > section"), body = slide.querySelector(".body");
  const box = page.getBoundingClientRect(), inner = body.getBoundingClientRect();
  const margins =
    [inner.left - box.left, box.right - inner.right, box.bottom - inner.bottom];
  const fits = margins.every((margin) => margin >= 33) && box.width === 1280 &&
    body.scrollHeight <= body.clientHeight + 1 && body.scrollWidth <= body.clientWidth + 1;
  return fits ? [] : [`slide ${slide.id}: ${body.scrollWidth} × ${body.scrollHeight} in ` +
    `${body.clientWidth} × ${body.clientHeight}, margins ${margins.map(Math.round)}`];
})"""


@contextmanager
def offline_pages(browser):
    """A function that opens a file without a network and returns the page.

    In the end nothing was fetched and no error met.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.set_offline(True)
    context.set_default_timeout(15_000)
    wrong = []

    def refuse(route):
        if not route.request.url.startswith(("file:", "data:", "blob:", "about:")):
            wrong.append(f"asked for {route.request.url}")
            route.abort()
        else:
            route.continue_()

    context.route("**/*", refuse)

    def listen(page):
        page.on("console", lambda m: m.type == "error" and wrong.append(m.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))

    context.on("page", listen)

    def open_file(path, query=""):
        page = context.new_page()
        page.goto(f"{path.resolve().as_uri()}{query}")
        page.wait_for_selector("html[data-ready]", state="attached")
        return page

    yield open_file
    context.close()
    assert wrong == []


def pages(paper) -> int:
    """How many pages a deck has that was opened with ?print-pdf and is printed."""
    printed = paper.pdf(prefer_css_page_size=True, print_background=True)
    return len(re.findall(rb"/Type\s*/Page\b", printed))


# Of each kind of widget: what it shows, where no focus is drawn; what a pointer drags and
# the keys reach; and keys of which one, whatever is shown, must change it.
ARROWS = ("ArrowLeft", "ArrowRight")
KINDS = {
    ".latent-walk": (".lw-here canvas", ".lw-plane .cw-stage", ARROWS),
    ".side-by-side": (".sb-image", ".cw-stage", ARROWS),
    ".training-replay": (".tr-columns", "input[type=range]", ARROWS),
    ".draw-digit": (".dd-pair canvas", ".dd-paper", (" ", *ARROWS)),  # space: pen down
    ".denoising-field": (".df-read", ".cw-stage", (*ARROWS, "Enter")),
    ".dial": (".dial-pictures", "input[type=range], .cw-choice input", ARROWS),
    ".evidence-gap": (".eg-chart", ".cw-stage", ARROWS),
    ".reparameterization": (".rp-read", ".rp-axis .cw-stage", ARROWS),
}


def unresponsive(page, name: str) -> list[str]:
    """What the widget on a slide does not answer to: the mouse, the keys."""
    page.evaluate("(name) => { location.hash = '/' + name; }", name)
    page.wait_for_selector(f"section.present#{name} [data-awake=yes]")
    stage = page.locator(f"#{name} .stage").first
    (kind,) = [kind for kind in KINDS if stage.evaluate("(el, k) => el.matches(k)", kind)]
    *selectors, keys = KINDS[kind]
    shown, handle = (stage.locator(selector).first for selector in selectors)

    def at_rest() -> bytes:
        """Its picture, once that stays: a lattice is drawn row by row."""
        last, picture = b"", shown.screenshot()
        while last != picture:
            page.wait_for_timeout(150)
            last, picture = picture, shown.screenshot()
        return picture

    def changes(*acts) -> bool:
        """Whether one of these acts changes the picture; each starts after the last."""
        for act in acts:
            before = at_rest()
            act()
            for _ in range(60):  # on a busy machine it may take its time
                page.wait_for_timeout(50)
                if shown.screenshot() != before:
                    return True
        return False

    def drag(x: float, y: float):
        """From the middle of the handle to a place in its box, whatever is there now."""
        box = handle.bounding_box()

        def at(x: float, y: float) -> tuple[float, float]:
            return box["x"] + x * box["width"], box["y"] + y * box["height"]

        page.mouse.move(*at(0.5, 0.4))
        if kind not in (".latent-walk", ".side-by-side"):  # they follow the mouse as it is
            page.mouse.down()
        page.mouse.move(*at(x, y), steps=4)
        page.mouse.up()

    def click_another():
        others = page.locator("input:not(:checked)")
        stage.locator(".cw-choice label", has=others).first.click()

    # A slider may stand at either end already. A handle on an ellipse may answer to one
    # direction alone, so both are asked for; a slider does not care about the second.
    slider = handle.get_attribute("type") == "range"
    places = [(0.98, 0.4), (0.02, 0.4)] if slider else [(0.9, 0.7)]
    is_choice = handle.get_attribute("type") == "radio"
    moves = [click_another] if is_choice else [partial(drag, *place) for place in places]
    presses = [partial(page.keyboard.press, key) for key in keys]

    found = [] if changes(*moves) else ["the mouse"]
    (stage.locator(".cw-choice input:checked") if is_choice else handle).focus()
    return found if changes(*presses) else [*found, "the keys"]
