"""A user's actions on the latent walk of a page, and what the page shows."""

from __future__ import annotations

import numpy as np
import pytest
from jupyterlab_session import evaluate_in_kernel
from widget_page import User, pixels, wait_until

FIRST_WALK = """
from course_utils.widgets import LatentWalk
walk_ = next(value for value in Out.values() if isinstance(value, LatentWalk))
"""


class Walk(User):
    """A latent walk of a page, with actions of a user and the values it shows."""

    def __init__(self, page, number: int = 0) -> None:
        super().__init__(page)
        self.root = page.locator(".latent-walk").nth(number)
        self.plane = self.root.locator(".lw-plane .cw-stage")
        self.lattice = self.root.locator(".lw-lattice .cw-stage")
        self.plane.wait_for()
        self.plane.scroll_into_view_if_needed()

    def hover(self, x: float, y: float, stage=None) -> None:
        """Move the mouse there, once the stage is in view and at rest."""
        stage = stage or self.plane
        width = stage.bounding_box()["width"]
        stage.hover(position={"x": x * width, "y": y * width})
        self.settle()

    def click(self, x: float, y: float) -> None:
        self.hover(x, y)
        self.page.mouse.down()
        self.page.mouse.up()
        self.settle()

    def choose_box(self, index: int) -> None:
        self.root.locator(".lw-boxes label").nth(index).click()
        self.settle()

    def toggle(self, name: str) -> None:
        """Click the checkbox for the prior's rings or for the clouds q(z|x)."""
        self.root.locator(f".lw-{name}").click()
        self.settle()

    def choose(self, kind: str, index: int) -> None:
        """Choose one of the maps, or one of the kinds of path."""
        self.root.locator(f".lw-{kind} input").nth(index).check()
        self.settle()

    def wait_until_complete(self, canvas: str = ".lw-lattice canvas") -> None:
        """Wait until the last image is drawn: its pixels are opaque."""
        self.page.wait_for_function(
            "(canvas) => canvas.getContext('2d').getImageData("
            "canvas.width - 1, canvas.height - 1, 1, 1).data[3] === 255",
            arg=self.root.locator(canvas).element_handle(),
        )

    def pixels(self, canvas: str = ".lw-here canvas") -> np.ndarray:
        """Gray levels of a canvas at its own resolution."""
        return pixels(self.root.locator(canvas)).flatten()

    def z(self) -> tuple[float, float]:
        # Not inner_text(), which is empty for a cell that JupyterLab has not rendered.
        text = self.root.locator(".lw-z", has_text="(").text_content()
        first, second = text.replace("−", "-").split("(")[1].rstrip(")").split(",")
        return float(first), float(second)

    def expect_z(self, expected: tuple[float, float], within: float) -> None:
        """Wait until z has this value; a busy machine may need some frames."""
        wait_until(self.page, lambda: self.z() == pytest.approx(expected, abs=within))

    def wait_for_kernel(self, name: str, test: str) -> None:
        """Wait until the kernel's trait passes a test on ``value``, usually for 0.1 s."""
        expression = f"(lambda value: bool({test}))(walk_.{name})"
        wait_until(
            self.page,
            lambda: evaluate_in_kernel(self.page, FIRST_WALK, expression) == "True",
        )
