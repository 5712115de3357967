"""Networks that the browser runs, compared with torch: each kind of layer, and all."""

import base64
import json

import numpy as np
import pytest
import torch
from torch import nn
from widget_page import load

from course_utils.models import VAE
from course_utils.widgets import LatentWalk
from course_utils.widgets.network import browser_network

NUMBERS = 60  # 3 × 4 × 5, also 4 × 3 × 5 and 5 × 3 × 4
GRAY_LEVEL = 1 / 255


def on_images(*layers: nn.Module, shape=(3, 4, 5)) -> nn.Sequential:
    return nn.Sequential(nn.Unflatten(1, shape), *layers)


def upsample(**arguments) -> nn.Sequential:
    return on_images(nn.Upsample(**arguments))


LAYERS = {
    "Linear": nn.Linear(NUMBERS, 7),
    "Linear without bias": nn.Linear(NUMBERS, 6, bias=False),
    "Conv2d": on_images(nn.Conv2d(3, 9, 3)),
    "Conv2d with stride, padding and dilation": on_images(
        nn.Conv2d(3, 6, (2, 3), (2, 1), (1, 0), (1, 2), bias=False)
    ),
    "Conv2d in groups": on_images(
        nn.Conv2d(4, 10, 3, groups=2, padding="same"), shape=(4, 3, 5)
    ),
    "Conv2d, valid": on_images(nn.Conv2d(5, 2, 2, padding="valid"), shape=(5, 3, 4)),
    "Conv2d, as large as before": on_images(
        nn.Conv2d(1, 3, (3, 5), padding="same"), shape=(1, 12, 5)
    ),
    "ConvTranspose2d": on_images(nn.ConvTranspose2d(3, 8, 4, 2, 1)),
    "ConvTranspose2d, all options": on_images(
        nn.ConvTranspose2d(4, 6, 3, (3, 2), (0, 1), (1, 1), groups=2, dilation=(1, 2)),
        shape=(4, 3, 5),
    ),
    "ConvTranspose2d of a point": on_images(
        nn.ConvTranspose2d(NUMBERS, 7, 4, bias=False), shape=(NUMBERS, 1, 1)
    ),
    "BatchNorm1d": nn.BatchNorm1d(NUMBERS),
    "BatchNorm2d": on_images(nn.BatchNorm2d(3)),
    "BatchNorm2d without weights": on_images(nn.BatchNorm2d(3, affine=False)),
    "Upsample": upsample(scale_factor=2),
    "Upsample by a fraction": upsample(scale_factor=(1.7, 2.3)),
    "Upsample to a size": upsample(size=(3, 11), mode="nearest-exact"),
    "Upsample, bilinear": upsample(scale_factor=(1.7, 2.3), mode="bilinear"),
    "Upsample, bilinear to a size": upsample(size=(7, 9), mode="bilinear"),
    "Upsample, corners aligned": upsample(
        scale_factor=3, mode="bilinear", align_corners=True
    ),
    "ReLU": nn.ReLU(),
    "LeakyReLU": nn.LeakyReLU(0.2),
    "ELU": nn.ELU(0.7),
    "GELU": nn.GELU(),
    "GELU by tanh": nn.GELU("tanh"),
    "SiLU": nn.SiLU(),
    "Softplus": nn.Softplus(2.0, 3.0),
    "Tanh": nn.Tanh(),
    "Sigmoid": nn.Sigmoid(),
    "Dropout, Identity and Flatten": on_images(
        nn.Dropout(), nn.Dropout2d(), nn.Identity(), nn.Flatten(), nn.ReLU(inplace=True)
    ),
}


@pytest.fixture(scope="module")
def run(browser):
    """run(network, z): what the browser computes, (n, …) flattened."""
    with browser.new_page() as page:
        walk = LatentWalk(nn.Linear(2, 4), torch.randn(3, 2), [0, 1, 2])
        load(page, walk)

        def run(network: nn.Module, z: torch.Tensor) -> np.ndarray:
            sent = browser_network(network, n_in=z.shape[1])
            weights = base64.b64encode(sent["weights"]).decode()
            text = page.evaluate(
                """([layers, weights, z]) => {
                    const run = widget.makeNetwork({ layers, weights: revive(weights) });
                    return JSON.stringify(z.map((point) => Array.from(run(point))));
                }""",
                [sent["layers"], {"bytes": weights}, z.tolist()],
            )
            return np.array(json.loads(text))

        yield run


def exact(network: nn.Module, z: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        y = network.eval()(z)
    return (torch.cat(y, 1) if isinstance(y, tuple) else y).flatten(1).numpy()


@pytest.fixture
def z() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(20, NUMBERS)


def trained(network: nn.Module, z: torch.Tensor) -> nn.Module:
    """The network with statistics of batches, and weights that float16 holds exactly."""
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    network.train()(3 * z + 1)
    return network.half().float()


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_each_layer_gives_what_torch_gives(run, z, layer):
    layer, y = trained(layer, z), exact(layer, z)
    found = run(layer, z)
    # float32 sums in another order; a norm's scale and shift are rounded to float16.
    rounding = 2**-10 if "BatchNorm" in repr(layer) else 1e-5
    assert found.shape == y.shape and y.std() > 0.1
    assert np.abs(found - y).max() < rounding * max(1, np.abs(y).max())


def random_decoder(seed: int) -> nn.Sequential:
    """10 → an image in color, with a random mixture of layers, of high contrast."""
    torch.manual_seed(seed)
    activations = nn.ReLU, nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.Softplus, nn.Tanh
    pick = torch.randint(len(activations), (4,)).tolist()
    first, second, third, fourth = (activations[i]() for i in pick)
    network = nn.Sequential(
        *(nn.Linear(10, 16 * 16), nn.BatchNorm1d(16 * 16), first),
        *(nn.Unflatten(1, (16, 4, 4)), nn.ConvTranspose2d(16, 12, 4, 2, 1)),
        *(nn.BatchNorm2d(12), second, nn.Upsample(scale_factor=2, mode="bilinear")),
        *(nn.Conv2d(12, 8, 3, padding=1), third, nn.ConvTranspose2d(8, 8, 4, 2, 1)),
        *(fourth, nn.Conv2d(8, 3, 3, padding=1)),
    )
    for layer in network:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    with torch.no_grad():
        for _ in range(20):
            output = network.train()(torch.randn(100, 10))
        network[-1].weight /= output.std() / 2
    return network.append(nn.Sigmoid())


@pytest.mark.parametrize("seed", range(6))
def test_random_decoders_draw_what_torch_draws_within_a_gray_level(run, seed):
    decoder, z = random_decoder(seed), torch.randn(10, 10)
    y = exact(decoder, z)
    assert y.std() > 0.15, "the comparison needs images of high contrast"
    assert np.abs(run(decoder, z) - y).max() < GRAY_LEVEL


def test_an_encoder_gives_mu_and_logvar(run, z):
    encoder = trained(VAE(NUMBERS, 3, (32,)).encoder[:2], z).append(VAE(32, 3, ()).encoder)
    assert np.allclose(run(encoder, z), exact(encoder, z), atol=1e-2)
