"""Transforms of windows, for `TransformSynthesizer`."""

from skaug.synthesis.transforms.base import Transform
from skaug.synthesis.transforms.gaps import FrequencyMask, Mask
from skaug.synthesis.transforms.levels import Drift, Jitter, MagnitudeWarp, Rotate, Scale
from skaug.synthesis.transforms.times import Permute, TimeShift, TimeWarp

__all__ = [
    "Drift",
    "FrequencyMask",
    "Jitter",
    "MagnitudeWarp",
    "Mask",
    "Permute",
    "Rotate",
    "Scale",
    "TimeShift",
    "TimeWarp",
    "Transform",
]
