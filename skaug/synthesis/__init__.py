"""Where synthetic windows come from."""

from skaug.synthesis.base import Synthesizer
from skaug.synthesis.surrogate import SurrogateSynthesizer

__all__ = ["SurrogateSynthesizer", "Synthesizer"]
