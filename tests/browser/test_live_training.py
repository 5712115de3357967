"""LiveTraining in a browser, without a kernel."""

import ast
import base64
import json
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import torch
from widget_page import (
    RENDER,
    User,
    check_fit_and_contrast,
    load,
    pixels,
    show,
    wait_until,
)

from course_utils import data, objectives
from course_utils.widgets.live_training import TESTED, LiveTraining, _four_bits

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

PAGE = "http://course.test/"  # with an address, which about:blank cannot have
EPOCH = 10_000 // 64  # steps


@cache
def make_live() -> LiveTraining:
    return LiveTraining()


class Live(User):
    """The widget of a page: a user's actions, and what it shows."""

    def __init__(self, page) -> None:
        super().__init__(page)
        self.root = page.locator(".live-training")
        self.play = page.locator(".lt-play")
        self.message = page.locator(".lt-message")

    def wait_for_stop(self, saves: int = 1) -> None:
        """Wait until it has stopped so often."""
        self.page.wait_for_function("(n) => saved.length >= n", arg=saves)

    def wait_for_step(self, step: int) -> None:
        self.page.wait_for_function(
            """(step) => +document.querySelector('.lt-when b').textContent.slice(5)
                >= step""",
            arg=step,
        )

    def click(self, selector: str) -> None:
        """Click, and wait until it has stopped."""
        saves = self.page.evaluate("saved.length")
        self.page.locator(selector).click()
        self.wait_for_stop(saves + 1)

    def choose(self, objective: str) -> None:
        self.page.get_by_role("radio", name=objective, exact=True).check()

    def turn(self, knob: str, position: int) -> None:
        self.page.locator(f"[data-knob={knob}] input").fill(str(position))

    def knobs(self) -> list[str]:
        knobs = self.page.locator(".lt-knob").all()
        return [knob.get_attribute("data-knob") for knob in knobs if knob.is_visible()]

    def state(self) -> str:
        return self.page.evaluate("model.get('state')")

    def step(self) -> int:
        return self.page.evaluate("model.get('step')")

    def parameters(self) -> bytes:
        """Their bits, when it last stopped."""
        text = self.page.evaluate(
            """() => { const bytes = new Uint8Array(model.get('parameters').buffer);
            return btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join('')); }"""
        )
        return base64.b64decode(text)

    def text(self, selector: str) -> str:
        return self.page.locator(selector).first.inner_text()


@pytest.fixture
def open_live(page):
    """open_live(state, address) -> Live, when it has stopped for the first time."""
    page.route(f"{PAGE}**", lambda route: route.fulfill(
        content_type="text/html", body="<!doctype html><title>page</title>"))  # fmt: skip

    def opened(state: str = "", address: str = PAGE) -> Live:
        widget = make_live()
        widget.state = state
        show(page, widget, address)
        live = Live(page)
        live.wait_for_stop()
        return live

    yield opened
    page.unroute(f"{PAGE}**")


# --- training -------------------------------------------------------------------------


def test_it_trains_until_it_is_paused(open_live, page):
    live = open_live()
    assert live.step() == 0 and live.play.inner_text() == "▶ train"
    live.play.click()
    assert live.play.inner_text() == "❚❚ pause"
    live.wait_for_step(200)
    live.click(".lt-play")
    stopped = live.step()
    assert stopped >= 200
    assert live.state() == f"data=digits&width=64&seed=0&0=ae&steps={stopped}"
    page.wait_for_timeout(200)
    assert live.text(".lt-when b") == f"step {stopped}"
    assert live.text(".cw-spoken").startswith(f"step {stopped}: loss ")
    assert len(live.parameters()) == 4 * (197 * 64 + 65 * 4 + 3 * 64 + 65 * 196)


def test_it_trains_in_a_page_without_an_origin(page):
    """As a deck on the disk: there, a worker cannot be a module made from a Blob."""
    widget = make_live()
    widget.state = "steps=20"
    show(page, widget)
    live = Live(page)
    live.wait_for_stop()
    assert live.step() == 20


def test_one_step_and_one_epoch(open_live):
    live = open_live()
    live.click(".lt-step")
    assert live.step() == 1
    live.click(".lt-epoch")
    assert live.step() == 1 + EPOCH
    live.click(".lt-again")
    assert live.step() == 0


def test_the_speed_is_kept(open_live, page):
    live = open_live("steps=20")
    page.locator(".lt-speed").select_option("10 steps/s")
    live.play.click()
    page.wait_for_timeout(1500)
    live.click(".lt-play")
    assert 25 <= live.step() <= 45  # 10 a second, and what a busy machine delays


def test_objective_and_knobs_are_changed_while_it_trains(open_live):
    live = open_live()
    assert live.knobs() == ["lr"]
    live.play.click()
    live.wait_for_step(50)
    live.choose("regularized")
    assert live.knobs() == ["lam", "sigma", "lr"]
    marked = live.page.locator(".lt-formula mark").all_inner_texts()
    assert marked == ["+ ε", "+ λ ‖f(x)‖²", "ε ~ N(0, σ²I)"]
    live.turn("lam", 40)
    live.page.wait_for_timeout(300)
    live.click(".lt-play")
    parts = dict(part.split("=") for part in live.state().split("&"))
    changes = {int(key): value for key, value in parts.items() if key.isdecimal()}
    (start, turned), knob = sorted(changes)[1:], changes[max(changes)]
    assert 50 <= start < turned < live.step()
    assert changes[0] == "ae" and changes[start] == "regularized"
    assert float(knob.removeprefix("lam:")) > 1


def test_a_knob_returns_to_what_it_was_and_to_what_the_notebooks_ask_for(open_live, page):
    live = open_live("0=vae")
    wanted = {"lr": (0.003, 0.3, 1), "lam": (0, 0.1, 1), "sigma": (0, 0.5, 1),
              "beta": (0, 1, 4, 20), "spread": (0.05, 0.1)}  # fmt: skip
    for knob, values in wanted.items():
        found = page.locator(f"[data-knob={knob}]").evaluate(
            """(root) => {
                const range = root.querySelector("input");
                return Array.from({ length: +range.max + 1 }, (_, i) => {
                    range.value = i;
                    range.dispatchEvent(new Event("input"));
                    return +root.querySelector("b").textContent;
                });
            }"""
        )
        assert set(values) <= set(found) and found == sorted(found)
    live.settle()


def test_what_is_changed_at_rest_is_in_the_text(open_live):
    live = open_live("steps=20")
    live.choose("VAE")
    live.turn("beta", 0)
    live.page.wait_for_function("() => saved.at(-1).state.includes('beta')")
    assert live.state() == "data=digits&width=64&seed=0&0=ae&20=vae,beta:0&steps=20"


def test_the_text_restores_the_same_bits(open_live):
    """Also those of a run whose knobs were turned by hand while it trained."""
    live = open_live("width=16&seed=3&0=vae,lr:0.01")
    live.page.locator(".lt-speed").select_option("1000 steps/s")  # three times as few steps
    live.play.click()
    for steps, objective in ((100, "denoising"), (200, "VAE")):
        live.wait_for_step(steps)
        live.choose(objective)
    live.turn("beta", 30)
    live.wait_for_step(300)
    live.click(".lt-play")
    text, bits = live.state(), live.parameters()
    again = open_live(text)
    assert (again.state(), again.parameters()) == (text, bits)
    other = open_live(text.replace("seed=3", "seed=4"))
    assert other.parameters() != bits


def test_a_text_that_is_pasted_is_restored(open_live, page):
    live = open_live("steps=5")
    before = live.state()
    page.locator(".lt-state").fill("steps=9")
    live.play.focus()  # without Enter
    assert page.locator(".lt-state").input_value() == live.state() == before
    page.locator(".lt-state").fill("seed=3&0=vae&steps=20")
    page.locator(".lt-state").press("Enter")
    live.wait_for_stop(2)
    assert live.state() == "data=digits&width=64&seed=3&0=vae&steps=20"
    assert page.locator(".lt-state").input_value() == live.state()


def test_a_state_set_by_python_is_trained(open_live):
    live = open_live()
    live.set(state="0=vae&steps=20")
    live.wait_for_stop(2)
    assert live.step() == 20
    assert live.page.get_by_role("radio", name="VAE", exact=True).is_checked()


def test_the_address_holds_a_state(open_live, page):
    live = open_live("steps=5", f"{PAGE}?live={quote('0=sparse,lam:2&steps=30')}#slide")
    assert live.step() == 30 and "lam:2" in live.state()
    page.evaluate("""() => Object.defineProperty(navigator, "clipboard",
        { value: { writeText: async (text) => { window.copied = text; } } })""")
    live.page.locator(".lt-copy").click()
    page.wait_for_function("() => window.copied")
    address = urlsplit(page.evaluate("copied"))
    assert address.fragment == "slide"
    assert parse_qs(address.query)["live"] == [live.state()]


def test_the_present_state_is_copied_while_it_trains(open_live, page):
    live = open_live()
    page.evaluate("""() => Object.defineProperty(navigator, "clipboard",
        { value: { writeText: async (text) => { window.copied = text; } } })""")
    live.play.click()
    live.wait_for_step(50)
    live.page.locator(".lt-copy").click()
    page.wait_for_function("() => window.copied")
    steps = int(parse_qs(urlsplit(page.evaluate("copied")).query)["live"][0].split("=")[-1])
    assert steps == live.step() >= 50


def test_a_text_that_means_nothing_is_read_as_the_default(page):
    load(page, make_live())
    found = page.evaluate(
        """(texts) => texts.map((text) => {
            const sets = model.get("datasets"), plan = widget.readState(text, sets);
            return widget.writeState(plan, plan.changes, plan.steps);
        })""",
        [
            "",
            "data=x&width=-1&seed=b&steps=1e9&7=vae,lr:-1,beta:x&<b>=2",
            "9=vae&9=ae&2=vae",
        ],
    )
    start = "data=digits&width=64&seed=0&0=ae"
    assert found == [f"{start}&steps=0", f"{start}&7=vae&steps=0", f"{start}&2=vae&steps=0"]


# --- what it shows --------------------------------------------------------------------


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def test_the_gap_is_between_log_p_and_elbo(open_live, page):
    live = open_live("0=vae&steps=300")
    page.wait_for_function(
        """() => document.querySelector('.lt-digits .lt-note').textContent
            .includes('step 300;')"""
    )
    rows = [
        [number(cell) for cell in page.locator(f".lt-{name} td").all_inner_texts()]
        for name in ("evidence", "gap", "elbo")
    ]
    for evidence, gap, elbo in zip(*rows):
        assert gap >= 0 and elbo + gap == pytest.approx(evidence, abs=0.11)  # one decimal
    assert sum(rows[0][:6]) / 6 == pytest.approx(rows[0][6], abs=0.11)
    assert page.locator(".lt-main .cw-ring").count() == 3
    assert live.text(".lt-legend").startswith("loss ")


def test_numbers_fit_their_columns_in_any_window(open_live, page):
    live = open_live("0=vae&steps=20")
    page.locator(".lt-numbers:not([hidden])").wait_for()
    for width in range(320, 1020, 20):
        page.set_viewport_size({"width": width, "height": 600})
        live.settle()
        wide = page.locator(".lt-numbers td").evaluate_all(
            "(cells) => cells.filter((td) => td.scrollWidth > td.clientWidth).length"
        )
        assert wide == 0, width


@pytest.mark.parametrize("objective", ["ae", "probabilistic"])
def test_without_a_prior_words_say_why_there_is_no_log_p(open_live, page, objective):
    live = open_live(f"0={objective}&steps=10")
    assert live.text(".lt-digits .lt-note").startswith("No log p(x) here:")
    assert page.locator(".lt-numbers").is_hidden()
    assert "has no p(z)" in live.text(".lt-about")
    assert page.locator(".lt-main .cw-ring").count() == 0


def test_points_show_curve_holes_noise_and_density(open_live, page):
    live = open_live("data=arc&0=ae&steps=200")
    drawn = """(name) => document.querySelector(`.cw-stage .lt-${name}`)
        .getAttribute('d').length"""
    assert all(page.evaluate(drawn, name) for name in ("learned", "hole", "errors"))
    assert page.evaluate(drawn, "noise") == 0
    live.choose("VAE")
    live.click(".lt-epoch")
    assert page.evaluate(drawn, "noise") > 0
    page.locator(".lt-density:not([hidden])").wait_for()
    assert live.knobs() == ["beta", "spread", "lr"]


def test_other_data_are_chosen(open_live, page):
    live = open_live("steps=10")
    page.locator(".lt-data").select_option(index=1)
    live.wait_for_stop(2)
    assert live.step() == 0 and live.state().startswith("data=arc")
    page.locator(".lt-seed").fill("7")
    page.locator(".lt-seed").press("Enter")
    live.wait_for_stop(3)
    assert "seed=7" in live.state()


# --- what may go wrong ----------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_with_a_way_back(open_live):
    live = open_live("0=ae,lr:1e30&steps=50")
    assert "not a finite number" in live.message.inner_text()
    assert live.step() < 50
    live.click(".lt-message button")
    assert live.message.is_hidden()
    assert live.step() == 0 and "lr:1e+29" in live.state()


def test_words_say_where_it_cannot_train(page):
    load(page, make_live())
    page.evaluate("() => { WebAssembly.validate = () => false; }")
    page.evaluate(RENDER)
    assert "needs WebAssembly with SIMD" in page.locator(".lt-message").inner_text()
    assert page.locator(".lt-play").is_disabled()
    page.evaluate("() => cleanUp()")


def test_words_say_why_it_could_not_start(page):
    widget = LiveTraining()
    first = widget.datasets[0]
    widget.datasets = [{**first, "train": _four_bits(torch.rand(10, first["inputs"]))}]
    show(page, widget)
    message = page.locator(".lt-message")
    message.wait_for()
    assert "there are less than 64 points" in message.inner_text()
    assert message.get_by_role("button").inner_text() == "start again"
    page.evaluate("() => cleanUp()")


def test_data_are_changed_while_it_trains(open_live, page):
    """A frame of the points that waits to be drawn must not be drawn as images."""
    live = open_live("data=arc&0=vae")
    for index in (0, 1, 0, 1, 0, 1, 0):
        live.play.click()
        live.wait_for_step(5)
        page.locator(".lt-data").select_option(index=index)
        page.wait_for_timeout(100)
    assert live.message.is_hidden()


@pytest.mark.parametrize("sigma", [0, 1])
def test_codes_along_a_line_are_drawn_with_and_without_noise(open_live, page, sigma):
    """The density of codes without noise would be infinite, and the paths would be NaN."""
    open_live(f"data=arc&0=probabilistic,sigma:{sigma}&steps=5").settle()
    bins, noisy = (page.locator(f".lt-line .lt-{name}") for name in ("bins", "q"))
    assert "NaN" not in bins.get_attribute("d")
    assert bool(noisy.get_attribute("d")) == (sigma > 0)


def test_numbers_stay_while_beta_is_turned(open_live, page):
    """log p(x) and the ELBO do not depend on β."""
    live = open_live("0=vae&steps=50")
    numbers = page.locator(".lt-numbers")
    page.locator(".lt-numbers:not([hidden])").wait_for()
    hidden = """(rows) => { window.hid = 0; new MutationObserver(() => hid++)
        .observe(rows, { attributes: true, attributeFilter: ["hidden"] }); }"""
    numbers.evaluate(hidden)
    live.play.click()
    for position in (20, 25, 30):
        live.turn("beta", position)
        page.wait_for_timeout(150)
    live.click(".lt-play")
    assert numbers.is_visible() and page.evaluate("hid") == 0
    assert "KL" in live.text(".lt-legend").split("(")[1]  # β KL, and the KL alone


def test_no_curve_goes_through_another_objective(open_live, page):
    # Enough steps for two points of each curve, however fast the machine.
    open_live("0=vae&400=sparse&800=vae&steps=1200").settle()
    path = page.locator(".lt-chart .lt-loss").get_attribute("d")
    starts = [float(part.split()[0]) for part in path.split("M")[1:]]
    assert len(starts) == 2 and starts[1] > 60  # percent of the steps


def test_it_cleans_up_while_it_trains(open_live, page):
    live = open_live()
    live.play.click()
    live.wait_for_step(20)
    assert len(page.workers) == 1
    live.close()
    wait_until(page, lambda: not page.workers)


# --- keys, motion, layout -------------------------------------------------------------


def test_it_is_used_with_keys_only(open_live, page):
    live = open_live()
    page.get_by_role("radio", name="AE", exact=True).focus()
    live.press("ArrowRight")
    assert page.get_by_role("radio", name="sparse").is_checked()
    page.locator("[data-knob=lam] input").focus()
    live.press("End")
    assert live.text("[data-knob=lam] b") == "100"
    live.play.focus()
    outline = live.play.evaluate("(e) => getComputedStyle(e).outlineOffset")
    assert outline == "2px"  # a gap, since button and outline have one color
    live.press(" ")
    live.wait_for_step(20)
    live.press(" ")
    live.wait_for_stop(2)
    assert "0=sparse,lam:100" in live.state()
    assert page.evaluate("leaked") == []


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_pictures_are_few_with_reduced_motion(open_live, page, motion):
    page.emulate_media(reduced_motion=motion)
    live = open_live()
    page.evaluate(
        """() => {
            window.drawn = 0;
            const clear = CanvasRenderingContext2D.prototype.clearRect;
            CanvasRenderingContext2D.prototype.clearRect = function (...box) {
                drawn++;
                clear.apply(this, box);
            };
        }"""
    )
    live.play.click()
    if motion == "reduce":
        page.wait_for_timeout(1000)
        assert page.evaluate("drawn") <= 5
    else:
        page.wait_for_function("() => drawn > 5", timeout=1000)


def test_nothing_is_drawn_out_of_sight(open_live, page):
    live = open_live()
    page.evaluate(
        """() => {
            document.body.style.paddingTop = '3000px';
            scrollTo(0, 0);
            window.drawn = 0;
            CanvasRenderingContext2D.prototype.clearRect = () => drawn++;
        }"""
    )
    page.wait_for_timeout(200)
    page.evaluate("() => { drawn = 0; document.querySelector('.lt-play').click(); }")
    live.wait_for_step(100)
    assert page.evaluate("drawn") == 0
    page.evaluate("() => scrollTo(0, 3000)")
    page.wait_for_function("() => drawn > 0")


def is_touched(page) -> bool:
    return page.evaluate("matchMedia('(pointer: coarse)').matches")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1180, 800, 360])
def test_it_fits_the_page_with_readable_text(open_live, page, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 600})
    live = open_live("0=ae&99=vae&steps=100")  # its curves have a switch near the end
    page.locator(".lt-numbers:not([hidden])").wait_for()
    live.settle()
    check_fit_and_contrast(live.root, live.root.locator(".cw-stage"), scheme)
    targets = page.locator(".live-training :is(button, select, .lt-objectives label)")
    heights = targets.evaluate_all(
        "(all) => all.map((el) => el.getBoundingClientRect().height).filter(Boolean)"
    )
    assert len(heights) > 12 and min(heights) >= (40 if is_touched(page) else 28)


@pytest.mark.parametrize("data", ["digits", "arc"])
def test_it_fits_a_slide(open_live, page, data):
    page.set_viewport_size({"width": 1180, "height": 560})
    for objective in ("ae", "regularized", "vae"):
        live = open_live(f"data={data}&0={objective}&steps=20")
        live.settle()
        assert live.root.bounding_box()["height"] <= 560


def test_classes_have_their_names(open_live, page):
    x, names = torch.rand(400, 100), ["circle", "ring", "square"]
    show(page, LiveTraining(x, torch.arange(400) % 3, names=names, state="steps=1"), PAGE)
    live = Live(page)
    live.wait_for_stop()
    legend = page.locator(".lt-main .cw-legend button")
    assert legend.all_inner_texts() == names
    assert "digit" not in live.root.inner_text().lower()
    page.get_by_label("ring, reconstructed").wait_for()
    plane = page.locator(".lt-main .cw-stage canvas")
    live.settle()
    before = (pixels(plane, channel=3) > 0).sum()
    legend.nth(1).click()  # redraws, although nothing is trained
    live.settle()
    assert 0 < (pixels(plane, channel=3) > 0).sum() < 0.7 * before
    page.evaluate("() => cleanUp()")


# --- the questions of the notebooks -----------------------------------------------------


@cache
def digits_for_test() -> torch.Tensor:
    return data.half_size(data.mnist("test")[0][:TESTED]).cpu()


@pytest.fixture
def learn(open_live, page):
    """learn(state) -> the network that the browser has trained, with few pictures."""
    page.emulate_media(reduced_motion="reduce")

    def learned(state: str):
        live, widget = open_live(state), make_live()
        widget.state, widget.parameters = live.state(), live.parameters()
        return widget.trained_model()

    return learned


def spread(model) -> float:
    """Root mean square of the codes' standard deviations along both axes."""
    z = model.encoder(digits_for_test())
    return (z[0] if isinstance(z, tuple) else z).var(0).mean().sqrt().item()


def state_in(notebook: str) -> str:
    """The state of the LiveTraining in a notebook."""
    (path,) = NOTEBOOKS.glob(f"{notebook}_*.ipynb")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (call,) = (c for c in code if "LiveTraining(" in c)
    keywords = ast.parse(call).body[0].value.keywords
    return {k.arg: k.value.value for k in keywords}.get("state", "")


@torch.no_grad()
def test_too_large_a_learning_rate_gives_all_digits_one_code(learn):
    """Notebook 01: "What happens", question-live."""
    assert state_in("01") == ""  # the autoencoder, lr 0.003
    x, mean = digits_for_test(), digits_for_test().mean(0)
    errors = {}
    for lr in (0.003, 0.3):
        model = learn(f"0=ae,lr:{lr}&steps=500")
        errors[lr] = objectives.squared_error(x, model(x)).mean().item()
    assert 6 < errors[0.003] < 8
    assert errors[0.3] > objectives.squared_error(x, mean.expand_as(x)).mean()
    assert spread(model) < 1e-4
    hidden = model.encoder[:2](x)  # which of the hidden layers is dead is chance
    assert (hidden == 0).all() or (model.decoder[:2](model.encoder(x)) == 0).all()


@torch.no_grad()
def test_noise_drives_codes_apart_and_a_penalty_pulls_them_back(learn):
    """Notebook 05: "What happens", question-live."""
    start = state_in("05").replace("&steps=500", "")
    assert start == "0=ae&500=sigma:1,lam:0.1"
    apart = spread(learn(f"{start},probabilistic&steps=1000"))
    before = spread(learn(f"{start}&steps=500"))
    assert 5 <= apart / before <= 7.5
    assert spread(learn(f"{start},probabilistic&steps=2000")) > 1.2 * apart  # goes on
    back = f"{start},probabilistic&1000=regularized&steps=1500"
    assert 1.3 < spread(learn(back)) < 1.9
    assert spread(learn(back.replace("lam:0.1", "lam:1"))) < 0.2  # 0.02 and 0.14


@torch.no_grad()
def test_the_vae_makes_its_codes_as_wide_as_the_prior(learn):
    """Notebook 06: "What happens", question-live."""
    start = state_in("06")

    def sigma_and_kl(steps):
        vae = learn(start.replace("steps=1500", f"1500=vae&steps={steps}"))
        assert 0.8 < spread(vae) < 1.1
        mu, logvar = vae.encoder(digits_for_test())
        kl = objectives.kl_to_standard_normal(mu, logvar).mean()
        return logvar.div(2).exp().mean(), kl

    sigma, kl = sigma_and_kl(2500)
    assert 0.25 < sigma < 0.35
    assert 2 < kl < 3.2
    later, grown = sigma_and_kl(4500)  # they go on
    assert later < 0.9 * sigma and grown > 1.05 * kl


@torch.no_grad()
def test_a_large_beta_collapses_the_code_and_a_small_one_brings_it_back(learn):
    """The notebook on posterior collapse: "What happens", question-live."""

    def kl(*changes: str) -> float:
        q = learn("&".join(changes)).encoder(digits_for_test())
        return objectives.kl_to_standard_normal(*q).mean().item()

    assert 0.5 < kl("0=vae,beta:4", "steps=1500") < 1
    assert kl("0=vae,beta:8", "steps=1500") < 0.1
    assert kl("0=vae", "1000=beta:20", "1300=beta:1", "steps=1300") < 0.1
    assert 2 < kl("0=vae", "1000=beta:20", "1300=beta:1", "steps=2300") < 3
