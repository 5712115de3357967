"""Answers for notebook 13: right ones, and wrong ones with a part of the message."""

import math

import torch

from course_utils.exercises import gan_and_comparison as gan_exercises

RIGHT = {
    gan_exercises.check_best_reply: {
        "densities": math.exp(-1.125) / (math.exp(-1.125) + math.exp(-0.125)),
        "sigmoid of the logit": torch.sigmoid(torch.tensor(2 - 2 * 1.5)),
        "rounded": 0.269,
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
        "overflow": (
            "is infinite",
            lambda real, fake: (
                -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
            ),
        ),
        "binary cross entropy of probabilities": (
            "replaces a logarithm by −100",
            lambda real, fake: sum(
                torch.nn.functional.binary_cross_entropy(d.sigmoid(), torch.full_like(d, y))
                for d, y in ((real, 1.0), (fake, 0.0))
            ),
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
