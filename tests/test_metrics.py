"""Measures of samples, compared with closed forms; the digit classifier."""

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from course_utils.generative.classifier import (
    accuracy,
    classification_loss,
    digit_classifier,
    features,
    sure_share,
)
from course_utils.generative.metrics import (
    chimeras,
    energy_distance,
    off_data_share,
    sharpness,
)
from course_utils.training import training_epochs


def test_sharpness_of_a_step_is_its_height_squared():
    image = torch.zeros(1, 4, 4)
    image[0, :, 2:] = 0.5  # four rows, a step of ½ each
    assert_close(sharpness(image.flatten(1)), torch.tensor([4 * 0.25]))


def test_sharpness_of_an_edge_over_n_pixels_is_one_nth():
    ramp = torch.tensor([0.0, 0, 0.25, 0.5, 0.75, 1, 1, 1]).expand(8, 8)
    image = torch.stack([ramp, ramp.T]).flatten(1)  # both directions alike
    assert_close(sharpness(image), torch.full((2,), 8 / 4))


def test_images_that_are_not_square_are_refused():
    with pytest.raises(ValueError, match="square"):
        sharpness(torch.rand(2, 12))


def mean_of_folded_normal(mu, sigma):
    """E|N(μ, σ²)|"""
    return sigma * math.sqrt(2 / math.pi) * math.exp(
        -(mu**2) / (2 * sigma**2)
    ) + mu * math.erf(mu / (sigma * math.sqrt(2)))


def test_the_energy_distance_of_two_gaussians():
    torch.manual_seed(0)
    x, y = torch.randn(3000, 1), torch.randn(3000, 1) + 1.5
    wide = math.sqrt(2)  # of the difference of two draws
    expected = 2 * mean_of_folded_normal(1.5, wide) - 2 * mean_of_folded_normal(0, wide)
    # Five standard errors: the mean of 3000 terms with a spread of about 1.7.
    assert abs(energy_distance(x, y) - expected) < 5 * 1.7 / math.sqrt(3000)


def test_the_energy_distance_of_one_distribution_is_zero_on_average():
    torch.manual_seed(0)
    values = torch.stack(
        [energy_distance(torch.randn(50, 2), torch.randn(60, 2)) for _ in range(300)]
    )
    assert values.mean().abs() < 5 * values.std() / math.sqrt(300)


def test_the_energy_distance_of_a_single_point_is_refused():
    with pytest.raises(ValueError, match="two points"):
        energy_distance(torch.randn(1, 2), torch.randn(5, 2))


def test_one_in_a_hundred_points_of_the_data_counts_as_off_them():
    torch.manual_seed(0)
    x, data, fresh = torch.randn(3, 4000, 2)
    assert off_data_share(fresh, data, fresh) == pytest.approx(0.01, abs=0.001)
    share = off_data_share(x, data, fresh)
    assert share == pytest.approx(0.01, abs=0.01)  # five standard errors, of two samples


def test_points_off_the_data_count_where_the_energy_distance_sees_nothing():
    """A tenth of the points of a thin ring are moved from radius 1 to radius 0.9."""
    torch.manual_seed(0)
    angle = 2 * math.pi * torch.rand(3, 3000)
    x, data, fresh = torch.stack([angle.cos(), angle.sin()], dim=2)
    x[:300] *= 0.9
    assert energy_distance(x, fresh) < 0.003
    assert off_data_share(x, data, fresh) == pytest.approx(0.11, abs=0.01)


def test_chimeras_are_halves_of_two_images_with_different_labels():
    """Each pixel holds the label of its image."""
    torch.manual_seed(0)
    labels = torch.arange(200) % 10
    glued = chimeras(labels[:, None].expand(200, 16).float(), labels)
    upper, lower = glued[:, :8], glued[:, 8:]
    assert glued.shape[1] == 16 and 150 < len(glued) < 200  # nine pairs of ten differ
    assert (upper == upper[:, :1]).all() and (lower == lower[:, :1]).all()
    assert (upper[:, 0] != lower[:, 0]).all()
    assert upper.unique().tolist() == lower.unique().tolist() == list(range(10))


def test_chimeras_of_one_label_are_refused():
    with pytest.raises(ValueError, match="different labels"):
        chimeras(torch.rand(5, 16), torch.ones(5, dtype=torch.long))


def test_features_are_those_before_the_last_layer():
    classifier = digit_classifier(14)
    images = torch.rand(5, 196)
    hidden = features(classifier, images)
    assert hidden.shape == (5, 128) and not hidden.requires_grad
    assert_close(classifier[-1](hidden), classifier(images))


def test_the_classifier_is_sure_above_ninety_percent():
    p = torch.tensor([[0.95, 0.05], [0.89, 0.11], [0.08, 0.92], [0.5, 0.5]])
    assert sure_share(nn.Identity(), p.log()) == 0.5


@pytest.mark.parametrize("side", [14, 28])
def test_the_classifier_learns_to_separate_two_shapes(side):
    torch.manual_seed(0)
    labels = torch.arange(200) % 2
    images = 0.1 * torch.rand(200, side, side)
    images[labels == 0, : side // 2] += 0.9
    images[labels == 1, :, : side // 2] += 0.9
    images = images.flatten(1)
    classifier = digit_classifier(side)
    epochs = training_epochs(
        classifier, classification_loss, (images, labels), epochs=3, batch_size=20
    )
    losses = [record["loss"] for record in epochs]
    assert losses[-1] < 0.1 < losses[0]
    assert accuracy(classifier, images, labels) == 1
    assert accuracy(classifier, images, 1 - labels) == 0
