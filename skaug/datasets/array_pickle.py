"""Pickles of arrays, read without importing or calling anything that they name."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import numpy.typing as npt


class StoredArray:
    """An array as its pickle describes it: numpy sees it only once that is checked."""

    def __init__(self, *placeholders: Any) -> None:
        self.parts: tuple[Any, ...] = ()

    def __setstate__(self, state: Any) -> None:
        *_, shape, dtype, fortran, raw = state
        if not isinstance(dtype, _Dtype) or not isinstance(raw, (str, bytes, _Encoded)):
            raise pickle.UnpicklingError("an array of anything but numbers or text is refused")
        self.parts = shape, dtype, fortran, raw

    def read(self) -> npt.NDArray[Any]:
        """Make the array."""
        shape, dtype, fortran, raw = self.parts
        raw = raw.text if isinstance(raw, _Encoded) else raw
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        values = np.frombuffer(raw, np.dtype(dtype.order + dtype.name))
        return values.reshape(shape, order="F" if fortran else "C")


class _StoredScalar(StoredArray):
    """A number or text that numpy held."""

    def __init__(self, dtype: Any, raw: Any) -> None:
        self.__setstate__(((), dtype, False, raw))


class _Dtype:
    """The type of an array, one of numbers or text."""

    def __init__(self, name: Any, *flags: Any) -> None:
        if not re.fullmatch("[biufSU][0-9]{1,3}", str(name)):
            raise pickle.UnpicklingError(f"an array of dtype {str(name)[:20]!r} is refused")
        self.name, self.order = str(name), "="

    def __setstate__(self, state: Any) -> None:
        if state[1] not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("an array of unknown byte order is refused")
        self.order = state[1]


class _Encoded:
    """Bytes that Python 3 wrote for Python 2 to read: as text, encoded only when needed."""

    def __init__(self, text: str = "", encoding: str = "latin1") -> None:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError("bytes in an encoding other than latin1 are refused")
        self.text = text

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("bytes have no state")


# Python's own unpickler, not C's: there, nine bytes of a pickle can ask for 64 GB (a large PUT).
class ArrayUnpickler(pickle._Unpickler):
    """Reads numbers, text, containers and the stand-ins above; imports and calls nothing else."""

    _ADMITTED: dict[tuple[str, str], type] = {
        ("numpy", "ndarray"): StoredArray,
        ("numpy", "dtype"): _Dtype,
        ("numpy.core.multiarray", "_reconstruct"): StoredArray,
        ("numpy._core.multiarray", "_reconstruct"): StoredArray,
        ("numpy.core.multiarray", "scalar"): _StoredScalar,
        ("numpy._core.multiarray", "scalar"): _StoredScalar,
        ("_codecs", "encode"): _Encoded,
        ("__builtin__", "bytes"): _Encoded,
    }

    def find_class(self, module: str, name: str) -> type:
        """Give the stand-in of a name, or refuse it."""
        if (module, name) not in self._ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is refused")
        return self._ADMITTED[module, name]
