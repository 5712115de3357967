"""VQ-VAE-2: the quantizer is online k-means, the prior is normalized, all parts train."""

import math
from itertools import product
from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from course_utils.generative.vq_vae import (
    VQVAE2,
    CodePrior,
    GatedBlock,
    MaskedConv2d,
    VectorQuantizer,
    code_nll,
    generate,
    log_code_probability,
    nearest_code,
    perplexity,
    straight_through,
    vq_vae_loss,
)
from course_utils.objectives import bernoulli_nll
from course_utils.training import evaluate, training_epochs

B, D, K = 12, 3, 5
DECAYS = pytest.mark.parametrize("decay", [0.9, None], ids=["moving average", "its loss"])


@pytest.fixture
def images():
    return torch.rand(B, 784)


def features(n=200, d=D):
    """n vectors, as the four places of n/4 feature maps.  -> (n/4, d, 2, 2)"""
    return torch.randn(n // 4, d, 2, 2, requires_grad=True)


def rows(z):
    """The vectors of feature maps.  (B, D, H, W) -> (B·H·W, D)"""
    return z.detach().movedim(1, -1).reshape(-1, z.shape[1])


# --- the quantizer --------------------------------------------------------------------


def test_the_nearest_code_is_nearest_by_the_distance_itself():
    z, codebook = torch.randn(50, D), torch.randn(K, D)
    distance = (z[:, None] - codebook).square().sum(2)
    assert torch.equal(nearest_code(z, codebook), distance.argmin(1))


def test_perplexity_counts_the_codes_in_use():
    assert_close(perplexity(torch.arange(8).repeat(3), 20), torch.tensor(8.0))
    assert_close(perplexity(torch.zeros(9, dtype=torch.long), 20), torch.tensor(1.0))
    share = torch.tensor([0.75, 0.25])
    expected = torch.distributions.Categorical(share).entropy().exp()
    assert_close(perplexity(torch.tensor([[0, 0], [1, 0]]), 2), expected)


@DECAYS
def test_the_quantizer_is_idempotent(decay):
    quantizer = VectorQuantizer(K, D, decay=decay)
    quantizer(features())
    with torch.no_grad():
        e, codes = quantizer(features())
        again, same = quantizer(e)
    assert torch.equal(e, again) and torch.equal(codes, same)
    assert torch.equal(e, quantizer.embed(codes))


@DECAYS
def test_without_gradients_no_batch_moves_the_codebook(decay):
    quantizer = VectorQuantizer(K, D, decay=decay)
    quantizer(features())
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    with torch.no_grad():
        quantizer(features())
    for name, value in quantizer.state_dict().items():
        assert torch.equal(value, before[name]), name


@DECAYS
def test_in_eval_mode_no_batch_moves_the_codebook(decay):
    quantizer = VectorQuantizer(K, D, decay=decay).eval()
    before = quantizer.codebook.detach().clone()
    quantizer(features())
    assert torch.equal(quantizer.codebook, before) and not quantizer.started


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="empty batch"):
        VectorQuantizer(K, D)(torch.empty(0, D, 2, 2, requires_grad=True))


def test_with_decay_0_the_moving_average_is_a_step_of_k_means():
    quantizer = VectorQuantizer(K, D, decay=0)
    z = features()
    quantizer(z)  # initialization and a first step
    codes = nearest_code(rows(z), quantizer.codebook)
    expected = torch.stack([rows(z)[codes == k].mean(0) for k in range(K)])
    quantizer(z)
    assert_close(quantizer.codebook, expected)


def test_the_moving_average_ends_where_k_means_ends():
    torch.manual_seed(1)
    z = features()
    quantizer = VectorQuantizer(K, D, decay=0.9)
    for _ in range(400):
        _, codes = quantizer(z)
    codes = codes.flatten()
    for k in range(K):  # a fixed point of k-means: each code is the mean of its encodings
        assert_close(quantizer.codebook[k], rows(z)[codes == k].mean(0))


def test_the_codebook_is_initialized_with_encodings_of_the_first_batch():
    z = features()
    quantizer = VectorQuantizer(K, D, decay=None)
    quantizer(z)
    same = (quantizer.codebook.detach()[:, None] == rows(z)).all(2)  # (K, N)
    assert same.any(1).all()


def test_a_codebook_may_have_more_codes_than_the_first_batch_has_encodings():
    quantizer = VectorQuantizer(50, D)
    _, codes = quantizer(features(8))
    assert codes.max() < 50 and torch.isfinite(quantizer.codebook).all()


def test_a_dead_code_is_replaced():
    torch.manual_seed(0)
    quantizer = VectorQuantizer(K, D, decay=0.5)
    z = features()
    quantizer(z)
    quantizer.sums[0], quantizer.codebook[0] = 1e3 * quantizer.counts[0], 1e3  # far away
    with torch.no_grad():
        assert 0 not in quantizer(z)[1]
    for _ in range(10):  # its count halves each time, until the code is dead
        quantizer(z)
    with torch.no_grad():
        assert 0 in quantizer(z)[1]
    assert quantizer.codebook.abs().max() < 10


@pytest.mark.parametrize("count, dead", [(0.30, True), (0.34, False)])
def test_a_code_is_dead_below_a_fiftieth_of_its_even_share(count, dead):
    """32 encodings, 4 codes: an even share of 8; γ = ½ halves the count."""
    quantizer = VectorQuantizer(4, D, decay=0.5)
    z = features(32)
    quantizer(z)
    far = torch.full((D,), 1e3)
    quantizer.counts[0], quantizer.sums[0], quantizer.codebook[0] = count, count * far, far
    quantizer(z)
    if dead:  # replaced by one of the encodings, with the count of an even share
        assert (quantizer.codebook[0] == rows(z)).all(1).any()
        assert quantizer.counts[0] == 8
        assert torch.equal(quantizer.sums[0], 8 * quantizer.codebook[0])
    else:
        assert_close(quantizer.codebook[0], far)


@pytest.mark.parametrize("decay", [1.0, -0.1, math.nan])
def test_a_decay_outside_0_to_1_is_refused(decay):
    with pytest.raises(ValueError, match="decay must lie"):
        VectorQuantizer(K, D, decay=decay)


# --- the loss -------------------------------------------------------------------------


def test_straight_through_has_the_value_of_e_and_the_gradient_of_z():
    z = torch.randn(B, D, requires_grad=True)
    e = torch.randn(B, D, requires_grad=True)
    through = straight_through(z, e)
    assert_close(through, e)
    through.backward(gradient := torch.randn(B, D))
    assert torch.equal(z.grad, gradient) and e.grad is None


def test_the_encoder_gets_the_gradient_of_the_decoder():
    """d recon / dz, the encoding's, equals d recon / de, the decoder's at its input."""
    decoder = torch.nn.Linear(D, D)
    x, z, e = torch.rand(B, D), torch.randn(B, D, requires_grad=True), torch.randn(B, D)
    terms = vq_vae_loss(lambda x: [(z, e)], lambda levels: decoder(levels[0]), x)
    (of_encoder,) = torch.autograd.grad(terms["recon"], z)
    e.requires_grad_()
    terms = vq_vae_loss(
        lambda x: [(z.detach(), e)], lambda levels: decoder(e), x, commitment=0
    )
    (of_decoder,) = torch.autograd.grad(terms["recon"], e)
    assert_close(of_encoder, of_decoder)


def test_codebook_and_commitment_pull_in_opposite_directions():
    z = torch.randn(B, D, requires_grad=True)
    e = torch.randn(B, D, requires_grad=True)
    x, constant = torch.rand(B, D), lambda levels: torch.zeros(B, D)
    terms = vq_vae_loss(lambda x: [(z, e)], constant, x, commitment=0.3)
    terms["loss"].backward()
    assert_close(e.grad, 2 * (e - z).detach() / B)
    assert_close(z.grad, 0.3 * 2 * (z - e).detach() / B)
    assert_close(
        terms["loss"], terms["recon"] + terms["codebook"] + 0.3 * terms["commitment"]
    )


def test_the_loss_sums_both_levels_with_commitment_weight_one_quarter():
    (z, w), (e, h) = torch.randn(2, B, D), torch.randn(2, B, D)
    x, logits = torch.rand(B, D), torch.randn(B, D)
    terms = vq_vae_loss(lambda x: [(z, e), (w, h)], lambda levels: logits, x)
    error = ((z - e).square() + (w - h).square()).sum(1).mean()
    assert_close(terms["codebook"], error)
    assert_close(terms["commitment"], error)
    assert_close(terms["loss"], bernoulli_nll(x, logits).mean() + 1.25 * error)


def test_without_quantization_error_the_loss_is_the_likelihood():
    z, x = torch.randn(B, D), torch.rand(B, D)
    terms = vq_vae_loss(lambda x: [(z, z)], lambda levels: levels[0], x)
    assert_close(terms["loss"], terms["recon"])
    assert terms["codebook"] == terms["commitment"] == 0


# --- the model ------------------------------------------------------------------------


def test_shapes(images):
    model = VQVAE2((16, 4))
    top, bottom = model.codes(images)
    assert top.shape == (B, 16) and bottom.shape == (B, 49)
    assert top.max() < 16 and bottom.max() < 4
    with torch.no_grad():
        assert_close(model.decode(top, bottom), model(images))


@DECAYS
@pytest.mark.slow
def test_training_changes_every_codebook_vector_and_every_layer(images, decay):
    torch.manual_seed(0)
    model = VQVAE2((8, 4), decay=decay)
    model(images.requires_grad_())  # initialize the codebooks
    before = {name: value.detach().clone() for name, value in model.state_dict().items()}
    for _ in training_epochs(model, vq_vae_loss, images.detach(), epochs=6, batch_size=3):
        pass
    for name, value in model.state_dict().items():
        if name.endswith("codebook"):  # each of its vectors, not only some
            assert ((value - before[name]).abs().amax(1) > 0).all(), name
        elif value.is_floating_point():
            assert not torch.equal(value, before[name]), name


def test_the_bottom_level_depends_on_the_top(images):
    """Another top codebook changes the bottom encodings of the same images."""
    torch.manual_seed(0)
    model = VQVAE2((8, 4))
    with torch.no_grad():
        _, (before, _) = model.encoder(images)
        model.encoder.top.codebook.add_(1)
        _, (after, _) = model.encoder(images)
    assert (before - after).abs().max() > 1e-3


def test_the_top_encoder_gets_a_gradient_from_the_bottom_level():
    """The straight-through gradient of the bottom encodings reaches the top layers."""
    encoder = VQVAE2((8, 4), side=14).encoder
    _, (z_bottom, _) = encoder(torch.rand(B, 196))
    z_bottom.square().sum().backward()
    assert encoder.to_top[0].weight.grad.abs().max() > 0


def test_codes_of_many_images_equal_those_of_their_batches():
    model, x = VQVAE2((8, 4), side=14, channels=2), torch.rand(1003, 196)
    parts = [model.codes(x[:1000]), model.codes(x[1000:])]
    for codes, by_parts in zip(model.codes(x), zip(*parts), strict=True):
        assert torch.equal(codes, torch.cat(by_parts))


# --- the prior ------------------------------------------------------------------------


def small_prior(side=2, n_top=0):
    torch.manual_seed(0)
    return CodePrior(3, side, n_top=n_top, width=8, depth=1)


def test_the_probabilities_of_all_codes_add_up_to_one():
    prior, label = small_prior(), torch.tensor([7])
    every = torch.tensor(list(product(range(3), repeat=4)))  # all 3⁴ images of four codes
    with torch.no_grad():
        total = prior.log_prob(every, label.expand(len(every))).logsumexp(0)
    assert_close(total, torch.zeros(()), atol=1e-5, rtol=0)


def test_sample_frequencies_match_the_probabilities():
    prior, n = small_prior(), 4000
    every = torch.tensor(list(product(range(3), repeat=4)))
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.mul_(2)  # far from uniform
        share = prior.log_prob(every, torch.full((len(every),), 2)).exp()
    drawn = prior.sample(torch.full((n,), 2))
    number = (drawn * 3 ** torch.arange(3, -1, -1)).sum(1)
    frequency = torch.bincount(number, minlength=81) / n
    assert ((frequency - share).abs() <= 5 * (share * (1 - share) / n).sqrt() + 1 / n).all()
    assert share.max() > 2 / 81  # so that the prior is not uniform


@pytest.mark.parametrize("side, n_top", [(4, 0), (7, 5)])
def test_a_code_depends_only_on_those_before_it(side, n_top):
    prior = small_prior(side, n_top)
    codes = torch.randint(3, (1, side**2))
    above = (torch.randint(5, (1, 16)),) if n_top else ()
    label = torch.tensor([3])
    with torch.no_grad():
        before = prior(codes, label, *above)
        for place in range(side**2):
            other = codes.clone()
            other[0, place] = (codes[0, place] + 1) % 3
            changed = (prior(other, label, *above) - before).abs().amax((0, 1)) > 1e-6
            assert not changed[: place + 1].any()
            assert changed[place + 1 :].any() or place == side**2 - 1


def test_a_code_depends_on_the_label_and_the_whole_top():
    prior = small_prior(7, 5)
    codes, label = torch.randint(3, (1, 49)), torch.tensor([3])
    top = torch.randint(5, (1, 16))
    with torch.no_grad():
        before = prior(codes, label, top)
        assert (prior(codes, label + 1, top) != before).any(1).all()
        for place in range(16):
            other = top.clone()
            other[0, place] = (top[0, place] + 1) % 5
            assert (prior(codes, label, other) != before).any()


@pytest.mark.parametrize("center, used", [(False, 12), (True, 13)])
def test_the_mask_keeps_the_preceding_positions(center, used):
    layer = MaskedConv2d(1, 1, 5, center=center)
    assert layer.mask.flatten().tolist() == [1.0] * used + [0.0] * (25 - used)


def blocks(kind, center):
    if kind == "gated":  # without the residual connection, which uses h at its own place
        block = GatedBlock(2)
        return lambda h: block(h, torch.zeros(1, 2, 5, 5)) - h
    return MaskedConv2d(2, 2, 3, center=center)


@pytest.mark.parametrize(
    "kind, center", [("masked", False), ("masked", True), ("gated", True)]
)
def test_a_block_depends_only_on_preceding_positions(kind, center):
    h, block = torch.randn(1, 2, 5, 5, requires_grad=True), blocks(kind, center)
    for place in range(25):
        output = block(h).flatten(2)[0, :, place].sum()
        (gradient,) = torch.autograd.grad(output, h)
        used = gradient.flatten(2).abs().amax((0, 1)) > 1e-6  # h − h has a rounding error
        assert not used[place + 1 :].any() and used[place] == center
        assert place % 5 == 0 or used[place - 1]  # the position on the left


def test_the_loss_is_a_sum_over_places_and_a_mean_over_images():
    prior, label = small_prior(), torch.tensor([0, 3, 9])
    codes = torch.randint(3, (3, 4))
    with torch.no_grad():
        each = [code_nll(prior, c[None], y[None])["loss"] for c, y in zip(codes, label)]
        assert_close(code_nll(prior, codes, label)["loss"], torch.stack(each).mean())
        for parameter in prior.parameters():
            parameter.zero_()  # all three codes equally likely, at each of the four places
        even = code_nll(prior, codes, label)["loss"]
    assert_close(even, torch.tensor(4 * math.log(3)))


def table_priors():
    """Priors of one code each, with 2 and 3 values, as tables; and their joint."""
    top = torch.randn(10, 2).mul(3).log_softmax(1)  # label, code
    bottom = torch.randn(10, 2, 3).mul(3).log_softmax(2)  # label, top code, code
    return (
        SimpleNamespace(log_prob=lambda codes, y: top[y, codes[:, 0]]),
        SimpleNamespace(log_prob=lambda codes, y, t: bottom[y, t[:, 0], codes[:, 0]]),
        torch.einsum("yt,ytb->tb", top.exp(), bottom.exp()) / 10,
    )


def test_the_probability_of_both_levels_is_a_mixture_over_the_ten_labels():
    *priors, joint = table_priors()
    top, bottom = torch.cartesian_prod(torch.arange(2), torch.arange(3)).split(1, dim=1)
    share = log_code_probability(*priors, top, bottom).exp()
    assert_close(share, joint.flatten())
    assert_close(share.sum(), torch.ones(()))


def test_generate_samples_the_top_then_the_bottom():
    wanted, top, bottom = torch.tensor([3, 8]), torch.ones(2, 16), torch.ones(2, 49)
    calls = []

    def returning(codes):
        def sample(*arguments):
            calls.append(arguments)
            return codes

        return SimpleNamespace(sample=sample)

    model = SimpleNamespace(decode=lambda *levels: levels)
    levels = generate(model, returning(top), returning(bottom), wanted)
    assert levels[0] is top and levels[1] is bottom
    (label,), (label_again, top_given) = calls
    assert label is wanted and label_again is wanted and top_given is top


@pytest.mark.parametrize(
    "n_top, given, message", [(5, False, "none were given"), (0, True, "some were given")]
)
def test_missing_or_superfluous_top_codes_are_refused(n_top, given, message):
    top = (torch.zeros(1, 16, dtype=torch.long),) if given else ()
    prior, label = small_prior(7, n_top), torch.tensor([3])
    with pytest.raises(ValueError, match=message):
        prior.log_prob(torch.zeros(1, 49, dtype=torch.long), label, *top)
    with pytest.raises(ValueError, match=message):
        prior.sample(label, *top)


@pytest.mark.slow
def test_training_lowers_the_prior_s_loss_and_changes_every_layer():
    torch.manual_seed(0)
    prior = small_prior(7, 5)
    top = torch.randint(5, (64, 16))
    bottom = torch.randint(3, (64, 1)).expand(
        -1, 49
    )  # one code everywhere, which is easy to learn
    label = torch.arange(64) % 10
    before = {name: value.detach().clone() for name, value in prior.named_parameters()}
    data = (bottom.contiguous(), label, top)
    untrained = evaluate(prior, code_nll, data)["loss"]
    for _ in training_epochs(prior, code_nll, data, epochs=20, batch_size=16, lr=1e-2):
        pass
    assert untrained > 49 * math.log(3) * 0.9
    assert evaluate(prior, code_nll, data)["loss"] < untrained / 5
    for name, value in prior.named_parameters():
        assert not torch.equal(value, before[name]), name
