"""Checks of sets of real and of synthetic windows."""

from __future__ import annotations

from skaug.windows.container import Windows


def require_real(name: str, windows: Windows) -> None:
    """Raise if any window is synthetic.

    Parameters
    ----------
    name : str
        The argument that was passed.
    windows : Windows
        What was passed as real windows.

    Raises
    ------
    ValueError
        Counts the synthetic windows.
    """
    n_synthetic = int(windows.is_synthetic.sum())
    if n_synthetic:
        raise ValueError(
            f"{n_synthetic} of the {len(windows)} windows in {name} are synthetic: pass "
            "windows[~windows.is_synthetic]."
        )


def require_synthetic(name: str, windows: Windows) -> None:
    """Raise if some windows are synthetic and others recorded.

    Windows of a bare array are not marked as synthetic. A set without any mark is accepted.

    Parameters
    ----------
    name : str
        The argument that was passed.
    windows : Windows
        What was passed as synthetic windows.

    Raises
    ------
    ValueError
        Counts the recorded windows.
    """
    n_recorded = int((~windows.is_synthetic).sum())
    if 0 < n_recorded < len(windows):
        raise ValueError(
            f"{n_recorded} of the {len(windows)} windows in {name} are recorded: pass "
            "windows[windows.is_synthetic]."
        )
