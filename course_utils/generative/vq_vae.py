"""VQ-VAE-2: two levels of discrete codes, and a learned prior to draw new codes from.

    x (B, side²) --encoder--> top codes (B, 4, 4), bottom codes (B, 7, 7) --decoder--> x_hat

Source: van den Oord, Vinyals & Kavukcuoglu (2017); Razavi, van den Oord & Vinyals (2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils._validation import (
    check_count,
    check_finite_rows,
    check_integers,
    check_nats,
    check_not_negative,
    check_rows,
    check_same_shape,
)
from course_utils.models import as_images, check_input
from course_utils.modes import measure
from course_utils.objectives import Terms, bernoulli_nll, squared_error

TOP, BOTTOM = 4 * 4, 7 * 7  # codes per image on each level
DIM = 16  # of the codebook vectors
Level = tuple[Tensor, Tensor]  # z, encoder output, and e, nearest codebook vectors
Quantizer = Callable[[Tensor], Sequence[Level]]


# --- the objective --------------------------------------------------------------------


def straight_through(z: Tensor, e: Tensor) -> Tensor:
    """The value of e with the gradient of z:  z + sg(e − z), where sg stops gradients.

    (B, …), (B, …) -> the same. Choosing the nearest code has no useful derivative, so
    the encoder gets the decoder's gradient unchanged.
    Source: van den Oord et al. (2017), section 3.2; Bengio et al. (2013).
    """
    check_same_shape(z, e)
    return z + (e - z).detach()


def vq_vae_loss(
    f: Quantizer,
    g: Callable[[list[Tensor]], Tensor],
    x: Tensor,
    *,
    commitment: float = 0.25,
    nll: Callable[[Tensor, Tensor], Tensor] = bernoulli_nll,
) -> Terms:
    """VQ-VAE:  E [ −log p(x|e) + Σ_levels ‖sg(z) − e‖² + β ‖z − sg(e)‖² ].

    (B, D) -> {name: ()}. The encoder f returns (z, e) for each level: its output, and the
    nearest codebook vectors; g gets e, with the gradient of z. The second term moves e to z
    (and has no gradient if the codebook follows by a moving average), the third, the
    commitment with weight β, z to e. Likelihood in nats. ValueError for a negative β.
    Source: van den Oord et al. (2017), equation 3; Razavi et al. (2019), equation 2.
    """
    check_not_negative("commitment", commitment)
    levels = f(x)
    nats = nll(x, g([straight_through(z, e) for z, e in levels]))
    check_nats(nats, x)
    recon = nats.mean()
    codebook = torch.stack([squared_error(z.detach(), e).mean() for z, e in levels]).sum()
    commit = torch.stack([squared_error(z, e.detach()).mean() for z, e in levels]).sum()
    loss = recon + codebook + commitment * commit
    return {"loss": loss, "recon": recon, "codebook": codebook, "commitment": commit}


# --- the quantizer --------------------------------------------------------------------


def nearest_code(z: Tensor, codebook: Tensor) -> Tensor:
    """argminₖ ‖z − eₖ‖², the nearest codebook vector's index.  (N, D), (K, D) -> (N,)"""
    check_finite_rows(z, codebook)
    # ‖z‖² is the same for every k, so it is left out.
    return (codebook.square().sum(1) - 2 * z @ codebook.T).argmin(1)


def perplexity(codes: Tensor, n_codes: int) -> Tensor:
    """exp(−Σₖ pₖ log pₖ), the effective number of codes in use.  any shape, int -> ()

    n_codes if all are used equally often, 1 if only one is used. pₖ is the share of code k.
    ValueError for a code >= n_codes.
    Source: Jelinek et al. (1977), for language models.
    """
    check_count("n_codes", n_codes)
    if not isinstance(codes, Tensor) or codes.is_floating_point():
        raise ValueError("codes must be a tensor of whole numbers.")
    if not codes.numel() or codes.min() < 0:
        raise ValueError("codes must be whole numbers >= 0, at least one.")
    counts = torch.bincount(codes.flatten(), minlength=n_codes)
    if len(counts) > n_codes:
        raise ValueError(f"codes must lie below {n_codes}, not {len(counts) - 1}.")
    share = counts / codes.numel()
    return torch.special.entr(share).sum().exp()


class VectorQuantizer(nn.Module):
    """Replaces each vector of a feature map by the nearest of K codebook vectors.

    z (B, D, H, W) -> e (B, D, H, W), codes (B, H, W) int64

    With a ``decay`` γ the codebook follows the encodings by a moving average (k-means):
    Nₖ ← γ Nₖ + (1 − γ) nₖ,  mₖ ← γ mₖ + (1 − γ) Σ z,  eₖ = mₖ / Nₖ, where code k is the
    nearest one for nₖ encodings z of the batch. A code that is nearest for hardly any
    encoding is replaced by a random encoding. With ``decay=None`` the codebook is a
    parameter, which learns from ``vq_vae_loss``. The first training batch initializes it.

    Source: van den Oord et al. (2017), section 3.2 and appendix A.1; Dhariwal et al. (2020,
    Jukebox) and Williams et al. (2020) for the replacement of dead codes.
    """

    codebook: Tensor  # (K, D)
    counts: Tensor  # (K,), Nₖ
    sums: Tensor  # (K, D), mₖ
    started: Tensor  # (), bool

    def __init__(self, n_codes: int, dim: int, *, decay: float | None = 0.99) -> None:
        super().__init__()
        if not all(isinstance(n, int) and n >= 1 for n in (n_codes, dim)):
            raise ValueError(
                f"a codebook needs n_codes and dim >= 1, not {n_codes}, {dim}."
            )
        if decay is not None and not 0 <= decay < 1:
            raise ValueError(f"decay must lie in [0, 1), or be None, not {decay}.")
        self.decay = decay
        codebook = torch.randn(n_codes, dim)
        if decay is None:
            self.codebook = nn.Parameter(codebook)
        else:
            self.register_buffer("codebook", codebook)
            self.register_buffer("counts", torch.zeros(n_codes))
            self.register_buffer("sums", torch.zeros(n_codes, dim))
        self.register_buffer("started", torch.tensor(False))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        vectors = z.movedim(1, -1)  # (B, H, W, D)
        flat = vectors.reshape(-1, z.shape[1])
        # The codebook follows the data only in training with gradients; otherwise it is
        # read-only.
        updates = self.training and torch.is_grad_enabled() and z.requires_grad
        if updates:
            self._initialize(flat.detach())
        codes = nearest_code(flat.detach(), self.codebook.detach())
        e = self.embed(codes.view(vectors.shape[:-1]))
        if updates and self.decay is not None:
            self._update_codebook(flat.detach(), codes, self.decay)
        return e, codes.view(vectors.shape[:-1])

    def embed(self, codes: Tensor) -> Tensor:
        """The codebook vectors of codes.  (B, H, W) -> (B, D, H, W)"""
        return F.embedding(codes, self.codebook).movedim(-1, 1)

    @torch.no_grad()
    def _initialize(self, z: Tensor) -> None:
        if self.started:
            return
        self.codebook.copy_(_random_rows(z, len(self.codebook)))
        if self.decay is not None:
            self.counts.fill_(len(z) / len(self.codebook))
            self.sums.copy_(self.codebook * self.counts[:, None])
        self.started.fill_(True)

    @torch.no_grad()
    def _update_codebook(self, z: Tensor, codes: Tensor, decay: float) -> None:
        assignments = F.one_hot(codes, len(self.codebook)).to(z.dtype)  # (N, K)
        self.counts.lerp_(assignments.sum(0), 1 - decay)
        self.sums.lerp_(assignments.T @ z, 1 - decay)
        uniform = len(z) / len(self.codebook)  # encodings per code, if used equally
        dead = self.counts < uniform / 50
        self.counts[dead] = uniform
        self.sums[dead] = _random_rows(z, int(dead.sum())) * uniform
        self.codebook.copy_(self.sums / self.counts[:, None])


def _random_rows(z: Tensor, n: int) -> Tensor:
    """n rows of z at random, without replacement if there are enough.  (N, D) -> (n, D)"""
    if not len(z):
        raise ValueError("a codebook cannot learn from an empty batch.")
    order = torch.randperm(len(z), device=z.device)
    return z[order.repeat(-(-n // len(z)))[:n]]


# --- encoder and decoder --------------------------------------------------------------


class Residual(nn.Module):
    """h + two convolutions of relu(h).  (B, C, H, W) -> same"""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 1),
        )

    def forward(self, h: Tensor) -> Tensor:
        return h + self.inner(h)


class TwoLevelEncoder(nn.Module):
    """x (B, side²) -> two levels, top first: z and e (B, D, 4, 4), z and e (B, D, 7, 7).

    The bottom level encodes the image together with the top level's quantized code.
    """

    def __init__(
        self, side: int, channels: int, n_codes: tuple[int, int], decay: float | None
    ) -> None:
        super().__init__()
        self.side = side
        stride = side // 14
        self.to_bottom = nn.Sequential(
            check_input(  # 14 × 14
                nn.Conv2d(1, channels // 2, 2 + stride, stride=stride, padding=1)
            ),
            nn.ReLU(),
            nn.Conv2d(channels // 2, channels, 4, stride=2, padding=1),  # 7 × 7
            Residual(channels),
            nn.ReLU(),
        )
        self.to_top = nn.Sequential(
            nn.Conv2d(channels, channels, 3, stride=2, padding=1),  # 4 × 4
            Residual(channels),
            nn.ReLU(),
            nn.Conv2d(channels, DIM, 1),
        )
        self.top = VectorQuantizer(n_codes[0], DIM, decay=decay)
        self.from_top = nn.ConvTranspose2d(DIM, channels, 3, stride=2, padding=1)  # 7 × 7
        self.join = nn.Conv2d(2 * channels, DIM, 1)
        self.bottom = VectorQuantizer(n_codes[1], DIM, decay=decay)

    def forward(self, x: Tensor) -> list[Level]:
        h = self.to_bottom(as_images(x, self.side))
        z_top = self.to_top(h)
        e_top, _ = self.top(z_top)
        top = self.from_top(straight_through(z_top, e_top)).relu()
        z_bottom = self.join(torch.cat([h, top], dim=1))
        e_bottom, _ = self.bottom(z_bottom)
        return [(z_top, e_top), (z_bottom, e_bottom)]


class TwoLevelDecoder(nn.Module):
    """e of the top (B, D, 4, 4) and of the bottom (B, D, 7, 7) -> logits (B, side²)"""

    def __init__(self, side: int, channels: int) -> None:
        super().__init__()
        stride = side // 14
        self.from_top = nn.ConvTranspose2d(DIM, DIM, 3, stride=2, padding=1)  # 7 × 7
        self.to_image = nn.Sequential(
            nn.Conv2d(2 * DIM, channels, 3, padding=1),
            Residual(channels),
            nn.ReLU(),
            nn.ConvTranspose2d(channels, channels // 2, 4, stride=2, padding=1),  # 14 × 14
            nn.ReLU(),
            nn.ConvTranspose2d(channels // 2, 1, 2 + stride, stride=stride, padding=1),
        )

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        top, bottom = levels
        return self.to_image(torch.cat([self.from_top(top), bottom], dim=1)).flatten(1)


class VQVAE2(nn.Module):
    """Two levels of discrete codes: 16 for the global shape of a digit, 49 for its details.

    ``n_codes`` are the sizes of the codebooks, top and bottom; ``side`` is 28 or 14 pixels;
    both ``VectorQuantizer``s use ``decay``.
    """

    def __init__(
        self,
        n_codes: tuple[int, int] = (64, 8),
        *,
        side: int = 28,
        channels: int = 32,
        decay: float | None = 0.99,
    ) -> None:
        super().__init__()
        if side not in (14, 28):
            raise ValueError(f"this VQ-VAE-2 reads images of side 14 or 28, not {side}.")
        self.encoder = TwoLevelEncoder(side, channels, n_codes, decay)
        self.decoder = TwoLevelDecoder(side, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder([e for _, e in self.encoder(x)])  # logits

    @measure
    def codes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Top and bottom codes, in eval mode.  (N, side²) -> (N, 16), (N, 49) int64"""
        check_rows(x)
        top, bottom = [], []
        for batch in x.split(1000):
            (z_top, _), (z_bottom, _) = self.encoder(batch)
            top.append(self.encoder.top(z_top)[1].flatten(1))
            bottom.append(self.encoder.bottom(z_bottom)[1].flatten(1))
        return torch.cat(top), torch.cat(bottom)

    def decode(self, top: Tensor, bottom: Tensor) -> Tensor:
        """Logits of the images for these codes.  (B, 16), (B, 49) -> (B, side²)"""
        for codes, level, n in (
            (top, self.encoder.top, TOP),
            (bottom, self.encoder.bottom, BOTTOM),
        ):
            check_integers("codes", codes, len(level.codebook), (len(top), n))
        e_top = self.encoder.top.embed(top.unflatten(1, (4, 4)))
        e_bottom = self.encoder.bottom.embed(bottom.unflatten(1, (7, 7)))
        return self.decoder([e_top, e_bottom])


# --- the prior ------------------------------------------------------------------------


class MaskedConv2d(nn.Conv2d):
    """A convolution over the preceding positions in raster order: above and left.

    (B, C, H, W) -> (B, C', H, W). With ``center`` also over the current position.
    Source: van den Oord, Kalchbrenner & Kavukcuoglu (2016), masks A and B.
    """

    mask: Tensor  # (size, size)

    def __init__(self, n_in: int, n_out: int, size: int, *, center: bool) -> None:
        super().__init__(n_in, n_out, size, padding=size // 2)
        position = torch.arange(size * size).view(size, size)
        mask = position < size * size // 2 + center
        self.register_buffer("mask", mask.to(self.weight.dtype), persistent=False)

    def forward(self, h: Tensor) -> Tensor:
        return F.conv2d(h, self.weight * self.mask, self.bias, padding=self.padding)


class GatedBlock(nn.Module):
    """h + tanh(a) · sigmoid(b), a and b from preceding positions and the context.

    (B, C, H, W), (B, C, H, W) -> (B, C, H, W)
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.past = MaskedConv2d(width, 2 * width, 3, center=True)
        self.context = nn.Conv2d(width, 2 * width, 1)
        self.output = nn.Conv2d(width, width, 1)

    def forward(self, h: Tensor, context: Tensor) -> Tensor:
        a, b = (self.past(h) + self.context(context)).chunk(2, dim=1)
        return h + self.output(a.tanh() * b.sigmoid())


class CodePrior(nn.Module):
    """p(codes | label, top) = ∏ᵢ p(codeᵢ | code₁ … codeᵢ₋₁, label, top), a gated PixelCNN.

    codes (B, side²) int64 in raster order, label (B,) int64, top (B, 16) int64.
    The same class is used for both levels: the prior of the top codes is conditioned on the
    label, that of the bottom codes on the label and the top codes, whose codebook has
    ``n_top`` vectors. Its one stack of masked convolutions has a blind spot to the upper
    right, which the two stacks of the paper avoid.
    Source: van den Oord et al. (2016), Conditional Image Generation with PixelCNN Decoders.
    """

    def __init__(
        self, n_codes: int, side: int, *, n_top: int = 0, width: int = 64, depth: int = 4
    ) -> None:
        super().__init__()
        check_count("n_codes", n_codes)
        check_count("side", side)
        self.side = side
        self.code_embedding = nn.Embedding(n_codes, width)
        self.label_embedding = nn.Embedding(10, width)
        self.position_embedding = nn.Parameter(torch.zeros(width, side, side))
        self.n_top = n_top
        if n_top:
            self.top_embedding = nn.Embedding(n_top, width)
            self.to_bottom = nn.Sequential(
                nn.ConvTranspose2d(width, width, 3, stride=2, padding=1),  # 4 × 4 -> 7 × 7
                nn.ReLU(),
                nn.Conv2d(width, width, 3, padding=1),
            )
        self.input_conv = MaskedConv2d(width, width, 5, center=False)
        self.blocks = nn.ModuleList(GatedBlock(width) for _ in range(depth))
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, n_codes, 1)
        )

    def forward(self, codes: Tensor, label: Tensor, top: Tensor | None = None) -> Tensor:
        """Logits of each code, given those before.  (B, L), (B,), (B, 16) -> (B, K, L)"""
        self._check(label, top)
        check_integers(
            "codes", codes, self.code_embedding.num_embeddings, (len(label), self.side**2)
        )
        return self._logits(codes, self._context(label, top))

    def _context(self, label: Tensor, top: Tensor | None) -> Tensor:
        context = self.label_embedding(label)[:, :, None, None] + self.position_embedding
        if top is not None:
            e = self.top_embedding(top).mT.unflatten(2, (4, 4))
            context = context + self.to_bottom(e)
        return context

    def _logits(self, codes: Tensor, context: Tensor) -> Tensor:
        """Logits of ``codes``, all rows or the first ones: none depends on later rows."""
        h = self.input_conv(self.code_embedding(codes).mT.unflatten(2, (-1, self.side)))
        context = context[:, :, : h.shape[2]]
        for block in self.blocks:
            h = block(h, context)
        return self.head(h).flatten(2)

    def _check(self, label: Tensor, top: Tensor | None) -> None:
        if self.n_top and top is None:
            raise ValueError("this prior needs the top codes, but none were given.")
        if top is not None and not self.n_top:
            raise ValueError("this prior takes no top codes, but some were given.")
        if not isinstance(label, Tensor) or label.ndim != 1:
            raise ValueError("labels must be a tensor (B,), one for each image.")
        if ((label < 0) | (label > 9)).any():
            raise ValueError("a label must be a digit, 0 to 9.")
        check_integers("labels", label, 10, (len(label),))
        if top is not None:
            check_integers("top codes", top, self.n_top, (len(label), TOP))

    def log_prob(self, codes: Tensor, label: Tensor, top: Tensor | None = None) -> Tensor:
        """log p(codes | label, top).  (B, L), (B,), (B, 16) -> (B,), nats"""
        logits = self(codes, label, top)
        return -F.cross_entropy(logits, codes, reduction="none").sum(1)

    @measure
    def sample(self, label: Tensor, top: Tensor | None = None) -> Tensor:
        """Draw the codes in order, each given those before.  (B,), (B, 16) -> (B, L)"""
        self._check(label, top)
        context = self._context(label, top)
        codes = label.new_zeros(len(label), self.side**2)
        for i in range(self.side**2):
            rows = codes[:, : (i // self.side + 1) * self.side]  # up to the row of code i
            p = self._logits(rows, context)[:, :, i].softmax(1)
            codes[:, i] = torch.multinomial(p, 1)[:, 0]
        return codes


def code_nll(
    prior: CodePrior, codes: Tensor, label: Tensor, top: Tensor | None = None
) -> Terms:
    """−E log p(codes | label, top).  (B, L), (B,), (B, 16) -> {name: ()}, nats

    Source: van den Oord et al. (2017), section 3.3.
    """
    return {"loss": -prior.log_prob(codes, label, top).mean()}


@measure
def log_code_probability(
    top_prior: CodePrior, bottom_prior: CodePrior, top: Tensor, bottom: Tensor
) -> Tensor:
    """log p(top, bottom) = log Σ_y ⅒ p(top | y) p(bottom | y, top), over the ten labels y.

    (B, 16), (B, 49) -> (B,), nats
    """
    if not isinstance(top, Tensor):
        raise ValueError("codes must be a tensor of whole numbers.")  # noqa: TRY004
    log_joint = []
    for y in range(10):
        label = torch.full((len(top),), y, device=top.device)
        log_p = top_prior.log_prob(top, label) + bottom_prior.log_prob(bottom, label, top)
        log_joint.append(log_p - math.log(10))
    return torch.stack(log_joint).logsumexp(0)


@measure
def generate(
    model: VQVAE2, top_prior: CodePrior, bottom_prior: CodePrior, label: Tensor
) -> Tensor:
    """New images with these labels: top codes, bottom codes given the top, then pixels.

    (B,) -> logits (B, side²)
    """
    top = top_prior.sample(label)
    return model.decode(top, bottom_prior.sample(label, top))
