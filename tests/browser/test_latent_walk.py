"""The latent walk in a browser, without a kernel."""

import base64
import re
from copy import deepcopy
from functools import cache
from itertools import combinations

import numpy as np
import pytest
import torch
from latent_walk_page import Walk
from torch import nn
from widget_page import (
    RENDER,
    SLOW_DOWN,
    check_delays,
    check_fit_and_contrast,
    load,
    pixels,
    show,
    wait_until,
)

from course_utils.theory.lattice import distance_to_nearest, latent_lattice, pixel_entropy
from course_utils.widgets import LatentWalk

OF_THE_COURSE = (256, 512)  # units of a decoder's hidden layers


@cache
def random_decoder(hidden: tuple[int, int] = (32, 64)) -> nn.Sequential:
    """2 → … → 784, with images of high contrast."""
    torch.manual_seed(0)
    decoder = nn.Sequential(
        nn.Sequential(
            *(nn.Linear(2, hidden[0]), nn.ReLU(), nn.Linear(*hidden), nn.ReLU()),
            nn.Linear(hidden[1], 784),
        ),
        nn.Sigmoid(),
    )
    for module in decoder.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight)
    return decoder


@cache  # its maps and paths take a second
def make_walk(decoder: nn.Module, n: int = 200, clouds: bool = True) -> LatentWalk:
    torch.manual_seed(1)
    codes, labels = torch.randn(n, 2), torch.arange(n) % 10
    sigmas = 0.05 + 0.2 * torch.rand(n, 2) if clouds else None
    return LatentWalk(decoder, codes, labels, sigmas=sigmas)


def decode_in_browser(page, z: torch.Tensor) -> np.ndarray:
    script = """(z) => {
        const decode = widget.makeNetwork(model.get("decoder"));
        const images = Float32Array.from(z.flatMap((point) => Array.from(decode(point))));
        return btoa(Array.from(new Uint8Array(images.buffer),
            (byte) => String.fromCharCode(byte)).join(""));
    }"""
    text = page.evaluate(script, z.tolist())
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(len(z), -1)


def test_the_browser_decodes_what_torch_decodes(page):
    decoder = random_decoder(OF_THE_COURSE)
    load(page, make_walk(decoder))
    torch.manual_seed(2)
    z = 5 * (2 * torch.rand(200, 2) - 1)
    in_browser = 255 * decode_in_browser(page, z)
    with torch.no_grad():
        exact = 255 * decoder(z).numpy()
        rounded = 255 * deepcopy(decoder).half().float()(z).numpy()
    assert exact.std() > 60, "the comparison needs images of high contrast"
    # The same numbers summed in another order: only float32 rounding.
    assert np.abs(in_browser - rounded).max() < 0.01
    # Weights in float16 have a relative error of 2⁻¹¹: invisible, below one gray level.
    assert np.abs(in_browser - exact).max() <= 1


def test_without_a_kernel_it_draws_saves_and_cleans_up(page):
    walk = show_walk(page, make_walk(random_decoder()))
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
    assert page.evaluate("() => saved.length") == 1, (
        "one message, when the pointer is at rest"
    )
    walk.hover(0.8, 0.8)
    page.evaluate("() => cleanUp()")
    assert page.evaluate("() => saved.length") == 2, "the last place is saved"
    assert page.evaluate("() => model.listening()") == 0


def test_images_are_drawn_at_their_lattice_points(page):
    decoder = random_decoder()
    walk = show_walk(page, make_walk(decoder))
    walk.wait_until_complete()
    drawn = walk.pixels(".lw-lattice canvas").reshape(21, 28, 21, 28)
    for row, column in [(0, 0), (0, 20), (10, 10), (20, 0), (3, 17)]:
        z = torch.tensor([[-1 + 0.1 * column, 1 - 0.1 * row]])  # z₂ grows upward
        with torch.no_grad():
            ink = 255 * decoder(z).numpy().reshape(28, 28)
        # One gray level for float16, half a level for the rounding to whole ones.
        assert np.abs(255 - ink - drawn[row, :, column]).max() <= 1.5


# --- rings, clouds, maps and paths ----------------------------------------------------


@pytest.fixture
def walk(page) -> Walk:
    """A walk with data for rings, clouds, maps and paths, none of them drawn yet."""
    return show_walk(page, make_walk(random_decoder()))


def show_walk(page, widget: LatentWalk) -> Walk:
    show(page, widget)
    walk = Walk(page)
    walk.widget = widget
    return walk


def trait(page, name):
    return page.evaluate("(name) => model.get(name)", name)


def shapes(walk: Walk, kind: str) -> list[dict]:
    """The attributes of the shapes of a kind, in units of z."""
    return walk.root.locator(f".cw-lines {kind}").evaluate_all(
        "(all) => all.map((el) => Object.fromEntries([...el.attributes].map("
        "({ name, value }) => [name, Number.isNaN(+value) ? value : +value])))"
    )


def path_shown(walk: Walk) -> np.ndarray:
    (line,) = shapes(walk, ".lw-over")
    return np.array(line["points"].replace(",", " ").split(), float).reshape(-1, 2)


def paths_of(widget: LatentWalk) -> dict:
    points = np.frombuffer(widget.path_points, "<f4").reshape(45, 2, -1, 2)
    return dict(zip(combinations(widget.path_classes, 2), points))


def test_initially_only_the_codes_are_drawn(walk):
    assert [trait(walk.page, name) for name in ("rings", "clouds")] == [False, False]
    assert [trait(walk.page, name) for name in ("map", "path")] == ["none", "none"]
    for hidden in (".lw-map", ".lw-scale", ".lw-strip"):
        assert walk.root.locator(hidden).is_hidden()
    assert shapes(walk, "circle, ellipse, polyline") == []


def test_rings_show_their_shares_of_the_prior(walk):
    walk.toggle("rings")
    assert [ring["r"] for ring in shapes(walk, ".cw-ring")] == [1, 2, 3]
    shares = walk.root.locator(".lw-shares")
    assert shares.inner_text().split("\n") == ["39.3 %"], (
        "the other rings are outside the box"
    )
    walk.choose_box(1)
    assert shares.inner_text().replace("\n", " ") == "39.3 % 86.5 % 98.9 %"
    for ring, share in zip((1, 2, 3), shares.locator("span").all()):
        box, stage = share.bounding_box(), walk.plane.bounding_box()
        at = [(box[k] - stage[k]) / stage["width"] * 10.5 - 5.25 for k in ("x", "y")]
        assert np.hypot(*at) == pytest.approx(ring, abs=0.3), "beside its ring"
    walk.toggle("rings")
    assert shapes(walk, ".cw-ring") == [] and shares.inner_text() == ""
    walk.wait_for_save("rings")


def test_clouds_have_the_encoder_s_means_and_sigmas(page):
    walk = show_walk(page, make_walk(random_decoder(), n=1000))
    walk.toggle("clouds")
    found = shapes(walk, "ellipse")
    sent = np.frombuffer(walk.widget.sampled, "<f4").reshape(-1, 5)
    assert len(found) == len(sent) == 300
    for one, expected in zip(found, sent[:, :4]):
        assert [one[k] for k in ("cx", "cy", "rx", "ry")] == pytest.approx(expected)
    color = walk.root.locator(".cw-lines ellipse").first.evaluate(
        "(el) => getComputedStyle(el).stroke"
    )
    assert color == "rgb(58, 60, 103)", "the color of a 0"


@pytest.mark.parametrize("sigmas", [True, False])
def test_only_a_vae_has_a_prior_and_clouds(page, sigmas):
    walk = show_walk(page, make_walk(random_decoder(), clouds=sigmas))
    for box in (0, 1):
        walk.choose_box(box)
        assert ("prior" in walk.root.inner_text().lower()) == sigmas
        assert walk.root.locator(".lw-share").is_visible() == sigmas
    for box in (".lw-rings", ".lw-clouds"):
        assert walk.root.locator(box).is_visible() == sigmas


def test_the_map_s_value_at_the_cursor_is_that_of_python(walk, page):
    decoder, codes = (
        random_decoder(),
        np.frombuffer(walk.widget.codes, "<f4").reshape(-1, 2),
    )
    names = {1: "distance", 2: "uncertainty"}
    for box, map_index, x, y in ((0, 1, 0.3, 0.7), (1, 2, 0.6, 0.2), (1, 1, 0.9, 0.9)):
        walk.choose_box(box)
        walk.choose("maps", map_index)
        walk.hover(x, y)
        z = torch.tensor([trait(page, "z")])
        with torch.no_grad():
            expected = {
                "distance": distance_to_nearest(z, torch.tensor(codes)),
                "uncertainty": pixel_entropy(decoder(z)),
            }[names[map_index]].item()
        text = walk.root.locator(".lw-value b").inner_text()
        # Two decimals and none; float16 weights may change the entropy by a nat.
        assert float(text) == pytest.approx(expected, abs=0.006 if map_index == 1 else 1.5)
        low, high = walk.widget.maps[names[map_index]]["ranges"][box]
        bar, mark = (
            walk.root.locator(at).bounding_box() for at in (".lw-bar", ".lw-bar i")
        )
        share = (mark["x"] + 1 - bar["x"]) / bar["width"]
        within = 0.03 + 2 / (high - low) * (map_index == 2)
        assert share == pytest.approx((expected - low) / (high - low), abs=within)
    walk.wait_for_save("z")
    spoken = page.locator(".cw-spoken").inner_text()
    nearest = (torch.tensor(codes) - z).norm(dim=1).argmin()
    assert f"nearest code: {nearest % 10}, " in spoken
    assert spoken.endswith("to the nearest code")


def test_the_arithmetic_of_the_maps_is_that_of_python(page):
    load(page, make_walk(random_decoder()))
    p, codes, z = torch.rand(5, 784), torch.randn(50, 2), torch.randn(20, 2)
    p[0, :2] = torch.tensor([0.0, 1.0])
    script = """([p, codes, z]) => [p.map((row) => widget.pixelEntropy(row)),
        z.map((point) => widget.nearestCode(codes.flat(), point).distance)]"""
    entropy, distance = page.evaluate(script, [p.tolist(), codes.tolist(), z.tolist()])
    # float64 there, float32 here, over 784 pixels
    assert entropy == pytest.approx(pixel_entropy(p).tolist(), rel=1e-5)
    assert distance == pytest.approx(distance_to_nearest(z, codes).tolist(), abs=1e-6)


def test_a_map_is_drawn_below_the_codes_at_its_place(walk):
    walk.choose("maps", 1)
    canvas = walk.root.locator(".lw-map")
    alpha = pixels(canvas, channel=3)
    n, alpha = len(alpha), alpha.flatten()
    e = 21 / 20  # the stage
    codes = torch.tensor(np.frombuffer(walk.widget.codes, "<f4").reshape(-1, 2))
    z = latent_lattice(e * (1 - 1 / n), n)
    distance = distance_to_nearest(z, codes).numpy()
    assert alpha / 255 == pytest.approx(0.8 * distance / distance.max(), abs=0.006)
    stage, drawn = walk.plane.bounding_box(), canvas.bounding_box()
    assert drawn == pytest.approx(stage)
    order = walk.plane.evaluate(
        "(el) => [...el.children].map((c) => c.className || c.tagName)"
    )
    assert order.index("lw-map") == 0
    walk.choose("maps", 0)
    assert canvas.is_hidden()


def test_an_autoencoder_has_no_map_of_uncertainty(page):
    walk = show_walk(page, make_walk(nn.Sequential(*list(random_decoder()[0]))))
    names = walk.root.locator(".lw-maps").inner_text().split()
    assert names == ["none", "distance"]


def test_a_path_is_drawn_between_its_classes(walk, page):
    walk.set(path_ends=[3, 8])
    for index, kind in ((2, "curved"), (1, "straight")):
        walk.choose("kinds", index)
        expected = paths_of(walk.widget)[3, 8][["straight", "curved"].index(kind)]
        assert path_shown(walk) == pytest.approx(expected)
        assert np.abs(expected).max() <= trait(page, "half_width")
        pair = list(paths_of(walk.widget)).index((3, 8))
        shown = walk.root.locator(".lw-length").all_inner_texts()
        lengths = walk.widget.path_lengths[pair]
        assert [float(text) for text in shown] == pytest.approx(lengths, abs=0.051)
        assert lengths[1] <= lengths[0]
    start, end = walk.root.locator(".lw-paths select").all()
    end.select_option("3")
    walk.settle()
    assert trait(page, "path_ends") == [8, 3], "never from a class to itself"
    assert start.input_value() == "8"
    assert path_shown(walk) == pytest.approx(expected[::-1])
    walk.choose("kinds", 0)
    assert shapes(walk, "polyline") == [] and walk.root.locator(".lw-strip").is_hidden()
    walk.wait_for_save("path")


def test_a_path_outside_the_box_selects_a_larger_box(page):
    torch.manual_seed(0)
    labels = torch.arange(40) % 2
    codes = torch.randn(40, 2) / 10 + 3 * (2 * labels - 1)[:, None]
    walk = show_walk(page, LatentWalk(random_decoder(), codes, labels))
    assert trait(page, "half_width") == 1
    walk.choose("kinds", 1)
    assert trait(page, "half_width") == 5


def test_the_strip_shows_decoded_images_along_the_path(walk, page):
    walk.choose("kinds", 2)
    walk.wait_until_complete(".lw-strip")
    strip = walk.pixels(".lw-strip").reshape(28, 11, 28).swapaxes(0, 1)
    way = torch.tensor(path_shown(walk)).float()
    middle = (way[23] + way[24]) / 2  # 48 points: half-way lies between two
    for picture, z in ((0, way[0]), (5, middle), (10, way[-1])):
        with torch.no_grad():
            ink = 255 * random_decoder()(z[None]).numpy().reshape(28, 28)
        assert np.abs(255 - ink - strip[picture]).max() <= 1.5


def test_play_moves_along_the_path_until_a_click(walk, page):
    play = walk.root.locator(".lw-play")
    page.evaluate(
        "() => { window.seen = []; model.on('change:z', () => "
        "seen.push([performance.now(), ...model.get('z')])); }"
    )
    page.evaluate(SLOW_DOWN, 1 / 3)
    play.click()
    assert trait(page, "path") == "straight", "▶ selects a path if there is none"
    page.wait_for_function("() => document.querySelector('.lw-play').textContent === '▶'")
    seen, way = np.array(page.evaluate("() => seen")), path_shown(walk)
    assert len(seen) > 5
    assert seen[-1, 0] - seen[0, 0] > 900, "1 s, or longer on a busy machine"
    assert seen[-1, 1:] == pytest.approx(way[-1], abs=1e-6)
    away = np.linalg.norm(seen[:, None, 1:] - way, axis=2).min(1)
    assert away.max() < np.linalg.norm(np.diff(way, axis=0), axis=1).max()
    walk.wait_for_save("z")

    page.evaluate(SLOW_DOWN, 60)
    play.click()
    assert play.inner_text() == "■"
    walk.hover(0.2, 0.2)
    assert play.inner_text() == "■", "a pointer without a click does not stop it"
    walk.click(0.2, 0.2)
    walk.expect_z(
        tuple((0.2 - 0.5) * 2.1 * s * trait(page, "half_width") for s in (1, -1)), 0.1
    )
    assert play.inner_text() == "▶"
    play.click()
    walk.plane.focus()
    walk.press("ArrowLeft")
    z = trait(page, "z")
    page.wait_for_timeout(100)
    assert trait(page, "z") == z and play.inner_text() == "▶"
    play.click()
    page.evaluate("() => cleanUp()")
    z = trait(page, "z")
    page.wait_for_timeout(100)
    assert trait(page, "z") == z, "the animation has ended"
    assert page.evaluate("() => model.listening()") == 1, "the listener of this test"


NAMES = [*(f"class {number}" for number in range(24)), "circle <b>", "cross"]


def test_more_than_ten_classes_have_names_and_markers(page):
    """Codes of each class along a row of its own, from z₂ = 1 to −1."""
    labels = torch.arange(26).repeat_interleave(20)
    codes = torch.stack([torch.linspace(-1, 1, 20).repeat(26), 1 - labels / 12.5], 1)
    widget = LatentWalk(random_decoder(), codes, labels, (1,), names=NAMES)
    walk = show_walk(page, widget)
    buttons = walk.root.locator(".cw-legend button")
    assert buttons.all_inner_texts() == NAMES
    shapes = buttons.locator("i").evaluate_all(
        "(all) => all.map((el) => getComputedStyle(el).clipPath)"
    )
    assert len(set(shapes[:10])) == len(set(shapes[10:20])) == len(set(shapes[20:])) == 1
    assert len(set(shapes)) == 3, "circles, squares, triangles"
    legend = walk.root.locator(".cw-legend")
    assert legend.bounding_box()["height"] < 180, "more scroll"

    widths = {}  # of a dot in each row of pixels
    for number in (4, 14, 24):  # one color, three markers
        buttons.nth(number).click()
        walk.settle()
        alpha = pixels(walk.root.locator(".lw-plane .cw-stage > canvas").nth(1), 3)
        row = round((1 - (1 - number / 12.5) / 1.05) / 2 * 840)
        middle = round((1 - 1 / 19 / 1.05) / 2 * 840)  # of the tenth dot
        dot = alpha[row - 8 : row + 9, middle - 8 : middle + 9] > 128
        widths[number] = dot.sum(1)[dot.any(1)]
        assert (alpha[: row - 8] == 0).all() and (alpha[row + 8 :] == 0).all()
        buttons.nth(number).click()
    circle, square, triangle = widths.values()
    assert np.ptp(square) == 0 < np.ptp(circle) and abs(circle[0] - circle[-1]) <= 2
    assert (np.diff(triangle) >= 0).all() and triangle[-1] > 2 * triangle[0]

    walk.hover(0.5, (1 + (24 / 12.5 - 1) / 1.05) / 2)
    walk.wait_for_save("z")
    spoken = page.locator(".cw-spoken").inner_text()
    assert re.search(r"; nearest code: circle <b>, 0\.0\d away", spoken)
    options = walk.root.locator(".lw-paths select").first.locator("option")
    assert options.all_inner_texts() == NAMES[:10]
    assert "classes are those with the most codes" in walk.root.inner_text()


def test_one_class_has_no_paths(page):
    torch.manual_seed(2)
    widget = LatentWalk(random_decoder(), torch.randn(20, 2), torch.full((20,), 3))
    walk = show_walk(page, widget)
    assert walk.root.locator(".lw-paths").is_hidden()
    walk.choose("maps", 1)
    walk.close()


def test_keys_on_the_controls_do_not_turn_a_slide(walk, page):
    for control in (".lw-rings", ".lw-maps input", ".lw-kinds input", "select", ".lw-play"):
        walk.root.locator(control).first.focus()
        walk.press("ArrowRight")
    assert page.evaluate("() => leaked") == []


def test_traits_set_by_python_are_drawn(walk, page):
    walk.set(rings=True, clouds=True, map="uncertainty", path="curved")
    assert walk.root.locator(".lw-rings").is_checked()
    assert walk.root.locator(".lw-clouds").is_checked()
    assert walk.root.locator(".lw-maps input").nth(2).is_checked()
    assert walk.root.locator(".lw-kinds input").nth(2).is_checked()
    assert len(shapes(walk, "ellipse")) == 200


@pytest.mark.timing
@pytest.mark.parametrize("map_name", ["none", "distance", "uncertainty"])
def test_the_walk_responds_within_a_frame_with_everything_drawn(page, map_name):
    walk = show_walk(page, make_walk(random_decoder(OF_THE_COURSE), n=10_000))
    if map_name != "none":
        walk.set(half_width=5, rings=True, clouds=True, map=map_name, path="curved")
    walk.wait_until_complete()

    def move():
        for place in ((0.1, 0.2), (0.9, 0.4), (0.3, 0.8)):
            page.mouse.move(*walk.at(walk.plane, *place), steps=20)

    check_delays(page, walk.plane, "pointermove", move)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 700, 420])
def test_it_fits_the_page_with_readable_text(walk, page, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    walk.set(rings=True, map="distance", path="curved")
    check_fit_and_contrast(walk.root, walk.plane, scheme)
    small = walk.root.evaluate(
        """(el) => [...el.querySelectorAll(".lw-more *")].filter((one) =>
            one.textContent && parseFloat(getComputedStyle(one).fontSize) < 12)
            .map((one) => one.className)"""
    )
    assert small == []
    ends = walk.root.locator(".lw-group > *:not([hidden])").evaluate_all(
        "(all) => all.map((el) => el.getBoundingClientRect().right)"
    )
    assert ends and max(ends) <= width


# --- more than two dimensions ---------------------------------------------------------

K = 5


@cache
def wide_decoder() -> nn.Sequential:
    """5 → 3 × 4 × 6, in color."""
    torch.manual_seed(0)
    layers = nn.Linear(K, 72), nn.Tanh(), nn.Linear(72, 72), nn.Sigmoid()
    for layer in layers[::2]:
        nn.init.kaiming_normal_(layer.weight)
    return nn.Sequential(*layers, nn.Unflatten(1, (3, 4, 6)))


def wide_walk(decoder=None, **arguments) -> LatentWalk:
    torch.manual_seed(1)
    codes, sigmas = torch.randn(60, K) * torch.arange(1, K + 1), torch.rand(60, K) + 0.1
    labels = torch.arange(60) % 3
    return LatentWalk(decoder or wide_decoder(), codes, labels, sigmas=sigmas, **arguments)


def colors(walk: Walk, canvas: str) -> np.ndarray:
    """(3, height, width), from 0 to 255."""
    one = walk.root.locator(canvas)
    return np.stack([pixels(one, channel) for channel in range(3)])


def decoded(z) -> np.ndarray:
    with torch.no_grad():
        return 255 * wide_decoder()(torch.tensor(np.array([z])).float())[0].numpy()


@pytest.mark.parametrize("axes", [None, (4, 1)])
def test_the_pointer_moves_two_axes_and_sliders_the_others(page, axes):
    widget = wide_walk(axes=axes)
    walk = show_walk(page, widget)
    frame = widget._frame()
    i, j = axes or (0, 1)
    walk.hover(0.8, 0.3)
    z = trait(page, "z")
    expected = np.zeros(K)
    expected[[i, j]] = 0.6 * 1.05, 0.4 * 1.05
    assert frame @ z == pytest.approx(expected, abs=0.01)
    sliders = walk.root.locator(".lw-sliders input")
    others = [k for k in range(K) if k not in (i, j)]
    names = sliders.evaluate_all("(all) => all.map((el) => el.ariaLabel)")
    letters = "₁₂₃₄₅"
    assert names == [f"z{letters[k]}" if axes else f"PC {k + 1}" for k in others]
    sliders.nth(1).focus()
    sliders.nth(1).fill("2")
    walk.press("ArrowRight")
    expected[others[1]] = 2.05
    z = trait(page, "z")
    assert frame @ z == pytest.approx(expected, abs=0.01)
    assert np.abs(colors(walk, ".lw-here canvas") - decoded(z)).max() <= 1.5
    _, distance = nearest(widget, z)
    assert f"{distance:.2f} away" in walk.root.locator(".lw-near").inner_text()
    walk.root.locator(".lw-reset").click()
    walk.settle()
    expected[others[1]] = 0
    assert frame @ trait(page, "z") == pytest.approx(expected, abs=0.01)


def test_codes_outside_the_box_are_counted(page):
    widget = wide_walk(half_widths=(20, 4, 2), axes=(0, 3))
    walk = show_walk(page, widget)
    title = walk.root.locator(".lw-plane .cw-title")
    assert title.inner_text() == "60 codes by class"
    codes = np.frombuffer(widget.codes, "<f4").reshape(-1, K)
    for a in (2, 4):
        walk.set(half_width=a)
        outside = (np.abs(codes[:, [0, 3]]).max(1) > 1.05 * a).sum()
        assert title.inner_text() == f"60 codes by class, {outside} outside"
    assert 0 < outside < 60


@pytest.mark.parametrize("principal", [True, False])
def test_a_button_moves_all_axes_to_the_nearest_code(page, principal):
    widget = wide_walk(half_widths=(0.1, 20))
    walk = show_walk(page, widget)
    walk.set(principal=principal)
    row, distance = nearest(widget, [0] * K)
    assert distance > 0.5
    walk.root.locator(".lw-code").click()
    walk.settle()
    code = np.frombuffer(widget.codes, "<f4").reshape(-1, K)[row]
    assert trait(page, "z") == pytest.approx(code, abs=1e-6)
    assert trait(page, "half_width") == 20  # the box that holds it
    assert "0.00 away" in walk.root.locator(".lw-near").inner_text()


def nearest(widget: LatentWalk, z) -> tuple[int, float]:
    codes = np.frombuffer(widget.codes, "<f4").reshape(-1, K)
    distances = np.linalg.norm(codes - np.array(z), axis=1)
    return distances.argmin(), distances.min()


def test_the_lattice_is_that_of_the_axes_and_of_the_sliders(page):
    widget = wide_walk()
    walk = show_walk(page, widget)
    walk.root.locator(".lw-sliders input").nth(2).fill("3")
    exact = {}
    for row, column in [(0, 0), (10, 10), (20, 3)]:
        values = np.array([-1 + 0.1 * column, 1 - 0.1 * row, 0, 0, 3])
        exact[row, column] = decoded(values @ widget._frame())

    def is_drawn() -> bool:
        drawn = colors(walk, ".lw-lattice canvas").reshape(3, 21, 4, 21, 6)
        return all(
            np.abs(drawn[:, row, :, column] - image).max() <= 1.5
            for (row, column), image in exact.items()
        )

    wait_until(page, is_drawn)


def test_axes_are_chosen_by_keys_and_the_dots_follow(page):
    widget = wide_walk()
    walk = show_walk(page, widget)
    walk.toggle("clouds")
    before = walk.pixels(".lw-plane .cw-stage > canvas:not(.lw-map)")
    walk.root.locator(".lw-bases input").first.focus()
    walk.press("ArrowRight")
    assert trait(page, "principal") is False
    across, up = walk.root.locator(".lw-space select").all()
    across.select_option("3")
    up.select_option("3")  # they swap
    walk.settle()
    assert trait(page, "axes") == [1, 3]
    assert (walk.pixels(".lw-plane .cw-stage > canvas:not(.lw-map)") != before).any()
    sent = np.frombuffer(widget.sampled, "<f4").reshape(-1, 2 * K + 1)
    for one, row in zip(shapes(walk, "ellipse"), sent):
        found = [one[name] for name in ("cx", "cy", "rx", "ry")]
        assert found == pytest.approx(row[[1, 3, K + 1, K + 3]])
    assert walk.page.evaluate("leaked") == []


def test_the_lattice_pauses_while_the_cursor_moves(page):
    """It is drawn once, in pauses, and not again, since the other axes are at rest."""
    walk = show_walk(page, wide_walk())
    page.evaluate(
        """() => {
            const put = CanvasRenderingContext2D.prototype.putImageData;
            window.drawn = [];
            CanvasRenderingContext2D.prototype.putImageData = function (...all) {
                const lattice = this.canvas.closest(".lw-lattice");
                drawn.push([lattice ? "lattice" : "cursor", performance.now()]);
                return put.apply(this, all);
            };
        }"""
    )
    page.evaluate(
        """async () => {
            const stage = document.querySelector(".lw-plane .cw-stage");
            const { left, top, width } = stage.getBoundingClientRect();
            model.set("axes", [2, 3]); // another lattice
            for (let i = 0; i < 40; i++) {
                const at = { clientX: left + (0.2 + i / 80) * width, clientY: top + 90 };
                stage.dispatchEvent(new PointerEvent("pointermove", at));
                if (i === 1) drawn.length = 0;
                await new Promise(requestAnimationFrame);
            }
            window.moved = performance.now();
        }"""
    )
    kinds = [kind for kind, time in page.evaluate("drawn")]
    assert set(kinds) == {"cursor"} and len(kinds) >= 37, "one image per frame"
    walk.wait_until_complete()
    page.wait_for_timeout(300)
    found, moved = page.evaluate("drawn"), page.evaluate("moved")
    times = [time for kind, time in found if kind == "lattice"]
    assert 0 < len(times) <= 21**2 and min(times) > moved + 50
    walk.hover(0.4, 0.8)
    page.wait_for_timeout(300)
    again = [kind for kind, time in page.evaluate("drawn")].count("lattice")
    assert again == len(times), "only the two axes on show have moved"


def test_ellipses_of_directions_are_those_of_the_projected_covariance(page):
    widget = wide_walk()
    walk = show_walk(page, widget)
    walk.toggle("clouds")
    plane = widget._frame()[:2]
    sent = np.frombuffer(widget.sampled, "<f4").reshape(-1, 2 * K + 1)
    for one, row in zip(shapes(walk, "ellipse"), sent):
        turn = np.radians(float(str(one.get("transform", "(0 ")).split("(")[1].split()[0]))
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        found = rotation @ np.diag([one["rx"] ** 2, one["ry"] ** 2]) @ rotation.T
        exact = plane @ np.diag(row[K : 2 * K] ** 2) @ plane.T
        assert np.allclose(found, exact, atol=1e-4)
        assert [one["cx"], one["cy"]] == pytest.approx(plane @ row[:K], abs=1e-4)


def unknown(z):
    return wide_decoder()(z)


def test_without_a_kernel_a_decoder_of_the_kernel_is_refused_in_words(page):
    show(page, wide_walk(unknown))
    note = page.locator("[data-needs-kernel]")
    assert "needs a running kernel" in note.inner_text()
    assert page.locator("canvas").count() == 0


# A kernel that decodes z to an image of one shade, (z₁ + 1) / 2, or fails.
KERNEL = """() => {
    window.asked = [];
    const on = model.on;
    model.on = (event, f) => {
        if (event === "msg:custom") window.receive = f;
        on(event, f);
    };
    model.send = ({ id, points }) => {
        asked.push(points.length);
        const shades = points.flatMap(([z1]) =>
            Array(72).fill(Math.round((255 * (z1 + 1)) / 2)));
        const error = window.fails ? "ValueError: no" : undefined;
        setTimeout(() => {
            receive({ id: "of another view" }, [new DataView(new ArrayBuffer(72))]);
            receive({ id, error }, [new DataView(Uint8Array.from(shades).buffer)]);
        }, 5);
    };
}"""


def test_a_kernel_decodes_the_cursor_and_the_lattice(page):
    load(page, wide_walk(unknown, axes=(0, 1)))
    page.evaluate(KERNEL)
    page.evaluate(RENDER)
    walk = Walk(page)
    assert "The kernel decodes" in walk.root.locator(".lw-kernel").inner_text()
    walk.hover(0.9, 0.4)
    z1 = trait(page, "z")[0]
    shade = round(255 * (z1 + 1) / 2)
    wait_until(page, lambda: (colors(walk, ".lw-here canvas") == shade).all())
    walk.wait_until_complete()
    drawn = colors(walk, ".lw-lattice canvas").reshape(3, 21, 4, 21, 6)[0, :, 0, :, 0]
    assert np.abs(drawn - 255 * np.arange(21) / 20).max() <= 1
    assert 1 <= max(page.evaluate("asked")) <= 32
    page.evaluate("() => { window.fails = true; }")
    walk.hover(0.2, 0.4)
    note = walk.root.locator(".lw-kernel", has_text="The decoder failed: ValueError: no")
    note.wait_for()
    walk.close()


def test_the_kernel_gets_the_cursor_alone_while_it_moves(page):
    load(page, wide_walk(unknown, axes=(0, 1)))
    page.evaluate(KERNEL)
    page.evaluate(RENDER)
    walk = Walk(page)
    walk.wait_until_complete()
    steps = page.evaluate(
        """async () => {
            const stage = document.querySelector(".lw-plane .cw-stage");
            const { left, top, width } = stage.getBoundingClientRect();
            model.set("axes", [1, 0]); // another lattice
            const frame = () => new Promise(requestAnimationFrame);
            await frame();
            await frame(); // its images wait for the kernel
            asked.length = 0;
            for (let i = 0; i < 60; i++) { // two moves a frame
                const at = { clientX: left + (0.2 + i / 120) * width, clientY: top + 90 };
                stage.dispatchEvent(new PointerEvent("pointermove", at));
                if (i % 2) await new Promise(requestAnimationFrame);
            }
            return [...asked];
        }"""
    )
    assert 5 < steps.count(1) <= 32, "at most one image per frame"
    assert len(steps) - steps.count(1) <= 2, "parts of the lattice, before the first move"
    page.wait_for_function(
        "() => asked.reduce((sum, n) => sum + n, 0) > 21 ** 2 / 2", timeout=10_000
    )
    walk.close()
