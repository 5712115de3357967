"""DrawDigit in Python: its state, traits and errors. The view: tests/browser."""

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError

from course_utils.models import VAE, Autoencoder, GaussianHead, mlp
from course_utils.theory import elbo
from course_utils.widgets import DrawDigit

CODES, LABELS, ELBOS = torch.randn(20, 2), torch.arange(20) % 10, -torch.rand(30)
IMAGES = torch.rand(3, 784)


def make_vae(latent_dim=2, data_dim=784) -> VAE:
    torch.manual_seed(0)
    return VAE(data_dim, latent_dim, (8,))


def make(vae=None, codes=CODES, labels=LABELS, elbos=ELBOS, **arguments) -> DrawDigit:
    vae = vae or make_vae()
    return DrawDigit(vae.encoder, vae.decoder, codes, labels, elbos, **arguments)


def test_state_holds_both_networks_and_the_points():
    state = make(examples=IMAGES).get_state()
    assert state["encoder"]["layers"][-1] == ["linear", 8, 4]  # μ, then log σ²
    assert state["decoder"]["layers"][0] == ["linear", 2, 8]
    assert np.array_equal(np.frombuffer(state["codes"], "<f4").reshape(20, 2), CODES)
    assert list(state["labels"]) == LABELS.tolist()
    assert np.array_equal(np.frombuffer(state["elbos"], "<f4"), ELBOS)
    sent = np.frombuffer(state["examples"][1], np.uint8)
    assert np.array_equal(sent, (255 * IMAGES[1]).round())


def test_it_starts_with_the_first_example_or_an_empty_page():
    assert torch.equal(make(examples=IMAGES).x, (255 * IMAGES[:1]).round() / 255)
    assert make().x.sum() == 0


def test_pixels_from_the_view_can_be_observed():
    widget, changes = make(), []
    widget.observe(lambda change: changes.append(change["new"]), names="pixels")
    widget.set_state({"pixels": memoryview(bytes([255] * 784))})  # as from the browser
    assert changes == [bytes([255] * 784)]
    assert torch.equal(widget.x, torch.ones(1, 784))


def test_a_drawing_from_the_view_is_not_echoed(monkeypatch):
    """An old echo would erase newer strokes."""
    widget, sent = make(), []
    monkeypatch.setattr(widget, "_send", lambda message, buffers=None: sent.append(message))
    widget.set_state({"pixels": memoryview(bytes([7] * 784))})
    assert sent == []


def test_x_can_be_set_to_an_image():
    widget = make()
    for image in (IMAGES[0], IMAGES[:1], IMAGES[0].view(28, 28)):
        widget.x = image
        assert torch.equal(widget.x, (255 * IMAGES[:1]).round() / 255)
    for image, message in (
        (torch.rand(783), "784 pixels"),
        (2 * IMAGES[0], "in \\[0, 1\\]"),
    ):
        with pytest.raises(ValueError, match=message):
            widget.x = image
    with pytest.raises(TraitError, match="784 bytes"):
        widget.pixels = b"short"


def test_its_numbers_are_those_of_the_model():
    vae = make_vae()
    widget = make(vae, examples=IMAGES)
    mu, logvar = vae.encoder(widget.x)
    assert torch.allclose(widget.mu, mu[0]) and torch.allclose(
        widget.sigma.log() * 2, logvar
    )
    torch.manual_seed(0)
    networks = vae.encoder, vae.decoder
    rate, distortion = elbo.rate_and_distortion(*networks, widget.x, samples=4000)
    many = float(-distortion - rate)
    torch.manual_seed(1)
    single = [elbo.elbo(*networks, widget.x).item() for _ in range(200)]
    # Four standard errors of the mean over 64 draws.
    assert widget.elbo == pytest.approx(many, abs=4 * np.std(single) / 8)


def test_it_does_not_change_when_the_model_is_trained_further():
    vae = make_vae()
    widget = make(vae, examples=IMAGES)
    before = widget.elbo
    nn.init.normal_(vae.decoder[0].weight)
    assert widget.elbo == before


def test_the_draws_are_always_the_same():
    assert make().eps == make().eps


def convolutional(side: int) -> VAE:
    """Of images of side × side, an even number."""
    torch.manual_seed(0)
    vae, half = VAE(4 * side, 2, ()), side // 2
    vae.encoder = nn.Sequential(
        *(nn.Unflatten(1, (1, side, side)), nn.Conv2d(1, 4, 4, 2, 1), nn.SiLU()),
        *(nn.Flatten(), GaussianHead(4 * half * half, 2)),
    )
    vae.decoder = nn.Sequential(
        *(nn.Linear(2, 4 * half * half), nn.ELU(), nn.Unflatten(1, (4, half, half))),
        *(nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Flatten()),
    )
    return vae


def test_drawings_have_the_size_that_the_encoder_reads():
    for vae in (make_vae(data_dim=36), convolutional(6)):
        widget = make(vae, examples=torch.rand(2, 36))
        assert len(widget.pixels) == 36 and widget.x.shape == (1, 36)
        assert widget.picture() and np.isfinite(widget.elbo)
        with pytest.raises(TraitError, match="36 bytes, 6 × 6"):
            widget.pixels = bytes(784)


MODEL = make_vae()
REFUSED = {
    "an autoencoder": (
        lambda: make(Autoencoder(784, 2, (8,))), TypeError, "GaussianHead"),
    "a code of three numbers": (lambda: make(make_vae(3)), ValueError, "has 3"),
    "images that are no squares": (
        lambda: make(make_vae(data_dim=35)), ValueError, "reads 35 numbers"),
    "examples of another size": (
        lambda: make(make_vae(data_dim=36), examples=IMAGES), ValueError, "36 pixels"),
    "an encoder without layers": (lambda: DrawDigit(
        nn.ReLU(), MODEL.decoder, CODES, LABELS, ELBOS), TypeError, "begins with"),
    "a decoder with its sigmoid": (
        lambda: DrawDigit(MODEL.encoder, nn.Sequential(MODEL.decoder, nn.Sigmoid()), CODES,
                          LABELS, ELBOS), ValueError, "ends in sigmoid"),
    "a decoder of other images": (
        lambda: DrawDigit(MODEL.encoder, mlp(2, 9), CODES, LABELS, ELBOS),
        ValueError, "784 logits"),
    "codes without labels": (
        lambda: make(labels=LABELS[:7]), ValueError, "20 codes, labels of shape"),
    "codes that are not numbers": (lambda: make(codes=CODES / 0), ValueError, "infinity"),
    "one ELBO for all": (
        lambda: make(elbos=torch.tensor(-140.0)), ValueError, "of some test digits"),
    "ELBOs that are not numbers": (lambda: make(elbos=ELBOS / 0), ValueError, "infinity"),
    "the same ELBO again and again": (
        lambda: make(elbos=torch.ones(5)), ValueError, "one is needed for each"),
    "examples that are no rows": (
        lambda: make(examples=IMAGES.view(3, 28, 28)), ValueError, "one per row"),
    "examples out of range": (lambda: make(examples=3 * IMAGES), ValueError, "0 is white"),
    "an unknown argument": (lambda: make(half_width=3), TypeError, "half_width"),
}  # fmt: skip


@pytest.mark.parametrize("call, error, message", REFUSED.values(), ids=REFUSED)
def test_invalid_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_it_has_a_static_picture_and_a_stable_repr():
    widget = make(examples=IMAGES)
    assert widget.picture().startswith(b"\x89PNG")
    assert make().picture().startswith(b"\x89PNG"), "also for an empty page"
    assert repr(widget) == "DrawDigit(20 codes, 30 ELBOs, 3 examples)"
