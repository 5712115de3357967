"""Checks that a notebook runs on a student's answer; each returns a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from course_utils import evidence, models, objectives


@dataclass(frozen=True)
class Verdict:
    """What a check shows under the cell: to do, wrong (and where), or right."""

    status: Literal["todo", "wrong", "right"]
    message: str

    def __repr__(self) -> str:
        sign = {"todo": "✏️ To do", "wrong": "❌ Not yet", "right": "✅ Right"}[self.status]
        return f"{sign}. {self.message}"

    _repr_markdown_ = __repr__


def compare(
    answer: Callable[..., Tensor],
    reference: Callable[..., Tensor],
    cases: Mapping[str, tuple],
    *,
    rtol: float = 1e-4,
) -> Verdict:
    """Run answer and reference on named cases; stop at the first that differs.

    Both see the same random numbers; an answer that may draw them in another order needs
    large samples and a tolerance ``rtol`` that covers their chance. A wrong answer is a
    verdict, never an exception, so the notebook always runs to its end.
    """
    for case, arguments in cases.items():
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            want = reference(*arguments)
            torch.default_generator.manual_seed(0)
            given = [a.clone() if isinstance(a, Tensor) else a for a in arguments]
            try:
                got = answer(*given)
            except NotImplementedError:
                return Verdict("todo", "Replace the line that raises NotImplementedError.")
            except Exception as error:  # a student's slip, not a crash of the course
                return Verdict("wrong", f"{case}: your function raised {error!r}.")
        pairs = [pair for pair in zip(given, arguments) if isinstance(pair[0], Tensor)]
        if not all(after.equal(before) for after, before in pairs):
            return Verdict("wrong", f"{case}: your function changed its argument.")
        if not isinstance(got, Tensor):
            kind = type(got).__name__
            return Verdict("wrong", f"{case}: expected a tensor, got {kind}.")
        if got.shape != want.shape:
            shapes = f"expected shape {tuple(want.shape)}, got {tuple(got.shape)}"
            return Verdict("wrong", f"{case}: {shapes}.")
        if not torch.allclose(got.to(want), want, rtol=rtol, atol=1e-5):
            numbers = f"expected {_short(want)}, got {_short(got)}"
            return Verdict("wrong", f"{case}: {numbers}.")
    return Verdict("right", f"All {len(cases)} cases agree.")


def _short(values: Tensor) -> str:
    """The first few numbers of a tensor, for a message."""
    first = ", ".join(f"{value:.4g}" for value in values.flatten()[:4].tolist())
    return f"{first}, …" if values.numel() > 4 else first


def check_kl(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 06: KL(N(μ, diag σ²) ‖ N(0, I)) in closed form.  (B, K), (B, K) -> (B,)"""
    zeros = torch.zeros(2, 3)
    return compare(
        answer,
        objectives.kl_to_standard_normal,
        {
            "q is the prior, so the KL is 0": (zeros, zeros),
            "q is shifted": (torch.tensor([[1.0, -2.0, 0.5]]), torch.zeros(1, 3)),
            "q is narrower than the prior": (zeros, zeros - 2),
            "q is wider than the prior": (zeros, zeros + 1),
        },
    )


def check_gaussian_nll(answer: Callable[[Tensor, Tensor, float], Tensor]) -> Verdict:
    """Notebook 05: −log N(x; x̂, σ²I) with its constant.  (B, D), (B, D), float -> (B,)"""
    x = torch.tensor([[0.0, 0.5, 1.0], [0.2, 0.4, 0.9]])
    mean = torch.tensor([[0.0, 1.0, 0.0], [0.3, 0.1, 1.0]])
    return compare(
        answer,
        lambda x, mean, sigma: objectives.gaussian_nll(x, mean, sigma=sigma),
        {
            "x is the mean and σ = 1, so only the constant is left": (x, x, 1.0),
            "σ = 1": (x, mean, 1.0),
            "a narrow σ, whose density exceeds one": (x, mean, 0.2),
            "a wide σ": (x, mean, 3.0),
        },
    )


def _linear_pair() -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """An encoder from three numbers to two and a decoder back, for the cases of a check."""
    a = torch.tensor([[1.0, -0.5], [0.5, 2.0], [-1.5, 0.3]])
    return lambda x: x @ a, lambda z: z @ a.T / 4


def check_regularized_pae(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 05: E [ ‖x − g(f(x) + ε)‖² + λ ‖f(x)‖² ], ε ~ N(0, I).

    (f, g, x, lam) -> (); the answer draws ε once, as torch.randn_like does.
    """
    x = torch.tensor([[0.0, 0.5, 1.0], [0.2, 0.4, 0.9], [1.0, 0.0, 0.3]])
    encode, decode = _linear_pair()
    return compare(
        answer,
        lambda f, g, x, lam: objectives.regularized_pae_loss(f, g, x, lam=lam)["loss"],
        {
            "λ = 0 leaves the PAE": (encode, decode, x, 0.0),
            "a decoder that ignores the code": (encode, lambda z: x, x, 0.5),
            "λ = 0.5": (encode, decode, x, 0.5),
            "λ = 2, other images": (encode, decode, 3 * x, 2.0),
        },
    )


def check_reparameterize(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 06: z = μ + σ ⊙ ε and its gradients.  (B, K), (B, K) -> (B, K)"""
    mu = torch.linspace(-2, 2, 12).reshape(4, 3)
    logvar = mu.flip(1)
    return compare(
        _draw_and_gradients(answer),
        _draw_and_gradients(objectives.reparameterize),
        {
            "σ is almost 0, so z is μ": ("z", mu, mu - 40),
            "σ is 1, every number has an ε of its own": ("z", mu, 0 * mu),
            "σ differs from number to number": ("z", mu, logvar),
            "∂z/∂μ, the gradient that reaches mu": ("mu", mu, logvar),
            "∂z/∂log σ², the gradient that reaches logvar": ("logvar", mu, logvar),
        },
    )


def _draw_and_gradients(draw: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """A draw, asked for z or for the derivative of Σ z by mu or by logvar; 0 if cut off."""

    def measure(what: str, mu: Tensor, logvar: Tensor) -> Tensor:
        by = {"mu": mu.clone().requires_grad_(), "logvar": logvar.clone().requires_grad_()}
        z = draw(by["mu"], by["logvar"])
        if what == "z":
            return z.detach() if isinstance(z, Tensor) else z
        if z.requires_grad:
            z.sum().backward()
        gradient = by[what].grad
        return torch.zeros_like(mu) if gradient is None else gradient

    return measure


def check_ae_loss(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 01: E ‖x − g(f(x))‖².  (f, g, x) -> ()"""
    x = torch.tensor([[0.0, 0.5, 1.0, 0.1], [0.2, 0.4, 0.9, 0.7], [1.0, 0.0, 0.3, 0.6]])
    a = torch.tensor([[1.0, -0.5], [0.5, 2.0], [-1.5, 0.3], [0.2, 0.8]])

    def encode(x: Tensor) -> Tensor:
        return x @ a[: x.shape[1]]

    def decode(z: Tensor) -> Tensor:
        return z @ a.T / 4

    return compare(
        answer,
        lambda f, g, x: objectives.ae_loss(f, g, x)["loss"],
        {
            "f and g copy, so the loss is 0": (lambda x: x, lambda z: z, x),
            "one image and a linear f and g": (encode, decode, x[:1]),
            "three images": (encode, decode, x),
            "f and g that are not linear": (lambda x: encode(x).relu(), decode, 2 * x),
        },
    )


def check_distance_to_nearest(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 01: minⱼ ‖zᵢ − codeⱼ‖ of each zᵢ.  (N, K), (M, K) -> (N,)"""
    codes = torch.tensor([[0.0, 0.0], [3.0, 4.0], [-2.0, 1.0]])
    points = torch.tensor([[3.0, 0.0], [3.0, 5.0], [-2.0, -2.0], [0.5, 0.0]])
    return compare(
        answer,
        evidence.distance_to_nearest,
        {
            "one point, one code": (points[:1], codes[:1]),
            "every point is a code": (codes, codes),
            "four points, three codes": (points, codes),
            "codes of one number": (points[:, :1], codes[:, :1]),
        },
    )


def check_pca_reconstruction(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 02: mean + Vᵀ V (x − mean), a component a row of V.

    (B, D), (D,), (K, D) -> (B, D)
    """
    x = torch.tensor([[1.0, 2.0, 3.0], [0.5, -1.0, 2.0], [4.0, 0.0, -2.0], [1.0, 1.0, 1.0]])
    zero, mean = torch.zeros(3), torch.tensor([1.0, -2.0, 0.5])
    v = torch.tensor([[0.6, 0.8, 0.0], [0.8, -0.6, 0.0], [0.0, 0.0, 1.0]])
    return compare(
        answer,
        lambda x, mean, components: mean + (x - mean) @ components.T @ components,
        {
            "the mean is 0, one component": (x, zero, v[:1]),
            "the mean is not 0": (x, mean, v[:1]),
            "two components": (x, mean, v[1:]),
            "as many components as dimensions, so nothing is lost": (x, mean, v),
        },
    )


def check_pca_error(answer: Callable[[Tensor, int], Tensor]) -> Verdict:
    """Notebook 02: the least E ‖x − x̂‖² of a linear code of k numbers.  (N, D), int -> ()

    By Eckart and Young the eigenvalues of the covariance (1/N) that were left out, summed.
    """
    x = torch.tensor([[3.0, 0, 1], [-3, 0, 1], [0, 2, 1], [0, -2, 1]])
    turned = x @ torch.tensor([[0.6, 0.8, 0.0], [0.8, -0.6, 0.0], [0.0, 0.0, 1.0]]) - 0.5

    def eigenvalues_left_out(x: Tensor, k: int) -> Tensor:
        covariance = torch.cov(x.T, correction=0)
        return torch.linalg.eigvalsh(covariance).flip(0)[k:].sum()

    return compare(
        answer,
        eigenvalues_left_out,
        {
            "k = 0 leaves the variance": (x, 0),
            "k = 1": (x, 1),
            "the same points, turned and moved": (turned, 1),
            "k = 2 of points that lie in a plane, so nothing is lost": (turned, 2),
        },
    )


def check_sparse_ae_loss(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 03: E [ ‖x − g(f(x))‖² + λ ‖f(x)‖₁ ].  (f, g, x, lam) -> ()"""
    x = torch.tensor([[0.0, 0.5, 1.0], [0.2, -0.4, 0.9], [1.0, 0.0, 0.3]])
    encode, decode = _linear_pair()
    return compare(
        answer,
        lambda f, g, x, lam: objectives.sparse_ae_loss(f, g, x, lam=lam)["loss"],
        {
            "λ = 0 leaves the plain autoencoder": (encode, decode, x, 0.0),
            "f and g copy, so only the penalty is left": (_copy, _copy, x, 1.0),
            "λ = 0.5, a code with both signs": (encode, decode, x, 0.5),
            "λ = 2, other images": (encode, decode, 3 * x, 2.0),
        },
    )


def check_unit_columns(answer: Callable[[Tensor], Tensor]) -> Verdict:
    """Notebook 03: every column divided by its length.  (D, K) -> (D, K)"""
    weight = torch.tensor([[3.0, 1.0], [4.0, 0.0], [0.0, -1.0]])
    return compare(
        answer,
        models.UnitColumns(),
        {
            "columns that have length one stay": (torch.eye(3),),
            "one column": (weight[:, :1],),
            "three rows, two columns": (weight,),
            "as many rows as columns": (weight[:2] + 1,),
            "columns of very different lengths": (weight * torch.tensor([100.0, 0.01]),),
        },
    )


def check_dae_loss(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 04: E ‖x − g(f(x + ε))‖², ε ~ N(0, σ²I).  (f, g, x, sigma) -> ()

    The noise may be drawn in any way, so the samples are large: 100,000 numbers fix a mean
    square within 0.5 percent (one standard deviation), two of them within 0.7.
    """
    x = torch.linspace(-1, 1, 100_000).reshape(20_000, 5)

    def encode(x: Tensor) -> Tensor:
        return 2 * x[:, :3]

    def decode(z: Tensor) -> Tensor:
        return torch.cat([z.relu(), z[:, :2] / 2], dim=1)

    return compare(
        answer,
        lambda f, g, x, sigma: objectives.dae_loss(f, g, x, sigma=sigma)["loss"],
        {
            "σ = 0 leaves the plain autoencoder": (encode, decode, x, 0.0),
            "a perfect denoiser, so the loss is 0": (_copy, lambda z: x, x, 1.0),
            "f and g copy, so only the noise is left, Dσ²": (_copy, _copy, x, 0.5),
            "f and g that keep some of it": (encode, decode, x, 0.5),
            "σ = 2": (encode, decode, x, 2.0),
        },
        rtol=0.03,
    )


def check_score_from_denoiser(
    answer: Callable[[Callable[[Tensor], Tensor], Tensor, float], Tensor],
) -> Verdict:
    """Notebook 04: (r(x) − x) / σ² of a denoiser r.  (r, x, sigma) -> (B, D)"""
    x = torch.tensor([[0.0, 0.5], [1.0, -2.0], [3.0, 4.0]])

    def gaussian(sigma: float) -> Callable[[Tensor], Tensor]:
        """The best denoiser of data from N(0, I): it shrinks."""
        return lambda x: x / (1 + sigma**2)

    return compare(
        answer,
        lambda r, x, sigma: (r(x) - x) / sigma**2,
        {
            "r copies, so no direction is better than another": (_copy, x, 0.5),
            "data from N(0, I), σ = 1": (gaussian(1.0), x, 1.0),
            "data from N(0, I), σ = 0.5": (gaussian(0.5), x, 0.5),
            "all data in one place, σ = 2": (lambda x: torch.ones_like(x), x, 2.0),
        },
    )


def _copy(x: Tensor) -> Tensor:
    return x
