"""Answers for notebook 06: right ones, and wrong ones with a part of the message."""

import math

import torch
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn import functional as F

from course_utils import objectives
from course_utils.exercises import variational_autoencoder


def kl_from_distributions(mu, logvar):
    q = Normal(mu, (0.5 * logvar).exp())
    return kl_divergence(q, Normal(torch.zeros_like(mu), 1.0)).sum(1)


def kl_with_loops(mu, logvar):
    rows = []
    for m, v in zip(mu, logvar):
        rows.append(sum((a * a + b.exp() - b - 1) / 2 for a, b in zip(m, v)))
    return torch.stack(rows)


def kl_of_the_lecture(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - torch.exp(logvar), dim=1)


def kl_of_numbers(mu, logvar):
    rows = zip(mu.tolist(), logvar.tolist())
    terms = [[(a * a + math.exp(b) - b - 1) / 2 for a, b in zip(*row)] for row in rows]
    return torch.tensor([sum(row) for row in terms])


def kl_without_exp(mu, logvar):
    sigma = torch.sqrt(logvar)
    return 0.5 * torch.sum(mu**2 + sigma**2 - torch.log(sigma**2) - 1, dim=1)


def kl_of_one_draw(mu, logvar):
    q = Normal(mu, (logvar / 2).exp())
    z = q.rsample()
    return (q.log_prob(z) - Normal(0.0, 1.0).log_prob(z)).sum(1)


def draw_in_place(mu, logvar):
    z = torch.randn_like(mu)
    z *= logvar.exp().sqrt()
    z += mu
    return z


def draw_from_distributions(mu, logvar):
    return Normal(mu, logvar.exp().sqrt()).rsample()


def plain_draw(mu, logvar):
    return Normal(mu, logvar.exp().sqrt()).sample()


GENERATOR = torch.Generator().manual_seed(1)


def step_in_lines(f, g, optimizer, x):
    mu, logvar = f(x)
    z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
    log_p = -objectives.bernoulli_nll(x, g(z))
    kl = 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1)
    loss = (kl - log_p).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def step_of_the_package(f, g, optimizer, x):
    loss = objectives.vae_loss(f, g, x)["loss"]
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()  # afterwards is as good
    return loss.item()


def step_with_torch(f, g, optimizer, x):
    mu, logvar = f(x)
    z = Normal(mu, logvar.exp().sqrt()).rsample()
    bce = F.binary_cross_entropy(g(z).sigmoid(), x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    loss = (bce + kld) / len(x)
    for group in optimizer.param_groups:
        for weight in group["params"]:
            weight.grad = None
    loss.backward()
    optimizer.step()
    return loss.detach()


def step_with(loss_of):
    """The seven steps with this loss of (x, mu, logvar, g, z)."""

    def step(f, g, optimizer, x):
        mu, logvar = f(x)
        z = objectives.reparameterize(mu, logvar)
        loss = loss_of(x, mu, logvar, g, z)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def without_update(f, g, optimizer, x):
    optimizer.zero_grad()
    loss = objectives.vae_loss(f, g, x)["loss"]
    loss.backward()
    return loss


def without_zero_grad(f, g, optimizer, x):
    loss = objectives.vae_loss(f, g, x)["loss"]
    loss.backward()
    optimizer.step()
    return loss


def without_backward(f, g, optimizer, x):
    optimizer.zero_grad()
    loss = objectives.vae_loss(f, g, x)["loss"]
    optimizer.step()
    return loss


def without_return(f, g, optimizer, x):
    step_in_lines(f, g, optimizer, x)


def blocked(f, g, optimizer, x):
    mu, logvar = f(x)
    recon = objectives.bernoulli_nll(x, g(plain_draw(mu, logvar)))
    loss = (recon + objectives.kl_to_standard_normal(mu, logvar)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def nll(x, logits):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)


def coins_of_torch(x, logits):
    """The same for gray pixels, which torch.distributions must be told to accept."""
    return -Bernoulli(logits=logits, validate_args=False).log_prob(x).sum(1)


kl = objectives.kl_to_standard_normal

RIGHT = {
    variational_autoencoder.check_kl: {
        "package": objectives.kl_to_standard_normal,
        "torch.distributions": kl_from_distributions,
        "loops": kl_with_loops,
        "lecture": kl_of_the_lecture,
    },
    variational_autoencoder.check_reparameterize: {
        "package": objectives.reparameterize,
        "torch.distributions": draw_from_distributions,
        "in place": draw_in_place,
        "shape by hand": lambda mu, logvar: (
            torch.randn(len(mu), mu.shape[1]) * (logvar / 2).exp() + mu
        ),
        "minus": lambda mu, logvar: mu - torch.randn_like(mu) * (logvar / 2).exp(),
        "a generator of its own": lambda mu, logvar: (
            mu + (logvar / 2).exp() * torch.randn(mu.shape, generator=GENERATOR)
        ),
        "axis by axis": lambda mu, logvar: torch.stack(
            [m + s * torch.randn(len(m)) for m, s in zip(mu.T, (logvar / 2).exp().T)], 1
        ),
        "vmap": lambda mu, logvar: torch.vmap(
            lambda m, v: m + (v / 2).exp() * torch.randn_like(m), randomness="different"
        )(mu, logvar),
        "double precision": lambda mu, logvar: draw_from_distributions(
            mu.double(), logvar.double()
        ),
    },
    variational_autoencoder.check_training_step: {
        "a line for each step": step_in_lines,
        "the package's loss, a number": step_of_the_package,
        "torch alone": step_with_torch,
        "torch.distributions": step_with(
            lambda x, mu, logvar, g, z: (
                coins_of_torch(x, g(z)).mean() + kl_from_distributions(mu, logvar).mean()
            )
        ),
    },
}

WRONG = {
    variational_autoencoder.check_kl: {
        "sigma for log sigma²": (
            "not logvar²",
            lambda mu, logvar: 0.5 * (mu**2 + logvar**2 - (logvar**2).log() - 1).sum(1),
        ),
        "σ² squared": (
            "do not square it",
            lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() ** 2 - logvar - 1).sum(1),
        ),
        "root of logvar": ("the root of logvar is not σ", kl_without_exp),
        "root of logvar in σ²": (
            "not σ: σ² is",
            lambda mu, logvar: 0.5 * (mu**2 + torch.sqrt(logvar) ** 2 - 1 - logvar).sum(1),
        ),
        "logvar for σ²": (
            "not σ². It may be negative",
            lambda mu, logvar: 0.5 * (mu**2 + logvar - torch.log(logvar) - 1).sum(1),
        ),
        "logvar for σ": (
            "not σ. It may be negative",
            lambda mu, logvar: (
                0.5 * (mu**2 + logvar**2 - 1).sum(1) - torch.log(logvar).sum(1)
            ),
        ),
        "logarithm of logvar": (
            "no other logarithm",
            lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - torch.log(logvar) - 1).sum(1),
        ),
        "σ for σ²": (
            "has σ where",
            lambda mu, logvar: 0.5 * (mu**2 + torch.exp(0.5 * logvar) - logvar - 1).sum(1),
        ),
        "one draw": ("has a closed form", kl_of_one_draw),
        "mean for sum": (
            "not their mean",
            lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - logvar - 1).mean(1),
        ),
        "lecture without the minus": (
            "never negative",
            lambda mu, logvar: 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1),
        ),
        "numbers without gradient": ("no gradient reaches", kl_of_numbers),
        "detached": ("no gradient reaches", lambda *a: kl_from_distributions(*a).detach()),
        "a tiny constant in the logarithm": (
            "a tiny σ",
            lambda mu, logvar: (
                0.5 * (mu**2 + logvar.exp() - (logvar.exp() + 1e-8).log() - 1).sum(1)
            ),
        ),
        "without the logarithm": (
            "−log σ² is missing",
            lambda mu, logvar: 0.5 * (mu.square() - 1 + logvar.exp()).sum(-1),
        ),
        "forgotten return": ("a return may be missing", lambda mu, logvar: None),
    },
    variational_autoencoder.check_reparameterize: {
        "sample without gradient": ("has no gradient", plain_draw),
        "noise term detached": (
            "cut off from logvar",
            lambda mu, logvar: mu + (torch.randn_like(mu) * (logvar / 2).exp()).detach(),
        ),
        "variance for σ": (
            "the variance, not σ",
            lambda mu, logvar: Normal(mu, logvar.exp()).rsample(),
        ),
        "root of logvar": (
            "the root of logvar is not σ",
            lambda mu, logvar: mu + logvar**0.5 * torch.randn(mu.shape),
        ),
        "root of logvar, torch.distributions": (
            "Normal is σ, and logvar",
            lambda mu, logvar: Normal(loc=mu, scale=torch.sqrt(logvar)).rsample(),
        ),
        "logvar, torch.distributions": (
            "Normal is σ, not log",
            lambda mu, logvar: Normal(mu, logvar).rsample(),
        ),
        "half of the variance": (
            "half the variance",
            lambda mu, logvar: mu + torch.randn_like(mu) * 0.5 * torch.exp(logvar),
        ),
        "no noise": ("ε is missing", lambda mu, logvar: mu + 0 * logvar),
        "a seed inside": (
            "set no seed",
            lambda mu, logvar: (
                mu
                + (logvar / 2).exp()
                * torch.randn(mu.shape, generator=torch.Generator().manual_seed(1))
            ),
        ),
        "uniform noise as wide": (
            "got",
            lambda mu, logvar: (
                mu + (logvar / 2).exp() * (torch.rand_like(mu) - 0.5) * 12**0.5
            ),
        ),
        "sum of all": (
            "σ multiplies ε",
            lambda mu, logvar: mu + (logvar.exp().sqrt() + torch.randn_like(mu)),
        ),
        "numpy array": (
            "expected a tensor",
            lambda mu, logvar: plain_draw(mu, logvar).numpy(),
        ),
        "forgotten return": ("a return may be missing", lambda mu, logvar: None),
    },
    variational_autoencoder.check_training_step: {
        "no KL": (
            "the KL is missing",
            step_with(lambda x, mu, logvar, g, z: nll(x, g(z)).mean()),
        ),
        "mean over pixels": (
            "add up the pixels",
            step_with(
                lambda x, mu, logvar, g, z: (
                    F.binary_cross_entropy_with_logits(g(z), x) + kl(mu, logvar).mean()
                )
            ),
        ),
        "sum over the minibatch": (
            "not the sum",
            step_with(lambda x, mu, logvar, g, z: (nll(x, g(z)) + kl(mu, logvar)).sum()),
        ),
        "KL summed over the minibatch": (
            "not its sum",
            step_with(
                lambda x, mu, logvar, g, z: nll(x, g(z)).mean() + kl(mu, logvar).sum()
            ),
        ),
        "sigmoid twice": (
            "logits already",
            step_with(
                lambda x, mu, logvar, g, z: (nll(x, g(z).sigmoid()) + kl(mu, logvar)).mean()
            ),
        ),
        "ELBO minimized": (
            "less is better",
            step_with(lambda x, mu, logvar, g, z: -(nll(x, g(z)) + kl(mu, logvar)).mean()),
        ),
        "squared error": (
            "not a squared error",
            step_with(
                lambda x, mu, logvar, g, z: (
                    ((x - g(z).sigmoid()) ** 2).sum(1) + kl(mu, logvar)
                ).mean()
            ),
        ),
        "without noise": (
            "the noise ε is missing",
            step_with(lambda x, mu, logvar, g, z: (nll(x, g(mu)) + kl(mu, logvar)).mean()),
        ),
        "root of logvar": (
            "step 3: the root of logvar",
            step_with(
                lambda x, mu, logvar, g, z: (
                    nll(x, g(mu + logvar.sqrt() * (z - mu) / (logvar / 2).exp()))
                    + kl(mu, logvar)
                ).mean()
            ),
        ),
        "logits for probabilities": (
            "g gives logits: take a sigmoid",
            step_with(
                lambda x, mu, logvar, g, z: (
                    F.binary_cross_entropy(g(z), x, reduction="sum") / len(x)
                    + kl(mu, logvar).mean()
                )
            ),
        ),
        "KL of the draw": (
            "closed form",
            step_with(
                lambda x, mu, logvar, g, z: (
                    nll(x, g(z))
                    + Normal(mu, logvar.exp().sqrt()).log_prob(z).sum(1)
                    - Normal(0.0, 1.0).log_prob(z).sum(1)
                ).mean()
            ),
        ),
        "plain sample": ("is blocked, as by sample()", blocked),
        "no update": ("nothing is updated", without_update),
        "no zero_grad": ("zero_grad() is missing", without_zero_grad),
        "minus": (
            "write μ + σε",
            step_with(
                lambda x, mu, logvar, g, z: (nll(x, g(2 * mu - z)) + kl(mu, logvar)).mean()
            ),
        ),
        "no backward": ("nothing is updated", without_backward),
        "forgotten return": ("a return may be missing", without_return),
    },
}
