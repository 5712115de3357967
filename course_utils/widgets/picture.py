"""The picture that stands in for a widget where no script runs."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO

from matplotlib.figure import Figure


def png(figure: Figure, colors: int | None = None, density: int = 1) -> bytes:
    """The figure as the bytes of a PNG file, with so many pixels for one of the figure's.

    ``colors`` limits the palette (at most 256): half of the bytes or less. With 256 gray
    pictures keep their shades, and colored ones theirs but for a few pixels of an edge.
    """
    from PIL import Image

    file = BytesIO()
    quick = {} if colors is None else {"pil_kwargs": {"compress_level": 1}}  # read at once
    figure.savefig(file, format="png", dpi=density * figure.dpi, **quick)
    return file.getvalue() if colors is None else _pack(Image.open(file), colors)


def halved(picture: bytes) -> bytes:
    """The PNG at half its width and height, for pages that know no dense screens."""
    from PIL import Image

    return _pack(Image.open(BytesIO(picture)).convert("RGB").reduce(2), colors=256)


def _pack(image, colors: int) -> bytes:
    file = BytesIO()
    image.convert("RGB").quantize(colors).save(file, format="png")
    return file.getvalue()


class WithPicture:
    """Mixin for a widget: its output also holds a picture, next to the live view.

    JupyterLab prefers the view; a stored notebook, GitHub and paper have the picture.
    A widget gives ``picture()``, the bytes of a PNG, and a ``__repr__`` without a memory
    address, since nbval compares that text.
    """

    def picture(self) -> bytes:
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        image = b64encode(self.picture()).decode()
        return {**data, "image/png": image}, metadata
