"""The names that parameters accept. Nothing is imported here, so the command line lists them at once."""

from __future__ import annotations

ALIGNMENTS = ("subject", "table")
LAST = ("drop", "align")
MISSING = ("raise", "keep", "drop", "ffill")
AGGREGATIONS = ("mean", "median", "first", "center", "last", "max", "mode")

#: What each protocol trains on, and what it is tested on.
PROTOCOLS = {
    "TRTR": "train on real, test on real windows",
    "TRSTR": "train on real and synthetic, test on real windows",
    "TSTR": "train on synthetic, test on real windows",
    "TRTS": "train on real, test on synthetic windows",
    "TRRTR": "train on real windows and duplicates of them, test on real windows",
    "TRPTR": "train on real windows and synthetic ones with permuted labels, test on real windows",
}
