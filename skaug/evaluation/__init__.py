"""Did the synthetic windows help? Protocols compared on the same folds."""

from skaug.evaluation.protocols import ProtocolComparison, compare_protocols

__all__ = ["ProtocolComparison", "compare_protocols"]
