"""Files of MATLAB, read by SciPy, which runs nothing that they hold."""

from __future__ import annotations

from typing import Any, BinaryIO

from scipy.io import loadmat


def mat_variables(stream: BinaryIO, names: list[str]) -> dict[str, Any]:
    """Return variables of a .mat file up to version 7; others in it are skipped.

    Parameters
    ----------
    stream : file
        The opened file.
    names : list of str
        The variables, all of which must be there.

    Returns
    -------
    dict of {str: ndarray}

    Raises
    ------
    ValueError
        If a variable is missing, or the file is of version 7.3, which SciPy does not read.
    Exception
        Of any other kind, if the file is damaged.
    """
    try:
        found: dict[str, Any] = loadmat(stream, variable_names=names)
    except NotImplementedError as error:
        raise ValueError(
            "it is of MATLAB version 7.3, unlike the published one; save it again with -v7"
        ) from error
    except OSError as error:
        if error.errno is not None:  # of the disk; SciPy's own have none
            raise
        raise ValueError(str(error)) from error
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"it has no variable {missing[0]}")
    return {name: found[name] for name in names}


def mat_variable(stream: BinaryIO, name: str) -> Any:
    """Return one variable of a .mat file, see :func:`mat_variables`."""
    return mat_variables(stream, [name])[name]
