"""Codes, reconstructions and loss of several models, recorded while they train."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import traitlets
from numpy.typing import ArrayLike
from torch import Tensor

from course_utils import plots
from course_utils.models import VAE, Autoencoder
from course_utils.widgets._validation import (
    check_square_images,
    checked_digits,
    index_below,
)
from course_utils.widgets.core import BOTH_WAYS, with_core
from course_utils.widgets.network import LARGEST_FLOAT16
from course_utils.widgets.picture import WithPicture, png

POINTS = 300  # codes per model and frame
IMAGES = 6  # reconstructions per model and frame, one for each of six classes
SHARE = 0.99  # of the codes of every model and frame that lie inside the plane

Model = Autoencoder | VAE  # or any module with encoder and decoder
Record = Mapping[str, float]


class TrainingReplay(WithPicture):
    """Models side by side: their codes while they train, and a replay afterwards.

        replay = TrainingReplay({"AE": ae, "VAE": vae}, x, labels)  # frame 0: untrained
        display(replay)
        for records in until_stopped(zip(*runs)):  # one training_epochs per model
            replay.add(records)

    models  name -> model with ``.encoder`` (B, D) -> (B, 2) and ``.decoder`` back. An
            encoder that gives (mu, logvar) is a VAE's: its codes are mu, and its decoder
            outputs logits for ``bernoulli_nll``.
    x       (N, side²) in [0, 1]; the first 300 become the points of each plane, and
            the first image of each of six classes is reconstructed
    labels  (N,), digits 0 to 9 that color the points

    The planes show [−a, a]², a ≥ 4 large enough for 99 % of the codes of every model after
    every epoch; codes outside are counted.

    Traits shared with the view: ``epoch``, which of the frames is shown, 0 before
    training; it may be set from Python. A view of the newest frame advances when the
    next one is added. ``near``: the planes show [−4, 4]² instead, the region of the prior.
    TypeError or ValueError for anything that cannot be recorded or drawn.
    """

    _esm = with_core("training_replay.js")
    _css = with_core("training_replay.css")

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)  # per model
    labels = traitlets.Bytes().tag(sync=True)  # uint8 (points,)
    colors = traitlets.List(traitlets.Unicode()).tag(sync=True)
    originals = traitlets.Bytes().tag(sync=True)  # encoded as the images of a frame
    digits = traitlets.List(traitlets.Int()).tag(sync=True)  # labels of the originals
    frames = traitlets.List(traitlets.Dict()).tag(sync=True)  # of _record, per epoch
    epoch = traitlets.Int(0).tag(**BOTH_WAYS)
    near = traitlets.Bool(False).tag(**BOTH_WAYS)

    def __init__(self, models: Mapping[str, Model], x: Tensor, labels: ArrayLike) -> None:
        _check_models(models)
        check_square_images(x)
        labels = checked_digits(labels, len(x), "images")
        chosen = np.unique(labels, return_index=True)[1][:IMAGES].tolist()
        self._models = dict(models)
        self._x, self._shown = x[:POINTS], x[chosen]
        super().__init__(
            names=list(models),
            labels=labels[:POINTS].tobytes(),
            colors=list(plots.DIGIT_COLORS),
            originals=_pixels(self._shown),
            digits=labels[chosen].tolist(),
            frames=[self._record([{}] * len(models))],
        )

    def add(self, records: Sequence[Record]) -> None:
        """Record all models as they are now, after one more epoch.

        records  one per model, in order, as ``training_epochs`` yields them. All numbers
                 except "epoch" are drawn as curves.

        If this is interrupted or fails, no frame is added.
        """
        frame = self._record(_checked_records(records, self.names))
        self.frames = [*self.frames, frame]

    @torch.no_grad()
    def _record(self, terms: Sequence[Record]) -> dict:
        """A frame: codes float16 (points, 2), images and terms per model, and the half
        width that holds SHARE of the codes."""
        codes, images, reaches = [], [], []
        for name, model in self._models.items():
            z = _encode(name, model, self._x)
            codes.append(z.astype("<f2").tobytes())
            images.append(_pixels(_reconstruct(name, model, self._shown)))
            reaches.append(float(np.quantile(np.abs(z).max(1), SHARE)))
        return {
            "codes": codes,
            "images": images,
            "terms": list(terms),
            "reach": max(reaches),
        }

    @traitlets.validate("epoch")
    def _recorded(self, proposal: dict) -> int:
        return index_below(len(self.frames), proposal)

    def picture(self) -> bytes:
        """The codes of the newest frame."""
        codes = [np.frombuffer(z, "<f2").reshape(-1, 2) for z in self.frames[-1]["codes"]]
        epochs = len(self.frames) - 1
        when = f"after {_count(epochs, 'epoch')}" if epochs else "before training"
        scale = ", each on its own scale" if len(codes) > 1 else ""
        figure = plots.latent_planes(
            {name: z.astype(float) for name, z in zip(self.names, codes)},
            np.frombuffer(self.labels, np.uint8),
            title=f"Codes {when}{scale}; dashed: prior",
            rings=True,
        )
        return png(figure, colors=128)

    def __repr__(self) -> str:
        names = " | ".join(self.names)
        codes = f"{len(self.labels)} codes each"
        return f"TrainingReplay({names}, {codes}, {_count(len(self.frames) - 1, 'epoch')})"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


# --- codes and reconstructions --------------------------------------------------------


def _mean_code(model: Model, x: Tensor) -> tuple[Tensor, bool]:
    """The code and False, or the mean of q(z|x) and True."""
    z = model.encoder(x)
    return (z[0], True) if isinstance(z, tuple) else (z, False)


def _encode(name: str, model: Model, x: Tensor) -> np.ndarray:
    z, _ = _mean_code(model, x)
    if z.shape != (len(x), 2):
        raise ValueError(
            f"a plane shows codes of 2 numbers; those of {name} are {tuple(z.shape[1:])}."
        )
    codes = z.float().cpu().numpy()
    if not np.abs(codes).max() <= LARGEST_FLOAT16:  # "not" also refuses NaN
        raise ValueError(
            f"{name} has codes that are NaN, infinite or beyond 65504: its training has "
            "diverged. Try a smaller lr on a new model."
        )
    return codes


def _reconstruct(name: str, model: Model, x: Tensor) -> Tensor:
    z, is_vae = _mean_code(model, x)
    x_hat = model.decoder(z)
    if x_hat.shape != x.shape:
        raise ValueError(
            f"{name} reconstructs {tuple(x_hat.shape)} from {tuple(x.shape)}: the shapes "
            "must be equal."
        )
    return x_hat.sigmoid() if is_vae else x_hat


def _pixels(images: Tensor) -> bytes:
    """Pixels in [0, 1] as 16 shades, two per byte, the first in the high half."""
    shades = (15 * images.float().clamp(0, 1)).round().byte().flatten().cpu().numpy()
    if len(shades) % 2:
        shades = np.append(shades, np.uint8(0))
    return (shades[::2] << 4 | shades[1::2]).tobytes()


# --- checks ---------------------------------------------------------------------------


def _check_models(models: Mapping[str, Model]) -> None:
    if not isinstance(models, Mapping) or not models:
        raise TypeError('models must be a dict of names and models: {"AE": ae, …}.')
    for name, model in models.items():
        if not hasattr(model, "encoder") or not hasattr(model, "decoder"):
            raise TypeError(
                f"{name} must have an encoder and a decoder, as models.Autoencoder has; "
                f"it is {type(model).__name__}."
            )


def _checked_records(records: Sequence[Record], names: Sequence[str]) -> list[Record]:
    records = list(records)
    if len(records) != len(names):
        raise ValueError(
            f"add needs one record per model: {len(names)} models ({', '.join(names)}), "
            f"{len(records)} records."
        )
    for name, record in zip(names, records):
        if not isinstance(record, Mapping):
            raise TypeError(
                f"a record is a dict such as training_epochs yields; {name} has "
                f"{type(record).__name__}. One model still needs a list: add([record])."
            )
    terms: list[Record] = [
        {term: float(value) for term, value in record.items() if term != "epoch"}
        for record in records
    ]
    for name, record in zip(names, terms):
        for term, value in record.items():
            if not math.isfinite(value):
                raise ValueError(f'the term "{term}" of {name} is {value}.')
    return terms
