"""Widgets of the course, one a file. They wire; plots draw, evidence computes."""

from course_utils.widgets.dial import Dial
from course_utils.widgets.evidence_gap import EvidenceGap
from course_utils.widgets.latent_walk import LatentWalk

__all__ = ["Dial", "EvidenceGap", "LatentWalk"]
