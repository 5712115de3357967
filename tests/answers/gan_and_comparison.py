"""Answers for notebook 13: right ones, and wrong ones with a part of the message."""

import math

import torch

from course_utils.exercises import gan_and_comparison as gan_exercises

RIGHT = {
    gan_exercises.check_best_reply: {
        "densities": math.exp(-1.125) / (math.exp(-1.125) + math.exp(-0.125)),
        "sigmoid of the logit": torch.sigmoid(torch.tensor(2 - 2 * 1.5)),
        "rounded": 0.269,
        "two digits": 0.27,
    },
    gan_exercises.check_discriminator_loss: {
        "softplus": lambda real, fake: (
            torch.nn.functional.softplus(-real).mean()
            + torch.nn.functional.softplus(fake).mean()
        ),
        "logsigmoid": lambda real, fake: (
            -torch.nn.functional.logsigmoid(real).mean()
            - torch.nn.functional.logsigmoid(-fake).mean()
        ),
        "cross entropy": lambda real, fake: sum(
            torch.nn.functional.binary_cross_entropy_with_logits(d, torch.full_like(d, y))
            for d, y in ((real, 1.0), (fake, 0.0))
        ),
        "cross entropy of two classes": lambda real, fake: sum(
            -torch.stack([torch.zeros_like(d), d]).log_softmax(0)[y].mean()
            for d, y in ((real, 1), (fake, 0))
        ),
        "float64": lambda real, fake: (
            torch.nn.functional.softplus(-real.double()).mean()
            + torch.nn.functional.softplus(fake.double()).mean()
        ),
        "logaddexp": lambda real, fake: (
            torch.logaddexp(torch.zeros_like(real), -real).mean()
            + torch.logaddexp(torch.zeros_like(fake), fake).mean()
        ),
    },
}

WRONG = {
    gan_exercises.check_best_reply: {
        "quotient": ("share of their sum", 0.3679),
        "no square": ("squares", 0.3775),
        "a guess": ("It is not 0.2", 0.2),
    },
    gan_exercises.check_discriminator_loss: {
        "both batches as one": (
            "batches of the same size",
            lambda real, fake: (
                2 * torch.nn.functional.softplus(torch.cat([-real, fake])).mean()
            ),
        ),
        "sigmoid of the negative": (
            "sigmoid of −150 is 0",
            lambda real, fake: (
                -real.sigmoid().log().mean() - (-fake).sigmoid().log().mean()
            ),
        ),
        "overflow": (
            "is infinite",
            lambda real, fake: (
                -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
            ),
        ),
        "a sigmoid by hand": (
            "1 / (1 + exp(−d)) rounds",
            lambda real, fake: (
                -(1 / (1 + (-real).exp())).log().mean()
                - (1 - 1 / (1 + (-fake).exp())).log().mean()
            ),
        ),
        "binary cross entropy of probabilities": (
            "replaces a logarithm by −100",
            lambda real, fake: sum(
                torch.nn.functional.binary_cross_entropy(d.sigmoid(), torch.full_like(d, y))
                for d, y in ((real, 1.0), (fake, 0.0))
            ),
        ),
        "exp of a logit": (
            "exp of a large logit",
            lambda real, fake: (
                torch.log1p(torch.exp(-real)).mean() + torch.log1p(fake.exp()).mean()
            ),
        ),
        "right values, gradients of nan": (
            "data, up to ±170: expected",
            lambda real, fake: (
                torch.where(real < -40, -real, torch.log1p(torch.exp(-real))).mean()
                + torch.where(fake > 40, fake, torch.log1p(fake.exp())).mean()
            ),
        ),
        "clamped logits": (
            "data, up to ±170: expected",
            lambda real, fake: (
                torch.nn.functional.softplus(-real.clamp(-150, 150)).mean()
                + torch.nn.functional.softplus(fake.clamp(-150, 150)).mean()
            ),
        ),
        "item": (
            "return a tensor",
            lambda real, fake: (
                torch.nn.functional.softplus(-real).mean()
                + torch.nn.functional.softplus(fake).mean()
            ).item(),
        ),
        "a small constant": (
            "1e-08 inside the logarithm",
            lambda real, fake: (
                -(real.sigmoid() + 1e-8).log().mean()
                - (1 - fake.sigmoid() + 1e-8).log().mean()
            ),
        ),
        "no gradient": (
            "leaves nothing to train with",
            lambda real, fake: (
                torch.nn.functional.softplus(-real.detach()).mean()
                + torch.nn.functional.softplus(fake.detach()).mean()
            ),
        ),
        "draws detached": (
            "the logits of the draws: D learns",
            lambda real, fake: (
                torch.nn.functional.softplus(-real).mean()
                + torch.nn.functional.softplus(fake.detach()).mean()
            ),
        ),
        "mean over both": (
            "own mean",
            lambda real, fake: torch.cat(
                [torch.nn.functional.softplus(-real), torch.nn.functional.softplus(fake)]
            ).mean(),
        ),
        "logits for probabilities": (
            "D is their sigmoid",
            lambda real, fake: -torch.log(real).mean() - torch.log(1 - fake).mean(),
        ),
    },
}
