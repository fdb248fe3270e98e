"""Pickles of arrays, read in bounded time and memory without importing or calling anything."""

from __future__ import annotations

import pickle
import pickletools
import re
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

#: An array takes about 40 opcodes however long it is; a published file has a few hundred.
MAX_OPCODES = 250_000


def load_arrays(stream: BinaryIO) -> Any:
    """Return what a pickle holds: numbers, text, containers and stand-ins for arrays.

    Raises
    ------
    Exception
        Of any kind, if the pickle is damaged or contains anything else.
    """
    return ArrayUnpickler(stream, encoding="latin1").load()


class StoredArray:
    """An array as its pickle describes it; NumPy sees it only after it has been checked."""

    def __init__(self, *placeholders: Any) -> None:
        self.parts: tuple[Any, ...] = ()

    def __setstate__(self, state: Any) -> None:
        *_, shape, dtype, fortran, raw = state  # of a tuple: see _OPERANDS
        if not isinstance(dtype, _Dtype) or not isinstance(raw, (str, bytes, _Encoded)):
            raise pickle.UnpicklingError("an array of anything but numbers or text is refused")
        self.parts = shape, dtype, fortran, raw

    def read(self) -> npt.NDArray[Any]:
        """Return the array."""
        shape, dtype, fortran, raw = self.parts
        raw = raw.text if isinstance(raw, _Encoded) else raw
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        values = np.frombuffer(raw, np.dtype(dtype.order + dtype.name))
        return values.reshape(shape, order="F" if fortran else "C")


class _StoredScalar(StoredArray):
    """A number or text that NumPy held."""

    def __init__(self, dtype: Any, raw: Any) -> None:
        self.__setstate__(((), dtype, False, raw))


class _Dtype:
    """The type of an array of numbers or text."""

    def __init__(self, name: Any, *flags: Any) -> None:
        if not isinstance(name, str) or not re.fullmatch("[biufSU][0-9]{1,3}", name):
            shown = repr(name[:20]) if isinstance(name, str) else "of another kind"
            raise pickle.UnpicklingError(f"an array of dtype {shown} is refused")
        self.name, self.order = name, "="

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


# Opcodes that make numbers, text, containers, or an object of a class that `find_class` admits.
_ADMITTED_OPCODES = (
    *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK"),
    *("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET"),
    *("NONE", "NEWTRUE", "NEWFALSE", "FLOAT", "BINFLOAT"),
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("EMPTY_LIST", "LIST", "APPEND", "APPENDS"),
    *("EMPTY_DICT", "DICT", "SETITEM", "SETITEMS"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "NEWOBJ", "BUILD"),
)

# What must lie on the stack before an opcode, or it could take much longer than it is long: tuples of
# the same tuple hash forever, many numbers hash to the same, and a text can be spread into characters.
_OPERANDS: dict[str, tuple[slice, tuple[type, ...]]] = {
    "SETITEM": (slice(-2, -1), (str, bytes)),
    "SETITEMS": (slice(0, None, 2), (str, bytes)),
    "DICT": (slice(0, None, 2), (str, bytes)),
    "REDUCE": (slice(-1, None), (tuple,)),
    "NEWOBJ": (slice(-1, None), (tuple,)),
    "BUILD": (slice(-1, None), (tuple,)),
}

Handler = Callable[[Any], None]


def _handlers() -> dict[int, Handler]:
    """Return a handler for each opcode, by its code."""
    known: dict[int, Handler] = pickle._Unpickler.dispatch  # type: ignore[attr-defined]
    return {
        ord(opcode.code): _bounded(opcode.name, known[ord(opcode.code)])
        if opcode.name in _ADMITTED_OPCODES
        else _refusing(opcode.name)
        for opcode in pickletools.opcodes
    }


def _bounded(name: str, handle: Handler) -> Handler:
    where, kinds = _OPERANDS.get(name, (None, ()))

    def run(unpickler: ArrayUnpickler) -> None:
        unpickler.n_opcodes += 1
        if unpickler.n_opcodes > MAX_OPCODES:
            raise pickle.UnpicklingError(f"more than {MAX_OPCODES} opcodes are refused")
        if where is not None and not all(isinstance(it, kinds) for it in unpickler.stack[where]):
            raise pickle.UnpicklingError(f"the operand of an opcode {name} is refused")
        handle(unpickler)

    return run


def _refusing(name: str) -> Handler:
    def run(unpickler: ArrayUnpickler) -> None:
        raise pickle.UnpicklingError(f"the opcode {name} is refused")

    return run


# Python's own unpickler, not C's: there, nine bytes of a pickle can request 64 GB (a large PUT).
class ArrayUnpickler(pickle._Unpickler):
    """Reads numbers, text, containers and the stand-ins above; imports and calls nothing else.

    The number of opcodes is bounded, and each takes no more time and memory than the bytes it reads justify.
    """

    dispatch = _handlers()
    n_opcodes = 0
    stack: list[Any]

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
        """Return the stand-in of a name, or refuse it."""
        if (module, name) not in self._ADMITTED:
            shown = f"{module[:40]}.{name[:40]}"
            raise pickle.UnpicklingError(f"it calls for {shown}, which is refused")
        return self._ADMITTED[module, name]
