"""Widgets of the course, one per file. They connect traits with plots and theory."""

from course_utils.widgets.denoising_field import DenoisingField
from course_utils.widgets.dial import Dial
from course_utils.widgets.draw_digit import DrawDigit
from course_utils.widgets.evidence_gap import EvidenceGap
from course_utils.widgets.latent_walk import LatentWalk
from course_utils.widgets.live_training import LiveTraining
from course_utils.widgets.reparameterization import Reparameterization
from course_utils.widgets.side_by_side import SideBySide

__all__ = [
    "DenoisingField",
    "Dial",
    "DrawDigit",
    "EvidenceGap",
    "LatentWalk",
    "LiveTraining",
    "Reparameterization",
    "SideBySide",
]
