"""Answers for notebook 03: right ones, and wrong ones with a part of the message."""

import numpy as np
import torch
from torch.nn.functional import mse_loss, normalize

from course_utils import models, objectives
from course_utils.exercises import sparse_autoencoder


def sparse_ae_image_by_image(f, g, x, lam):
    total = 0.0
    for image in x.split(1):
        z = f(image)
        total += (image - g(z)).pow(2).sum() + lam * sum(abs(a) for a in z[0])
    return total / len(x)


def without_gradient(f, g, x, lam):
    with torch.no_grad():
        return sparse_ae_image_by_image(f, g, x, lam)


def unit_columns_one_by_one(weight):
    return torch.stack([column / column.norm() for column in weight.T], dim=1)


RIGHT = {
    sparse_autoencoder.check_sparse_ae_loss: {
        "package": lambda f, g, x, lam: objectives.sparse_ae_loss(f, g, x, lam=lam)["loss"],
        "image by image": sparse_ae_image_by_image,
        "norms": lambda f, g, x, lam: (
            torch.linalg.vector_norm(x - g(f(x)), dim=1) ** 2
            + lam * torch.linalg.vector_norm(f(x), ord=1, dim=1)
        ).mean(),
        "torch's losses": lambda f, g, x, lam: (
            (mse_loss(g(f(x)), x, reduction="sum") + lam * f(x).abs().sum()) / len(x)
        ),
    },
    sparse_autoencoder.check_threshold: {
        "two times": 2 * 0.3,
        "a fraction": 3 / 5,
        "a tensor": torch.tensor(0.6),
    },
    sparse_autoencoder.check_active_units: {
        "corrected": lambda z: (z != 0).sum(1).float().mean(),
        "count": lambda z: torch.count_nonzero(z) / len(z),
        "loops": lambda z: (
            torch.tensor([sum(a != 0 for a in row) for row in z.tolist()]).double().mean()
        ),
        "L0": lambda z: z.norm(p=0, dim=1).mean(),
        "numpy": lambda z: np.count_nonzero(z.numpy(), axis=1).mean(),
        "a Python number": lambda z: (z != 0).sum().item() / len(z),
    },
    sparse_autoencoder.check_unit_columns: {
        "package": models.UnitColumns(),
        "norm": lambda weight: weight / weight.norm(dim=0, keepdim=True),
        "transposed": lambda weight: normalize(weight.T, dim=1).T,
        "one by one": unit_columns_one_by_one,
        "squares": lambda weight: weight * weight.square().sum(0).rsqrt(),
    },
}

WRONG = {
    sparse_autoencoder.check_sparse_ae_loss: {
        "L0": (
            "counts active units",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * f(x).norm(p=0, dim=1).mean()
            ),
        ),
        "mean over units": (
            "penalty adds up",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * f(x).abs().mean()
            ),
        ),
        "penalty summed over the batch": (
            "mean over the batch, too",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * f(x).abs().sum()
            ),
        ),
        "λ forgotten": (
            "multiplied by lam",
            lambda f, g, x, lam: objectives.sparse_ae_loss(f, g, x, lam=1)["loss"],
        ),
        "mean over pixels": (
            "squared error adds up",
            lambda f, g, x, lam: mse_loss(g(f(x)), x) + lam * f(x).abs().sum(1).mean(),
        ),
        "torch's mean for both": (
            "in both terms",
            lambda f, g, x, lam: mse_loss(g(f(x)), x) + lam * f(x).abs().mean(),
        ),
        "L1 error": (
            "error is squared",
            lambda f, g, x, lam: (
                (x - g(f(x))).abs().sum(1) + lam * f(x).abs().sum(1)
            ).mean(),
        ),
        "axis of the error": (
            "sum over pixels",
            lambda f, g, x, lam: (
                (x - g(f(x))).pow(2).sum(0).mean() + lam * f(x).abs().sum(1).mean()
            ),
        ),
        "both axes": (
            "Sum over dimensions",
            lambda f, g, x, lam: (
                (x - g(f(x))).pow(2).sum(0).mean() + lam * f(x).norm(p=1, dim=0).mean()
            ),
        ),
        "sum over the batch": (
            "not the sum",
            lambda f, g, x, lam: (x - g(f(x))).square().sum() + lam * f(x).abs().sum(),
        ),
        "no mean over the batch": (
            "one number is asked",
            lambda f, g, x, lam: (x - g(f(x))).square().sum(1) + lam * f(x).abs().sum(1),
        ),
        "penalty detached": (
            "gradient of the penalty",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"]
                + lam * f(x).detach().abs().sum(1).mean()
            ),
        ),
        "code detached for the decoder": (
            "gradient of the error",
            lambda f, g, x, lam: (
                (x - g(f(x).detach())).square().sum(1) + lam * f(x).abs().sum(1)
            ).mean(),
        ),
        "reconstruction detached": (
            "gradient of the error from both",
            lambda f, g, x, lam: (
                (mse_loss(g(f(x)).detach(), x, reduction="sum") + lam * f(x).abs().sum())
                / len(x)
            ),
        ),
        "no gradient": ("no_grad() keeps the gradient from both", without_gradient),
        "code detached": (
            "keeps the gradient from the encoder",
            lambda f, g, x, lam: objectives.sparse_ae_loss(
                lambda x: f(x).detach(), g, x, lam=lam
            )["loss"],
        ),
    },
    sparse_autoencoder.check_threshold: {
        "half": ("wrong side", 0.15),
        "without the factor 2": ("factor 2", np.float64(0.3)),
        "the loss at 0": ("compare the slopes", torch.tensor(0.09)),
        "large enough": ("smaller λ is enough", 1),
        "never": ("kink", float("inf")),
        "a word": ("not a number", "never"),
    },
    sparse_autoencoder.check_active_units: {
        "share": ("share", lambda z: torch.count_nonzero(z) / z.numel()),
        "L1": ("whatever their values", lambda z: z.norm(p=1, dim=1).mean()),
        "a threshold": ("exactly 0", lambda z: (abs(z) > 0.001).sum() / len(z)),
        "the code": ("expected shape", lambda z: z),
        "mean of whole numbers": (
            "a mean needs floats",
            lambda z: torch.count_nonzero(z, dim=1).mean(),
        ),
        "forgotten return": ("a return may be missing", lambda z: print(end="")),
    },
    sparse_autoencoder.check_unit_columns: {
        "rows": ("axis", lambda weight: normalize(weight, dim=1)),
        "root of the length": (
            "too little",
            lambda weight: weight / weight.square().sum(0) ** 0.25,
        ),
        "no squares": ("squares below", lambda weight: weight / weight.sum(0) ** 0.5),
        "rows, without keepdim": (
            "norm(dim=1)",
            lambda weight: weight / torch.linalg.vector_norm(weight, dim=1),
        ),
        "signs lost": ("signs", lambda weight: normalize(weight.abs(), dim=0)),
        "lengths": ("these are the lengths", lambda weight: weight.square().sum(0).sqrt()),
        "weights detached": (
            "gradient from the weights",
            lambda weight: (
                torch.tensor(weight.tolist()) / torch.tensor(weight.tolist()).norm(dim=0)
            ),
        ),
        "in place": (
            "changed its argument",
            lambda weight: weight.div_(weight.norm(dim=0)),
        ),
    },
}
