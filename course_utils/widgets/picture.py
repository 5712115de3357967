"""The picture that stands in for a widget where no script runs."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING

import anywidget
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from PIL.Image import Image


def png(figure: Figure, colors: int, density: int = 1) -> bytes:
    """The figure as the bytes of a PNG file, ``density`` pixels for one of the figure's.

    A palette of ``colors`` (at most 256) takes half of the bytes or less. With 256, gray
    pictures keep their shades, and colored ones theirs but for a few pixels of an edge.
    """
    from PIL import Image

    file = BytesIO()
    quick = {"compress_level": 1}  # since it is read again at once
    figure.savefig(file, format="png", dpi=density * figure.dpi, pil_kwargs=quick)
    return _pack(Image.open(file), colors)


def halved(picture: bytes) -> bytes:
    """The PNG at half its width and height, for pages that know no dense screens."""
    from PIL import Image

    return _pack(Image.open(BytesIO(picture)).convert("RGB").reduce(2), colors=256)


def _pack(image: Image, colors: int) -> bytes:
    file = BytesIO()
    image.convert("RGB").quantize(colors).save(file, format="png")
    return file.getvalue()


class WithPicture(anywidget.AnyWidget):
    """A widget whose output also holds a picture, next to the live view.

    JupyterLab prefers the view; a stored notebook, GitHub and paper have the picture.
    A subclass gives ``picture()``, the bytes of a PNG, and a ``__repr__`` without a memory
    address, since nbval compares that text.
    """

    def picture(self) -> bytes:
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        image = b64encode(self.picture()).decode()
        return {**data, "image/png": image}, metadata
