"""Recordings to try the library on."""

from skaug.datasets.simulated import simulate_ppg

__all__ = ["simulate_ppg"]
