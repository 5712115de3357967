"""A classifier of digits, to evaluate generated ones, which it does in eval mode."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from course_utils._validation import check_count, check_finite, check_integers
from course_utils.models import check_input, to_images
from course_utils.modes import measure
from course_utils.objectives import Terms


def digit_classifier(side: int = 28) -> nn.Sequential:
    """Images of digits -> logits of the ten classes.  (B, side²) -> (B, 10)"""
    check_count("side", side)
    quarter = -(-side // 4)
    return nn.Sequential(
        to_images(side),
        check_input(nn.Conv2d(1, 16, 3, stride=2, padding=1)),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * quarter**2, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def classification_loss(classifier: nn.Module, images: Tensor, labels: Tensor) -> Terms:
    """−E log p(label | image).  (B, D), (B,) -> {name: ()}, nats"""
    logits = classifier(images)
    check_integers("labels", labels, logits.shape[1], (len(logits),))
    return {"loss": F.cross_entropy(logits, labels)}


@measure
def features(classifier: nn.Sequential, images: Tensor) -> Tensor:
    """Output of the last hidden layer: all layers but the last.  (B, D) -> (B, H)"""
    return classifier[:-1](images)


@measure
def sure_share(classifier: nn.Module, images: Tensor) -> Tensor:
    """Share of the images with a label of more than 90 %.  (B, D) -> ()"""
    logits = classifier(images)
    check_finite(logits)
    return (logits.softmax(1).amax(1) > 0.9).float().mean()


@measure
def accuracy(classifier: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Share of the images that get the right label.  (B, D), (B,) -> ()"""
    logits = classifier(images)
    check_finite(logits)
    check_integers("labels", labels, logits.shape[1], (len(logits),))
    return (logits.argmax(1) == labels).float().mean()
