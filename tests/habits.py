"""How others write models, objectives, likelihoods, decoders and labels: a line each.

Each line ends with what must come of it: RIGHT, or a part of the sentence that refuses it.
``tests/test_habits.py`` runs them through the public functions and checks right results
against computations of its own. To add a habit, add a line; if it needs a class or a
function, write that above its table.
"""

import math
from functools import partial

import torch
from torch import nn
from torch.distributions import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    Independent,
    Laplace,
    MultivariateNormal,
    Normal,
    Poisson,
)
from torch.nn import functional as F

from course_utils.models import VAE, Autoencoder, GaussianHead
from course_utils.objectives import (
    ae_loss,
    bernoulli_nll,
    gaussian_nll,
    kl_to_standard_normal,
    reparameterize,
    vae_loss,
)

RIGHT = "right"
N, D, K, CLASSES = 101, 16, 2, 10  # batches of 50: the last one is a single row
LABELS = torch.arange(N) % CLASSES


class compiled(partial):
    """A model to be compiled when a test asks for it."""

    def __new__(cls, model):
        return super().__new__(cls, torch.compile, model, backend="eager")


# --- models with their objectives, for images (N, D), or (images, labels) -------------


def parts(encoder, decoder):
    model = nn.Module()
    model.encoder, model.decoder = encoder, decoder
    return model


def decoder(*layers, last=()):
    return nn.Sequential(nn.Linear(K, 8), *layers, nn.ReLU(), nn.Linear(8, D), *last)


def inserted(layer, model=None):
    """A model with another layer behind the first one of its encoder."""
    model = model or Autoencoder(D, K, (8,))
    model.encoder.insert(1, layer)
    return model


class EncodeDecode(nn.Module):
    """As in pytorch/examples; its Dropout has no layer."""

    def __init__(self):
        super().__init__()
        self.e, self.d = nn.Linear(D, 2 * K), nn.Linear(K, D)

    def encode(self, x):
        return F.dropout(self.e(x), 0.5, self.training).chunk(2, 1)

    def decode(self, z):
        return self.d(z)


class Methods(EncodeDecode):
    def encoder(self, x):
        return self.encode(x)

    def decoder(self, z):
        return self.decode(z)


class Wrapper(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model


class LabelFirst(nn.Module):
    """The layer that is registered first is not the first that is run."""

    def __init__(self):
        super().__init__()
        self.label, self.body = nn.Linear(10, 4), nn.Linear(D, K)

    def forward(self, x):
        return self.body(x)


class Returns(nn.Module):
    """An encoder whose output has another form."""

    def __init__(self, form):
        super().__init__()
        self.inner, self.form = nn.Linear(D, 2 * K), form

    def forward(self, x):
        return self.form(*self.inner(x).chunk(2, 1))


class Noise(nn.Module):
    """A layer of one's own that looks at its mode."""

    def forward(self, x):
        return x + torch.randn_like(x) if self.training else x


class OneHot(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(CLASSES * D, 1)

    def forward(self, codes):
        return self.linear(F.one_hot(codes, CLASSES).flatten(1).float())


def conditional():
    return parts(
        nn.Sequential(nn.Linear(D + CLASSES, 8), nn.ReLU(), GaussianHead(8, K)),
        nn.Sequential(nn.Linear(K + CLASSES, 8), nn.ReLU(), nn.Linear(8, D)),
    )


def conditional_loss(f, g, x, y):
    y = F.one_hot(y, CLASSES).float()
    mu, logvar = f(torch.cat([x, y], 1))
    recon = bernoulli_nll(x, g(torch.cat([reparameterize(mu, logvar), y], 1))).mean()
    kl = kl_to_standard_normal(mu, logvar).mean()
    return {"loss": recon + kl, "recon": recon, "kl": kl}


def tied():
    model = Autoencoder(D, K, ())
    model.decoder[0].weight = nn.Parameter(model.encoder[0].weight.T)
    return model


def frozen(model, part=None):
    (getattr(model, part) if part else model).requires_grad_(False)
    return model


def frozen_norm():
    model = inserted(nn.BatchNorm1d(8))
    model.encoder[1].eval()
    return model


def errors(f, g, x):
    return (x - g(f(x))).square().sum(1)


def with_sigmoid(f, g, x):
    bce = F.binary_cross_entropy_with_logits(g(f(x)).sigmoid().view_as(x), x)
    return {"loss": bce}


def classification(model, x, y):
    return {"loss": F.cross_entropy(model(x), y)}


images = torch.Generator().manual_seed(0)
X = torch.rand(N, D, generator=images)
PAIR = X, LABELS

# name: (model, objective, data, what comes of it)
TRAINED = {
    "an autoencoder": (Autoencoder(D, K), ae_loss, X, RIGHT),
    "a VAE": (VAE(D, K), vae_loss, X, RIGHT),
    "BatchNorm": (inserted(nn.BatchNorm1d(8)), ae_loss, X, RIGHT),
    "BatchNorm, frozen": (frozen_norm(), ae_loss, X, RIGHT),
    "Dropout": (inserted(nn.Dropout(0.5)), ae_loss, X, RIGHT),
    "a noise layer": (inserted(Noise()), ae_loss, X, RIGHT),
    "DataParallel": (nn.DataParallel(Autoencoder(D, K)), ae_loss, X, RIGHT),
    "torch.compile": (compiled(VAE(D, K)), vae_loss, X, RIGHT),
    "encode and decode": (EncodeDecode(), vae_loss, X, RIGHT),
    "encode, objective of the model": (
        EncodeDecode(), lambda model, x: vae_loss(model.encode, model.decode, x), X, RIGHT),
    "an encoder that is a method": (Methods(), vae_loss, X, RIGHT),
    "another first layer": (parts(LabelFirst(), nn.Linear(K, D)), ae_loss, X, RIGHT),
    "lazy layers": (parts(nn.LazyLinear(K), nn.LazyLinear(D)), ae_loss, X, RIGHT),
    "tied weights": (tied(), ae_loss, X, RIGHT),
    "a frozen decoder": (frozen(VAE(D, K), "decoder"), vae_loss, X, RIGHT),
    "a conditional VAE": (conditional(), conditional_loss, PAIR, RIGHT),
    "a list of mu and logvar": (
        parts(Returns(lambda *q: [*q]), nn.Linear(K, D)), vae_loss, X, RIGHT),
    "a classifier": (nn.Linear(D, CLASSES), classification, PAIR, RIGHT),
    "whole numbers": (
        OneHot(), lambda model, x: {"loss": model(x).square().mean()},
        (10 * X).long(), RIGHT),
    "data that require a gradient": (
        Autoencoder(D, K), ae_loss, X.clone().requires_grad_(), RIGHT),
    "a model inside of another": (
        Wrapper(Autoencoder(D, K)), ae_loss, X, "no encoder and decoder.*ae_loss"),
    "all frozen": (frozen(Autoencoder(D, K)), ae_loss, X, "weights are frozen"),
    "no weights": (parts(nn.Identity(), nn.Identity()), ae_loss, X, "no weights"),
    "a class": (Autoencoder, ae_loss, X, "must be a model.*is Autoencoder"),
    "exchanged": (ae_loss, Autoencoder(D, K), X, "must be a model.*is ae_loss"),
    "a function as model": (lambda x: x, ae_loss, X, "must be a model"),
    "an objective that was called": (
        Autoencoder(D, K), {"loss": torch.ones(())}, X, "must be a function.*not dict"),
    "the class of a loss": (Autoencoder(D, K), nn.MSELoss, X, "must be a function"),
    "a loss of torch": (Autoencoder(D, K), nn.MSELoss(), X, "decoder, batch. failed"),
    "a VAE's loss": (Autoencoder(D, K), vae_loss, X, r"gives \(50, 2\) float32"),
    "an autoencoder's loss": (VAE(D, K), ae_loss, X, r"gives \(50, 2\).* and \(50, 2\)"),
    "labels that are not wanted": (Autoencoder(D, K), ae_loss, PAIR, "too many"),
    "a weight that is not given": (
        Autoencoder(D, K), lambda f, g, x, lam: ae_loss(f, g, x), X, "argument.*'lam'"),
    "a number": (
        Autoencoder(D, K), lambda *a: errors(*a).mean(), X, "returns named terms"),
    "no loss": (
        Autoencoder(D, K), lambda *a: {"recon": errors(*a).mean()}, X, 'no "loss"'),
    "no terms": (Autoencoder(D, K), lambda *a: {}, X, "returns named terms"),
    "one loss a row": (
        Autoencoder(D, K), lambda *a: {"loss": errors(*a)}, X, r"\(\), not \(50,\)"),
    "a loss in a list of one": (
        Autoencoder(D, K), lambda *a: {"loss": errors(*a).mean()[None]}, X, r"not \(1,\)"),
    "a loss and its parts": (
        Autoencoder(D, K), lambda *a: (errors(*a).mean(), 0), X, "returns named terms"),
    "a float among the terms": (
        Autoencoder(D, K), lambda *a: {"loss": errors(*a).mean(), "b": 0.5}, X, '"b"'),
    "a loss by item": (
        Autoencoder(D, K), lambda *a: {"loss": errors(*a).mean().item()}, X, "not float"),
    "a detached loss": (
        Autoencoder(D, K), lambda *a: {"loss": errors(*a).mean().detach()}, X, "gradient"),
    "a typing error": (
        Autoencoder(D, K), lambda f, g, x: {"loss": x.meann()}, X, "no attribute 'meann'"),
    "a Normal from the encoder": (
        parts(Returns(lambda m, s: Normal(m, s.exp())), nn.Linear(K, D)), vae_loss, X,
        "The encoder gives Normal"),
    "a dict from the encoder": (
        parts(Returns(lambda m, s: {"mu": m, "logvar": s}), nn.Linear(K, D)), vae_loss, X,
        "The encoder gives dict"),
    "a sigmoid before logits": (VAE(D, K), lambda f, g, x: vae_loss(
        f, lambda z: g(z).sigmoid(), x), X, "sigmoid comes before"),
    "a Sigmoid layer before logits": (
        parts(VAE(D, K).encoder, decoder(last=[nn.Sigmoid(), nn.Flatten()])),
        vae_loss, X, "sigmoid comes before"),
    "a sigmoid in an objective of one's own": (
        Autoencoder(D, K), with_sigmoid, X, "sigmoid comes before"),
    "a softmax before cross entropy": (
        nn.Sequential(nn.Linear(D, CLASSES), nn.Softmax(1)), classification, PAIR,
        "softmax comes before"),
    "another width": (parts(nn.Linear(9, K), nn.Linear(K, D)), ae_loss, X, "50x16"),
    "sparse data": (Autoencoder(D, K), ae_loss, X.to_sparse(), "dense.*to_dense"),
    "complex numbers": (Autoencoder(D, K), ae_loss, X + 0j, "real numbers"),
    "bytes": (parts(nn.Linear(D, K), nn.Linear(K, D)), ae_loss, X.byte(), "data.float"),
    "float64": (parts(nn.Linear(D, K), nn.Linear(K, D)), ae_loss, X.double(), "float64"),
}  # fmt: skip

# --- encoders, for elbo and the like --------------------------------------------------

ENCODERS = {
    "mu, logvar": (lambda m, s: (m, s), RIGHT),
    "a list": (lambda m, s: [m, s], RIGHT),
    "one tensor": (lambda m, s: m, r"must return mu and logvar.* not \(5, 2\)"),
    "a Normal": (lambda m, s: Normal(m, s.exp()), "not Normal"),
    "a dict": (lambda m, s: {"mu": m, "logvar": s}, "not dict"),
    "mu, logvar and features": (lambda m, s: (m, s, m), "must return mu and logvar"),
    "logvar of another shape": (lambda m, s: (m, s[:, :1]), "same shape"),
    "mu of one row": (lambda m, s: (m[:1], s[:1]), "a row for each of x"),
}

# --- likelihoods: x (B, D), decoder output (B, D) -> (B,), nats -----------------------


def by(distribution, reduce=lambda nats: nats.sum(1)):
    return lambda x, output: reduce(-distribution(output).log_prob(x))


STRICT = {"validate_args": True}  # the default, which torch.compile turns off
HALF = partial(Normal, scale=0.5)
BINARY = torch.randint(2, (5, D), generator=images).float()

# name: (nll, what comes of it in the ELBO, and in log p(x) on a lattice)
LIKELIHOODS = {
    "ours": (bernoulli_nll, RIGHT, RIGHT),
    "ours, Gaussian": (gaussian_nll, RIGHT, RIGHT),
    "Bernoulli": (by(lambda h: Bernoulli(logits=h, **STRICT)), RIGHT, RIGHT),
    "Bernoulli of probabilities": (by(lambda h: Bernoulli(h.sigmoid())), RIGHT, RIGHT),
    "ContinuousBernoulli": (by(lambda h: ContinuousBernoulli(logits=h)), RIGHT, RIGHT),
    "Normal": (by(HALF), RIGHT, RIGHT),
    "Independent": (
        by(lambda h: Independent(HALF(h), 1), torch.clone), RIGHT, RIGHT),
    "MultivariateNormal": (
        by(lambda h: MultivariateNormal(h, torch.eye(D)), torch.clone), RIGHT, RIGHT),
    "Poisson": (by(lambda h: Poisson(h.exp(), **STRICT)), RIGHT, RIGHT),
    "Laplace": (by(lambda h: Laplace(h, 1.0)), RIGHT, "linear in x"),
    "not summed": (by(HALF, lambda nats: nats), *["a number for each row"] * 2),
    "a mean": (by(HALF, torch.mean), *["a number for each row"] * 2),
    "a sum of all": (by(HALF, torch.sum), *["a number for each row"] * 2),
    "a sum of the wrong kind": (by(HALF, lambda nats: nats.sum(0)), *["for each row"] * 2),
    "another shape": (lambda x, h: bernoulli_nll(x, h[:, 1:]), *["same shape"] * 2),
    "a sigmoid too many": (lambda x, h: bernoulli_nll(x, h.sigmoid()), *["a sigmoid"] * 2),
    "classes of the pixels": (
        lambda x, h: -Categorical(logits=h).log_prob(x.argmax(1)), RIGHT, "linear in x"
    ),
    "a float": (lambda x, h: 1.0, *["it gives float"] * 2),
}  # fmt: skip

# --- decoders: z (B, K) -> (B, D) -----------------------------------------------------


class Residual(nn.Sequential):
    def forward(self, h):
        return h + super().forward(h)


def hooked():
    g = decoder()
    g[0].register_forward_hook(lambda layer, inputs, output: 2 * output)
    return g


normalized = decoder(nn.BatchNorm1d(8))
dropped = decoder(nn.Dropout(0.5))

# name: (decoder, what comes of it as logits, in log p(x), and in the browser: "has …" is
# why the kernel decodes)
DECODERS = {
    "layers": (decoder(), RIGHT, RIGHT),
    "Dropout": (dropped, RIGHT, RIGHT),
    "Identity and Flatten": (decoder(nn.Identity(), nn.Flatten()), RIGHT, RIGHT),
    "BatchNorm": (normalized, RIGHT, RIGHT),
    "a noise layer": (decoder(Noise()), RIGHT, "has Noise"),
    "a Sequential of one's own": (
        decoder(Residual(nn.Linear(8, 8))),
        RIGHT,
        "has Residual",
    ),
    "a hook": (hooked(), RIGHT, "has Linear with a forward hook"),
    "a function": (lambda z: dropped(z).mul(2), RIGHT, "has function"),
    "a method": (EncodeDecode().decode, RIGHT, "has method"),
    "compiled": (compiled(decoder()), RIGHT, "has OptimizedModule"),
    "a compiled function": (compiled(lambda z: dropped(z)), RIGHT, "has function"),
    "a Sigmoid": (decoder(last=[nn.Sigmoid()]), "a sigmoid comes before", RIGHT),
    "an image": (
        decoder(last=[nn.Unflatten(1, (1, 4, 4))]),
        r"\(3, 1, 4, 4\)",
        RIGHT,
    ),
    "another code": (nn.Linear(3, D), "codes of 2 numbers.* failed", "2 inputs"),
    "another width": (nn.Linear(K, 9), "same length.*16, 9", RIGHT),
    "a pair": (
        lambda z: (dropped(z), dropped(z)), "tensor, not tuple", "return an image for"),
}  # fmt: skip

# --- labels of codes, and codes -------------------------------------------------------

# name: (labels, what comes of it in plots and in widgets)
COLORED = {
    "digits": ([0, 9, 3, 3], RIGHT),
    "floats": (torch.tensor([0.0, 9.0, 3.0, 3.0]), RIGHT),
    "eleven classes": ([0, 9, 10, 3], RIGHT),
    "large numbers": ([1900, 2000, 10**9, 3], RIGHT),
    "no class": ([0, -1, 3, 3], "whole numbers from 0"),
    "halves": ([0, 0.5, 3, 3], "whole numbers from 0"),
    "NaN": ([0, math.nan, 3, 3], "whole numbers from 0"),
    "words": (["cat", "dog", "cat", "dog"], RIGHT),
    "one-hot": (torch.eye(4), r"shape \(4, 4\)"),
    "too few": ([0, 1], "4 codes"),
}

# --- what plots are given -------------------------------------------------------------

NAN = [1.0, math.nan, 2.0]
RECORD = {"epoch": 1, "loss": 0.5}
XY = {"xlabel": "x", "ylabel": "y"}
CLOUD = torch.randn(4, 2)

# name: (plot, arguments, named ones, part of the sentence)
PLOTTED = {
    "images of several sizes": ("image_rows", [{"x": [[1, 2], [3]]}], {}, "same length"),
    "words as images": ("image_rows", [{"x": [["a", "b"]]}], {}, "numbers, not words"),
    "None as images": ("image_rows", [{"x": None}], {}, "numbers, not NoneType"),
    "complex images": ("image_grids", [{"x": X + 0j}], {}, "numbers, not complex"),
    "one number": ("bars", [{"a": 3}], XY, "'a' must be a list of numbers"),
    "no numbers": ("histograms", [{"a": []}], {"xlabel": "x"}, "'a' must be a list"),
    "NaN": ("histograms", [{"a": NAN}], {"xlabel": "x"}, "'a' has NaN or infinity"),
    "a logarithm of 0": (
        "histograms", [{"a": [0, 1]}], {"xlabel": "x", "log_x": True}, "must be > 0"),
    "a bar of NaN": ("named_bars", [{"a": {"b": math.nan}}], {"xlabel": "x"}, "bars must"),
    "curves of two lengths": ("curves", [[1, 2, 3], {"a": [1, 2]}], XY, "3 entries"),
    "a record alone": ("history", [RECORD], {"ylabel": "y"}, "what fit returns"),
    "losses alone": ("history", [[0.5, 0.4]], {"ylabel": "y"}, "what fit returns"),
    "a record without a term": (
        "history", [[RECORD, {"epoch": 2}]], {"ylabel": "y"}, "have no loss"),
    "a word as box": (
        "latent_plane", [CLOUD, [0] * 4], {"half_width": "5"}, "half_width must be"),
    "two boxes": ("clouds", [{"a": CLOUD}], {"half_width": (1, 5)}, "half_width must be"),
    "no box": ("digit_grid", [X[:4]], {"half_width": None}, "half_width must be a number"),
    "NaN among the codes": (
        "latent_plane", [CLOUD * math.nan, [0] * 4], {}, "codes contain NaN"),
    "a single image of a lattice": ("digit_grid", [X[:1]], {"half_width": 1}, "n >= 2"),
    "codes of other images": ("code_bars", [X[:3], X[:2], X[:3]], {}, "have 3 entries"),
}  # fmt: skip
