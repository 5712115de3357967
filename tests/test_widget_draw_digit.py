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
    assert np.frombuffer(state["labels"], "<u2").tolist() == LABELS.tolist()
    assert state["classes"] == list("0123456789") and state["shape"] == [28, 28]
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
    one = IMAGES[0].view(28, 28)
    for image in (IMAGES[0], IMAGES[:1], one, one[None], one[None, None]):
        widget.x = image
        assert torch.equal(widget.x, (255 * IMAGES[:1]).round() / 255)
    for image, message in (
        (torch.rand(783), "28 × 28 pixels"),
        (torch.rand(14, 56), "28 × 28 pixels"),
        (torch.tensor(0.5), "28 × 28 pixels"),
        (2 * IMAGES[0], "in \\[0, 1\\]"),
    ):
        with pytest.raises(ValueError, match=message):
            widget.x = image
    with pytest.raises(TraitError, match="784 bytes"):
        widget.pixels = b"short"


@pytest.mark.slow
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


def convolutional(height: int, width: int, *read: int) -> VAE:
    """Of images whose sides are even; ``read`` are those of its Unflatten."""
    torch.manual_seed(0)
    vae, small = VAE(height * width, 2, ()), (4, height // 2, width // 2)
    n = height * width  # 4 channels, of a quarter of the pixels each
    vae.encoder = nn.Sequential(
        *(nn.Unflatten(1, (1, *(read or (height, width)))), nn.Conv2d(1, 4, 4, 2, 1)),
        *(nn.SiLU(), nn.Flatten(), GaussianHead(n, 2)),
    )
    vae.decoder = nn.Sequential(
        *(nn.Linear(2, n), nn.ELU(), nn.Unflatten(1, small)),
        *(nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Flatten()),
    )
    return vae


@pytest.mark.slow
@pytest.mark.parametrize(
    "vae, size, shape",
    [
        (make_vae(data_dim=36), None, [6, 6]),
        (make_vae(data_dim=24), (4, 6), [4, 6]),
        (make_vae(data_dim=24), (1, 4, 6), [4, 6]),
        (convolutional(4, 6), None, [4, 6]),
        (convolutional(4, 6), (4, 6), [4, 6]),
        (convolutional(4, 6, 4, -1), None, [4, 6]),  # torch computes 6 from 24
        (convolutional(4, 6, -1, 6), (4, 6), [4, 6]),
    ],
)
def test_drawings_have_the_size_that_the_encoder_reads(vae, size, shape):
    n = shape[0] * shape[1]
    for images in (torch.rand(2, n), torch.rand(2, *shape), torch.rand(2, 1, *shape)):
        widget = make(vae, shape=size, examples=images)
        assert widget.shape == shape and widget.x.shape == (1, n)
        levels = (255 * images[0].flatten()).round() / 255
        assert torch.equal(widget.x[0], levels)
    assert widget.picture() and np.isfinite(widget.elbo)
    with pytest.raises(TraitError, match=f"{n} bytes, {shape[0]} × {shape[1]}"):
        widget.pixels = bytes(784)


def test_classes_have_names_and_may_be_many():
    names = ["circle", "ring", "square"]
    widget = make(labels=LABELS % 3, names=names)
    assert widget.classes == names and widget.picture()
    assert make(labels=[names[i % 3] for i in range(20)]).classes == names
    many = make(labels=torch.arange(20))
    assert np.frombuffer(many.labels, "<u2").tolist() == list(range(20))
    assert many.colors[12] == many.colors[2] and many.markers[12] != many.markers[2]


def test_only_digits_of_the_size_of_mnist_are_taken_for_mnist_s():
    assert make().digits and make(make_vae(data_dim=196)).digits
    assert not make(make_vae(data_dim=36)).digits, "of another size"
    assert not make(labels=LABELS % 2, names=["shirt", "shoe"]).digits
    assert not make(labels=torch.arange(20)).digits, "twenty classes"


def in_color() -> VAE:
    vae = make_vae(data_dim=48)
    vae.encoder = nn.Sequential(nn.Unflatten(1, (3, 4, 4)), nn.Flatten(), *vae.encoder)
    return vae


MODEL = make_vae()
REFUSED = {
    "an autoencoder": (
        lambda: make(Autoencoder(784, 2, (8,))), TypeError, "GaussianHead"),
    "a code of three numbers": (lambda: make(make_vae(3)), ValueError, "has 3"),
    "images that are no squares": (
        lambda: make(make_vae(data_dim=35)), ValueError, "35 numbers is no square"),
    "a shape of another size": (
        lambda: make(shape=(28, 29)), ValueError, "of 784 numbers together"),
    "another shape than the encoder's": (
        lambda: make(convolutional(4, 6), shape=(6, 4)), ValueError, "shape is"),
    "a shape in color": (
        lambda: make(make_vae(data_dim=48), shape=(3, 4, 4)), ValueError, "gray images"),
    "an encoder in color": (
        lambda: make(in_color()), ValueError, "gray images only"),
    "sides that do not fit the decoder": (
        lambda: make(convolutional(4, 6, 5, -1)), ValueError, "as the decoder makes them"),
    "examples of another size": (
        lambda: make(make_vae(data_dim=36), examples=IMAGES), ValueError, "6 × 6 pixels"),
    "examples that lie on their side": (
        lambda: make(convolutional(4, 6), examples=torch.rand(2, 6, 4)), ValueError,
        "4 × 6 pixels"),
    "examples in color": (
        lambda: make(examples=torch.rand(2, 3, 28, 28)), ValueError, "gray images of 28"),
    "a label without a name": (lambda: make(names=["a", "b"]), ValueError, "label 9"),
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
        lambda: make(elbos=torch.tensor(-140.0)), ValueError, "of some test images"),
    "ELBOs that are not numbers": (lambda: make(elbos=ELBOS / 0), ValueError, "infinity"),
    "the same ELBO again and again": (
        lambda: make(elbos=torch.ones(5)), ValueError, "one is needed for each"),
    "a single example": (
        lambda: make(examples=IMAGES[0]), ValueError, r"in rows \(n, 784\)"),
    "examples out of range": (lambda: make(examples=3 * IMAGES), ValueError, "0 is white"),
    "an unknown argument": (lambda: make(half_width=3), TypeError, "half_width"),
}  # fmt: skip


@pytest.mark.parametrize("call, error, message", REFUSED.values(), ids=REFUSED)
def test_invalid_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.slow
def test_it_has_a_static_picture_and_a_stable_repr():
    widget = make(examples=IMAGES)
    assert widget.picture().startswith(b"\x89PNG")
    assert make().picture().startswith(b"\x89PNG"), "also for an empty page"
    assert repr(widget) == "DrawDigit(20 codes, 30 ELBOs, 3 examples)"
