"""Recordings to try the library on."""

from skaug.datasets.ppg_dalia import load_ppg_dalia
from skaug.datasets.simulated import simulate_ppg

__all__ = ["load_ppg_dalia", "simulate_ppg"]
