"""Generator and discriminator: the values of their losses, and their training."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal
from torch.testing import assert_close

from course_utils.generative.gan import (
    adversarial_epochs,
    conv_gan,
    discriminator_loss,
    generator_loss,
    mlp_gan,
)

B, D = 40, 2


def weights(network):
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def test_the_loss_of_an_undecided_discriminator_is_2_log_2():
    x, fake = torch.randn(B, D), torch.randn(B, D)
    loss = discriminator_loss(lambda x: torch.zeros(len(x)), x, fake)
    assert_close(loss, torch.tensor(2 * math.log(2)))


def test_at_the_optimal_discriminator_the_loss_is_2_log_2_minus_2_jsd():
    """For two Gaussians; the Jensen–Shannon divergence by a sum over a fine grid."""
    torch.manual_seed(0)
    p, q = Normal(0.0, 1.0), Normal(1.5, 0.7)
    x, n = torch.linspace(-12, 12, 20001), 100_000
    middle = (p.log_prob(x).exp() + q.log_prob(x).exp()) / 2
    jsd = sum(
        torch.trapezoid(side.log_prob(x).exp() * (side.log_prob(x) - middle.log()), x)
        for side in (p, q)
    )  # the sum of both divergences is twice their mean

    def best(x):
        return p.log_prob(x) - q.log_prob(x)

    real, fake = p.sample((n,)), q.sample((n,))
    loss = discriminator_loss(best, real, fake)
    spread = torch.nn.functional.softplus(-best(real)).std() / math.sqrt(n)
    spread += torch.nn.functional.softplus(best(fake)).std() / math.sqrt(n)
    assert abs(loss - (2 * math.log(2) - jsd)) < 5 * spread


def test_the_discriminator_s_gradient_raises_data_and_lowers_samples():
    score = torch.zeros(2, requires_grad=True)
    discriminator_loss(lambda i: score[i], torch.tensor([0]), torch.tensor([1])).backward()
    assert_close(score.grad, torch.tensor([-0.5, 0.5]))


def test_the_generator_has_a_gradient_where_the_discriminator_is_certain():
    logit = torch.full((1,), -20.0, requires_grad=True)  # D(x̃) = 2e-9
    generator_loss(lambda logit: logit, logit).backward()
    assert_close(logit.grad, torch.tensor([-1.0]))
    logit.grad = None
    torch.log1p(-logit.sigmoid()).mean().backward()  # the minimax loss: E log(1 − D(x̃))
    assert logit.grad.abs() < 1e-8


def test_shapes():
    gan = mlp_gan(D, 3, (8,), last=nn.Sigmoid())
    fake = gan.sample(B)
    assert gan.noise(B).shape == (B, 3) and fake.shape == (B, D)
    assert ((fake > 0) & (fake < 1)).all() and not fake.requires_grad
    assert gan.discriminator(fake).shape == (B,)


def test_the_discriminator_has_the_generator_s_widths_in_reverse():
    gan = mlp_gan(D, 3, (8, 5))
    for network, sizes in (
        (gan.generator, [3, 8, 5, D]),
        (gan.discriminator, [D, 5, 8, 1]),
    ):
        layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        assert [layer.in_features for layer in layers] == sizes[:-1]
        assert [layer.out_features for layer in layers] == sizes[1:]


def test_the_convolutional_networks_have_the_shapes_of_digits():
    gan = conv_gan()
    fake = gan.sample(5)
    assert gan.noise(5).shape == (5, 32) and fake.shape == (5, 784)
    assert fake.min() >= 0 and fake.max() <= 1
    assert fake.max() > 0.5 > fake.min()  # from black to white
    assert gan.discriminator(fake).shape == (5,)
    single = gan.eval().sample(1)  # without a batch to take statistics from
    assert single.shape == (1, 784) and gan.discriminator(single).shape == (1,)


@pytest.mark.parametrize(
    "make, data_dim",
    [(lambda: mlp_gan(D, 3, (8,)), D), (conv_gan, 784)],
    ids=["MLP", "convolutions"],
)
def test_training_changes_every_layer_of_both_networks(make, data_dim):
    torch.manual_seed(0)
    gan = make()
    before = weights(gan)
    records = list(adversarial_epochs(gan, torch.rand(B, data_dim), epochs=2, batch_size=8))
    assert [record["epoch"] for record in records] == [1, 2]
    assert set(records[0]) == {"epoch", "generator", "discriminator"}
    for name, value in gan.named_parameters():
        assert not torch.equal(value, before[name]), name


def test_each_network_takes_one_adam_step_on_its_own_loss():
    """Compared with two steps by hand: no gradient of the other network, and β₁ = ½."""
    torch.manual_seed(0)
    gan, twin = mlp_gan(D, 3, (8,)), mlp_gan(D, 3, (8,))
    twin.load_state_dict(gan.state_dict())
    x = torch.randn(1, D)  # one data point has only one order
    torch.manual_seed(1)
    list(adversarial_epochs(gan, x, epochs=2, lr=0.01))
    torch.manual_seed(1)
    optimizers = {
        network: torch.optim.Adam(network.parameters(), lr=0.01, betas=(0.5, 0.999))
        for network in (twin.generator, twin.discriminator)
    }
    for _ in range(2):  # the first step is the same with every β₁
        torch.randperm(1)
        fake = twin.generator(twin.noise(1))
        losses = {
            twin.generator: generator_loss(twin.discriminator, fake),
            twin.discriminator: discriminator_loss(twin.discriminator, x, fake.detach()),
        }
        for network, loss in losses.items():
            parameters = list(network.parameters())
            gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
            for parameter, gradient in zip(parameters, gradients):
                parameter.grad = gradient
        for optimizer in optimizers.values():
            optimizer.step()
    for (name, value), other in zip(gan.named_parameters(), twin.parameters()):
        assert_close(value, other, msg=name)


@pytest.mark.slow
def test_samples_move_to_the_data():
    torch.manual_seed(0)
    data = torch.randn(400, 1) * 0.5 + 3
    gan = mlp_gan(1, 1, (16,))
    for _ in adversarial_epochs(gan, data, epochs=40, batch_size=50, lr=5e-3):
        pass
    assert abs(gan.sample(1000).mean() - 3) < 1  # initially near 0


@pytest.mark.parametrize(
    "invalid, message",
    [
        (lambda x: {"data": x[:0]}, "shape"),
        (lambda x: {"data": x / 0}, "NaN or infinity"),
        (lambda x: {"data": x, "epochs": 0}, "epochs must be .* >= 1"),
        (lambda x: {"data": x, "lr": 0}, "lr must be > 0"),
    ],
)
def test_invalid_training_arguments_are_refused_at_the_call(invalid, message):
    arguments = {"epochs": 1, **invalid(torch.randn(B, D))}
    with pytest.raises(ValueError, match=message):
        adversarial_epochs(mlp_gan(D, 3, (8,)), **arguments)


@pytest.mark.parametrize(
    "discriminator", [mlp_gan(D, 3, (8,)).discriminator, nn.Linear(D, 1)]
)
def test_data_of_another_width_are_refused_at_the_first_batch(discriminator):
    gan = mlp_gan(D, 3, (8,))
    gan.discriminator = discriminator
    with pytest.raises(ValueError, match="not .20, 1.|20x1 and 2x1"):
        next(adversarial_epochs(gan, torch.randn(20, 1), epochs=1))
