"""The dial in a browser, without a kernel."""

from io import BytesIO

import pytest
import torch
from PIL import Image
from widget_page import SLOW_DOWN, User, check_delays, show, shown

from course_utils import plots
from course_utils.widgets import Dial

CAPTIONS = {1: "One.", 5: "Five <b>& more</b>."}


def make_dial(*values, captions=None) -> Dial:
    images = torch.rand(1, 36)
    pictures = {
        value: plots.image_rows({"x": images.expand(i + 1, -1)}, title=f"{value}")
        for i, value in enumerate(values)
    }
    return Dial("k", pictures, captions=captions)


def test_the_slider_responds_to_keys_mouse_and_touch(page):
    show(page, make_dial(1, 2.5, 5, 10, captions=CAPTIONS))
    user, slider = User(page), page.locator(".dial input")
    page.wait_for_function("() => [...document.images].every((image) => image.complete)")
    assert shown(page) == [0]
    assert page.get_by_role("slider", name="k").get_attribute("aria-valuetext") == "1"
    slider.focus()
    for key, index, label in (("ArrowRight", 1, "2.5"), ("End", 3, "10"), ("Home", 0, "1")):
        user.press(key)
        assert (shown(page), page.evaluate("() => model.get('index')")) == ([index], index)
        assert slider.get_attribute("aria-valuetext") == label
        assert page.locator(".dial output").inner_text() == label
    assert page.evaluate("() => leaked") == []
    user.drag(slider, (0.02, 0.5), (0.67, 0.5))
    assert shown(page) == [2]
    assert page.locator(".dial figcaption").inner_text() == CAPTIONS[5]
    user.touch(slider, (0.67, 0.5), (0.98, 0.5))
    assert shown(page) == [3]
    assert page.locator(".dial figcaption").inner_text() == ""
    user.wait_for_save("index")
    user.set(index=1)
    assert shown(page) == [1] and slider.input_value() == "1"
    user.close()


def test_it_plays_to_the_last_picture_and_stops_on_user_input(page):
    show(page, make_dial(1, 2, 3))
    user, slider = User(page), page.locator(".dial input")
    play, stop = (page.get_by_role("button", name=name) for name in ("play", "stop"))
    play.click()
    stop.wait_for()
    page.wait_for_function("() => model.get('index') === 2")
    play.wait_for()  # it stopped by itself
    page.wait_for_function("() => saved.at(-1)?.index === 2")
    page.evaluate(SLOW_DOWN, 20)
    play.focus()
    user.press("Enter")  # once more, from the start
    stop.wait_for()
    slider.focus()
    user.press("ArrowRight")  # the user takes over
    play.wait_for()
    assert shown(page) == [1] and page.evaluate("() => leaked") == []
    play.click()
    page.evaluate("() => cleanUp()")
    play.wait_for()
    assert page.evaluate("() => model.get('index')") == 1


def test_named_values_are_radio_buttons(page):
    show(page, make_dial("collapse", "holes & <i>", 3))
    user = User(page)
    page.get_by_role("radio", name="holes & <i>").check()
    assert shown(page) == [1]
    user.press("ArrowRight")
    assert shown(page) == [2] and page.evaluate("() => leaked") == []
    assert page.get_by_role("radiogroup", name="k").count() == 1
    page.get_by_text("collapse").click()
    assert shown(page) == [0]


def test_the_height_is_the_same_for_all_pictures(page):
    show(page, make_dial(1, 2, 3))
    page.wait_for_function("() => [...document.images].every((image) => image.complete)")
    heights = set()
    for index in range(3):
        User(page).set(index=index)
        heights.add(page.locator(".dial").bounding_box()["height"])
    assert len(heights) == 1


def test_pictures_have_two_pixels_for_one_of_the_page(page):
    dial = make_dial(1, 2)
    show(page, dial)
    page.wait_for_function("() => [...document.images].every((image) => image.complete)")
    pixels = Image.open(BytesIO(dial.pictures[0])).width
    shown = page.locator(".dial img").first.bounding_box()["width"]
    assert shown == pytest.approx(pixels / 2, abs=1)


@pytest.mark.timing
def test_the_dial_responds_within_a_frame(page):
    show(page, make_dial(*range(6)))
    slider = page.locator(".dial input")

    def move():
        User(page).drag(slider, (0.02, 0.5), *[(0.98, 0.5), (0.02, 0.5)] * 6, steps=6)

    check_delays(page, slider, "input", move)
