"""The generative adversarial network: a generator, and a discriminator trained against it.

    z ~ N(0, I)  (B, K)  --generator-->      x̃ (B, D)
    x or x̃       (B, D)  --discriminator-->  logit (B,)

Source: Goodfellow et al. (2014).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils._training_checks import check_training, warn_of_eval_mode
from course_utils._validation import check_count, described, in_words
from course_utils.models import check_input, mlp, to_images
from course_utils.modes import measure
from course_utils.objectives import Terms
from course_utils.training import Record, adam, shuffled_epochs

Discriminator = Callable[[Tensor], Tensor]


def discriminator_loss(d: Discriminator, x: Tensor, fake: Tensor) -> Tensor:
    """−E log D(x) − E log(1 − D(x̃)), with D = sigmoid(d).  (B, D), (B, D) -> (), nats

    2 log 2 for D = ½ everywhere, 0 for a D that is always right. At the best D it is
    2 log 2 − 2 JSD(data ‖ generator).
    Source: Goodfellow et al. (2014), equation 1 and theorem 1.
    """
    return F.softplus(-d(x)).mean() + F.softplus(d(fake)).mean()


def generator_loss(d: Discriminator, fake: Tensor) -> Tensor:
    """−E log D(x̃), with D = sigmoid(d), the non-saturating loss.  (B, D) -> (), nats

    The minimax loss E log(1 − D(x̃)) has hardly any gradient where D(x̃) ≈ 0; this one has.
    Source: Goodfellow et al. (2014), section 3.
    """
    return F.softplus(-d(fake)).mean()


class GAN(nn.Module):
    """A generator (B, K) -> (B, D) and a discriminator (B, D) -> logits (B,)."""

    def __init__(
        self, latent_dim: int, generator: nn.Module, discriminator: nn.Module
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.generator = generator
        self.discriminator = discriminator

    def noise(self, n: int) -> Tensor:
        """n draws z ~ N(0, I).  -> (n, K)"""
        check_count("n", n)
        return torch.randn(n, self.latent_dim, device=next(self.parameters()).device)

    @measure
    def sample(self, n: int) -> Tensor:
        """n new data points, in eval mode.  -> (n, D)"""
        return self.generator(self.noise(n))


def mlp_gan(
    data_dim: int,
    latent_dim: int,
    hidden: Sequence[int] = (128, 128),
    *,
    last: nn.Module | None = None,
) -> GAN:
    """Two MLPs. ``last`` bounds the generator's output, as ``nn.Sigmoid()`` for pixels."""
    generator = nn.Sequential(mlp(latent_dim, *hidden, data_dim), last or nn.Identity())
    discriminator = nn.Sequential(mlp(data_dim, *reversed(hidden), 1), nn.Flatten(0))
    return GAN(latent_dim, generator, discriminator)


def conv_gan() -> GAN:
    """Two convolutional networks for 28 × 28 digits, with maps of 14 × 14 and 7 × 7.

    Source: Radford, Metz & Chintala (2016).
    """
    latent_dim, fine, coarse = 32, 32, 64  # the last two: channels at 14 × 14 and 7 × 7
    generator = nn.Sequential(
        check_input(nn.Linear(latent_dim, coarse * 49, bias=False)),
        nn.Unflatten(1, (coarse, 7, 7)),
        nn.BatchNorm2d(coarse),
        nn.ReLU(),
        nn.ConvTranspose2d(coarse, fine, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(fine),
        nn.ReLU(),
        nn.ConvTranspose2d(fine, 1, 4, stride=2, padding=1),
        nn.Sigmoid(),
        nn.Flatten(),
    )
    discriminator = nn.Sequential(
        to_images(28),
        check_input(nn.Conv2d(1, fine, 4, stride=2, padding=1)),
        nn.LeakyReLU(0.2),
        nn.Conv2d(fine, coarse, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(coarse),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Dropout(0.3),  # keeps the discriminator from memorizing the training set
        nn.Linear(coarse * 49, 1),
        nn.Flatten(0),
    )
    return GAN(latent_dim, generator, discriminator)


def adversarial_epochs(
    gan: GAN, data: Tensor, *, epochs: int, batch_size: int = 128, lr: float = 1e-3
) -> Iterator[Record]:
    """Train both networks on the same batches, yielding their mean losses after each epoch.

    data (N, D) float. The paper alternates k steps of the discriminator with one of the
    generator; here both step at once, on the same batch. Two Adams with β₁ = ½ and a
    constant rate, since each network is a moving target for the other. Errors and the stop
    button as in ``training_epochs``.
    Source: Goodfellow et al. (2014), algorithm 1; Radford et al. (2016) for Adam's β₁.
    """
    (x,) = check_training(gan.discriminator, data, epochs, batch_size, lr)
    warn_of_eval_mode(gan)
    generator_optimizer, discriminator_optimizer = (
        adam(network.parameters(), lr=lr, betas=(0.5, 0.999))
        for network in (gan.generator, gan.discriminator)
    )

    def losses(x: Tensor) -> Terms:
        with in_words(f"a step, for x of {described(x)},"):
            fake = gan.generator(gan.noise(len(x)))
            return {
                "generator": generator_loss(gan.discriminator, fake),
                "discriminator": discriminator_loss(gan.discriminator, x, fake.detach()),
            }

    def update(terms: Terms) -> None:
        generator_optimizer.zero_grad()
        terms["generator"].backward()
        discriminator_optimizer.zero_grad()  # the generator's loss added gradients here
        terms["discriminator"].backward()
        generator_optimizer.step()
        discriminator_optimizer.step()

    return shuffled_epochs(losses, update, (x,), epochs, batch_size)
