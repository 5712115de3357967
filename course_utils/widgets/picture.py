"""The static picture of a widget, for viewers without JavaScript; pixels for those with."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING

import anywidget
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from course_utils.alt_text import alt_text, mime_bundle

if TYPE_CHECKING:
    from PIL.Image import Image

DESCRIPTION = "Description"  # the keyword of the PNG standard


def png(figure: Figure, colors: int, density: int = 1) -> bytes:
    """The figure as a PNG file, with ``density`` times the pixels per inch of the figure.

    A palette of ``colors`` (at most 256) halves the file or better. 256 colors change only
    a few pixels at edges. The file says in words what it shows.
    """
    from PIL import Image

    file = BytesIO()
    quick = {"compress_level": 1}  # it is compressed again below
    figure.savefig(file, format="png", dpi=density * figure.dpi, pil_kwargs=quick)
    return _pack(Image.open(file), colors, alt_text(figure))


def halved(picture: bytes) -> bytes:
    """The PNG at half its width and height, for pages without support for dense screens."""
    from PIL import Image

    image = Image.open(BytesIO(picture)).convert("RGB").reduce(2)
    return _pack(image, colors=256, words=words_of(picture))


def _pack(image: Image, colors: int, words: str) -> bytes:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt(DESCRIPTION, words)
    file = BytesIO()
    image.convert("RGB").quantize(colors).save(file, format="png", pnginfo=info)
    return file.getvalue()


def words_of(picture: bytes) -> str:
    """What a PNG says about itself; "" if it says nothing."""
    from PIL import Image

    return Image.open(BytesIO(picture)).info.get(DESCRIPTION, "")


def four_bit_pixels(images: Tensor) -> bytes:
    """Pixels in [0, 1] as 16 shades, two per byte, the first in the high half."""
    shades = (15 * images.float().clamp(0, 1)).round().byte().flatten().cpu().numpy()
    if len(shades) % 2:
        shades = np.append(shades, np.uint8(0))
    return (shades[::2] << 4 | shades[1::2]).tobytes()


class WithPicture(anywidget.AnyWidget):
    """A widget whose output also holds a picture, next to the live view.

    JupyterLab shows the view; a stored notebook, GitHub and print show the picture.
    A subclass defines ``picture()``, the bytes of a PNG, and a ``__repr__`` without memory
    address, since nbval compares that text.
    """

    def picture(self) -> bytes:
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        shown = super()._repr_mimebundle_(**kwargs)
        data, metadata = shown if isinstance(shown, tuple) else (shown or {}, {})
        picture = self.picture()
        words = f"{self!r}. {words_of(picture)}"
        image, about = mime_bundle(b64encode(picture).decode(), words, {})
        return {**data, **image}, {**metadata, **about}
