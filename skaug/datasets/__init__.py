"""Recordings to try the library on."""

from skaug.datasets.ieee_spc import load_ieee_spc
from skaug.datasets.pamap2 import load_pamap2
from skaug.datasets.ppg_dalia import load_ppg_dalia
from skaug.datasets.simulated import simulate_ppg
from skaug.datasets.wesad import load_wesad
from skaug.datasets.wildppg import load_wildppg

__all__ = [
    "load_ieee_spc",
    "load_pamap2",
    "load_ppg_dalia",
    "load_wesad",
    "load_wildppg",
    "simulate_ppg",
]
