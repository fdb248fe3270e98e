"""A stand-in for the service's model: reads the columns of a request and makes a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skaug._checks import require_list, require_whole_number
from skaug.server.constraints import Constraints, read_constraints
from skaug.synthesis import SurrogateSynthesizer
from skaug.windows.container import Windows

WINDOW_SIZE = 512
FEATURES = ("BVP", "ECG")
SUBJECT = "subject"

_CONSTRAINTS = "_constraints_"
_RATE = "heart_rate"  # beats per minute
_SAMPLING_RATE = 64.0  # Hz, of BVP in the published table


@dataclass(frozen=True)
class Condition:
    """What a window is made from.

    Parameters
    ----------
    numbers : mapping of str to ndarray of shape (window_size,)
        The time-series columns that were sent, and the heart rate where one of them was not.
    constraints : Constraints
        Bounds of the window.
    """

    numbers: Mapping[str, NDArray[np.float64]]
    constraints: Constraints


class LocalModel:
    """A model that makes surrogates of what it is sent.

    Parameters
    ----------
    window_size, features, subject
        As in `running`.
    """

    def __init__(self, window_size: int, features: Sequence[str], subject: str) -> None:
        self.window_size = require_whole_number("window_size", window_size, 3)
        require_list("features", features)
        self.features = tuple(features)
        if not self.features:
            raise ValueError("features=[] leaves nothing to synthesize: name a column.")
        self.subject = subject
        self._rng = np.random.default_rng()  # never seeded: the service has no seed either

    def read(self, columns: Mapping[str, Any]) -> Condition:
        """Check the columns of a request as the service does.

        Parameters
        ----------
        columns : mapping of str to mapping of str to object
            As sent. Rows count in the order in which they are sent: the service ignores their numbers.

        Raises
        ------
        ValueError
            If a column has a null or another length or should be numbers and is not, or if the
            subject changes. The message names columns and rows, never values.
        """
        constraints = Constraints()
        if _CONSTRAINTS in columns:
            constraints = read_constraints(columns[_CONSTRAINTS], self.window_size)
        columns = {name: column for name, column in columns.items() if name != _CONSTRAINTS}
        for name, column in columns.items():
            self._check_rows(name, column)
        if len({str(value) for value in columns.get(self.subject, {}).values()}) > 1:
            raise ValueError(f"column {self.subject!r} changes within the window")
        names = [name for name in self.features if name in columns]
        if _RATE in columns and len(names) < len(self.features):
            names.append(_RATE)
        return Condition({name: _numbers(name, columns[name]) for name in names}, constraints)

    def _check_rows(self, name: str, column: Any) -> None:
        if not isinstance(column, dict):
            raise ValueError(f"column {name!r} has no rows")
        for row, value in column.items():
            if value is None or value != value:  # NaN, which is not JSON but which Python reads
                raise ValueError(f"column {name!r} has a null in row {row!r}")
        if len(column) != self.window_size:
            raise ValueError(f"column {name!r} has {len(column)} rows, not {self.window_size}")

    def synthesize(self, condition: Condition) -> dict[str, dict[int, Any]]:
        """Make a window, a new one each time.

        Returns
        -------
        dict of str to dict of int to object
            The columns of the answer in random order: those of the service come from a set.
        """
        with np.errstate(all="ignore"):  # what overflows becomes NaN, and is answered as such
            signals = self._signals(condition.numbers)
            signals = {
                name: condition.constraints.apply(name, values) for name, values in signals.items()
            }
        columns = [(f"{name}_synthetic", values.tolist()) for name, values in signals.items()]
        columns.append(("index", list(range(self.window_size))))
        order = self._rng.permutation(len(columns))
        return {columns[i][0]: dict(enumerate(columns[i][1])) for i in order}

    def _signals(
        self, numbers: Mapping[str, NDArray[np.float64]]
    ) -> dict[str, NDArray[np.float64]]:
        if not all(np.isfinite(values).all() for values in numbers.values()):
            return {name: np.full(self.window_size, np.nan) for name in self.features}
        sent = {name: numbers[name] for name in self.features if name in numbers}
        signals = self._surrogates(sent) if sent else {}
        return {
            name: signals[name] if name in sent else self._beating(numbers.get(_RATE))
            for name in self.features
        }

    def _surrogates(
        self, sent: Mapping[str, NDArray[np.float64]]
    ) -> dict[str, NDArray[np.float64]]:
        window = Windows.from_arrays(
            np.stack(list(sent.values()), axis=1)[None], channels_first=False
        )
        synthesizer = SurrogateSynthesizer(random_state=int(self._rng.integers(2**63)))
        surrogate = synthesizer.synthesize(window).to_numpy()[0]
        return dict(zip(sent, surrogate.T, strict=True))

    def _beating(self, rate: NDArray[np.float64] | None) -> NDArray[np.float64]:
        noise = self._rng.standard_normal(self.window_size)
        if rate is None:
            return noise
        beats = np.cumsum(rate) / 60.0 / _SAMPLING_RATE + self._rng.uniform()
        return np.sin(2 * np.pi * beats) + 0.1 * noise


def _numbers(name: str, column: Mapping[str, Any]) -> NDArray[np.float64]:
    values = np.empty(len(column))
    for i, (row, value) in enumerate(column.items()):
        try:
            values[i] = float(value)
        except (ValueError, OverflowError):
            raise ValueError(f"column {name!r} is not a number in row {row!r}") from None
    return values
