"""One small widget of each kind, with random networks, and a deck of them."""

from functools import cache
from pathlib import Path

import nbformat
import torch
from ipywidgets.embed import embed_data
from test_slides import code, png, slide_named, view
from torch import nn

from course_utils import models, plots, widgets
from course_utils.widgets.picture import WithPicture
from tools import slides


@cache  # maps and paths take seconds
def one_of_each() -> dict[str, WithPicture]:
    """Name of the kind -> a widget of this kind."""
    torch.manual_seed(0)
    vae = models.VAE(784, 2, (16,))
    decoder = nn.Sequential(vae.decoder, nn.Sigmoid())
    codes, labels = torch.randn(200, 2), torch.arange(200) % 10
    images = torch.rand(3, 784)
    made = [
        widgets.DenoisingField(
            {sigma: models.mlp(2, 16, 2) for sigma in (0.1, 0.5)}, torch.randn(100, 2)
        ),
        widgets.Dial(
            "k",
            {k: plots.image_rows({"x": images[:k]}, title=f"k = {k}") for k in (1, 2, 3)},
        ),
        widgets.DrawDigit(vae.encoder, vae.decoder, codes, labels, -torch.rand(100)),
        widgets.EvidenceGap(vae.encoder, vae.decoder, images, torch.arange(3)),
        widgets.LatentWalk(decoder, codes, labels, sigmas=torch.full((200, 2), 0.1)),
        widgets.LiveTraining(),
        widgets.Reparameterization(torch.sin),
        widgets.SideBySide(dict.fromkeys(("AE", "VAE"), (decoder, codes)), labels),
    ]
    return {type(widget).__name__: widget for widget in made}


def deck_of_widgets() -> str:
    """A deck with a slide for each kind, whose name is that of the kind."""
    cells, shown = [slide_named("title")], one_of_each()
    for name, widget in shown.items():
        output = view(widget.model_id, image_png=png())
        cells.append(code(f"{name}()", output, name=name, tags=["widget"]))
    notebook = nbformat.v4.new_notebook(cells=cells)
    state = embed_data(views=list(shown.values()), drop_defaults=False)["manager_state"]
    notebook.metadata["widgets"] = {slides.WIDGET_STATE: state}
    return slides.deck(notebook, Path("widgets.ipynb"))
