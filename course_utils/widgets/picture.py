"""The static picture of a widget, for viewers without JavaScript."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING

import anywidget
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from PIL.Image import Image


def png(figure: Figure, colors: int, density: int = 1) -> bytes:
    """The figure as a PNG file, with ``density`` times the pixels per inch of the figure.

    A palette of ``colors`` (at most 256) halves the file or better. 256 colors change only
    a few pixels at edges.
    """
    from PIL import Image

    file = BytesIO()
    quick = {"compress_level": 1}  # it is compressed again below
    figure.savefig(file, format="png", dpi=density * figure.dpi, pil_kwargs=quick)
    return _pack(Image.open(file), colors)


def halved(picture: bytes) -> bytes:
    """The PNG at half its width and height, for pages without support for dense screens."""
    from PIL import Image

    return _pack(Image.open(BytesIO(picture)).convert("RGB").reduce(2), colors=256)


def _pack(image: Image, colors: int) -> bytes:
    file = BytesIO()
    image.convert("RGB").quantize(colors).save(file, format="png")
    return file.getvalue()


class WithPicture(anywidget.AnyWidget):
    """A widget whose output also holds a picture, next to the live view.

    JupyterLab shows the view; a stored notebook, GitHub and print show the picture.
    A subclass defines ``picture()``, the bytes of a PNG, and a ``__repr__`` without memory
    address, since nbval compares that text.
    """

    def picture(self) -> bytes:
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        image = b64encode(self.picture()).decode()
        return {**data, "image/png": image}, metadata
