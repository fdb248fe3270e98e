"""What stands in place of the model: it reads the columns of a request, and makes a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skaug.server.constraints import Constraints, read_constraints
from skaug.synthesis import SurrogateSynthesizer
from skaug.windows.container import Windows

WINDOW_SIZE = 512
FEATURES = ("BVP", "ECG")
SUBJECT = "subject"

_CONSTRAINTS = "_constraints_"
_RATE = "heart_rate"  # beats per minute
_SAMPLING_RATE = 64.0  # Hz, of the published table's BVP


@dataclass(frozen=True)
class Condition:
    """What a window is made of.

    Parameters
    ----------
    numbers : mapping of str to ndarray of shape (window_size,)
        The columns of numbers: time series, continuous metadata, the heart rate.
    times : list
        The time column of the answer.
    constraints : Constraints
    """

    numbers: Mapping[str, NDArray[np.float64]]
    times: list[Any]
    constraints: Constraints


class LocalModel:
    """A stand-in for a trained model: surrogates of what it is sent.

    Parameters
    ----------
    window_size, features, continuous, discrete, subject, timestamp
        As in `running`.
    """

    def __init__(
        self,
        window_size: int,
        features: Sequence[str],
        continuous: Sequence[str],
        discrete: Sequence[str],
        subject: str,
        timestamp: str | None,
    ) -> None:
        if not isinstance(window_size, int | np.integer) or window_size < 3:
            raise ValueError(f"window_size={window_size!r} must be a whole number, 3 or more.")
        self.window_size = int(window_size)
        self.features = _names(features, "features")
        if not self.features:
            raise ValueError("features names no column: there would be nothing to synthesise.")
        self.continuous = _names(continuous, "continuous")
        self.subject = subject
        self.timestamp = timestamp
        times = () if timestamp is None else (timestamp,)
        self._required = (*self.continuous, *_names(discrete, "discrete"), *times)
        self._rng = np.random.default_rng()  # never seeded: the service has no seed either

    def read(self, columns: Mapping[str, Any]) -> Condition:
        """Check the columns of a request as the service does.

        Parameters
        ----------
        columns : mapping of str to mapping of str to object
            As sent. The rows count in the order in which they are sent: the service takes no notice
            of their numbers.

        Raises
        ------
        ValueError
            If a column is missing, holds a null, has another length, should hold numbers and does
            not, or if the subject changes. It names columns and rows, never values.
        """
        constraints = read_constraints(columns.get(_CONSTRAINTS), self.window_size)
        columns = {name: column for name, column in columns.items() if name != _CONSTRAINTS}
        for name in self._required:
            if name not in columns:
                raise ValueError(f"column {name!r} is missing")
        for name, column in columns.items():
            self._check_rows(name, column)
        if len({str(value) for value in columns.get(self.subject, {}).values()}) > 1:
            raise ValueError(f"column {self.subject!r} changes within the window")
        as_numbers = [name for name in (*self.features, *self.continuous) if name in columns]
        if _RATE in columns and not set(self.features) <= set(columns):
            as_numbers.append(_RATE)
        return Condition(
            numbers={name: _numbers(name, columns[name]) for name in as_numbers},
            times=list(range(self.window_size))
            if self.timestamp is None
            else list(columns[self.timestamp].values()),
            constraints=constraints,
        )

    def _check_rows(self, name: str, column: Any) -> None:
        if not isinstance(column, dict):
            raise ValueError(f"column {name!r} has no rows")
        for row, value in column.items():
            if value is None or value != value:  # NaN, which JSON has not but Python reads
                raise ValueError(f"column {name!r} holds a null in row {row!r}")
        if len(column) != self.window_size:
            raise ValueError(f"column {name!r} has {len(column)} rows, not {self.window_size}")

    def synthesize(self, condition: Condition) -> dict[str, dict[int, Any]]:
        """Make a window, another one each time.

        Returns
        -------
        dict of str to dict of int to object
            The answer's columns in any order, since the service's come from a set.
        """
        with np.errstate(all="ignore"):  # what overflows becomes NaN, and is answered as such
            signals = self._signals(condition.numbers)
            signals = {
                name: condition.constraints.apply(name, values) for name, values in signals.items()
            }
        columns = [(f"{name}_synthetic", values.tolist()) for name, values in signals.items()]
        columns.append(("index" if self.timestamp is None else self.timestamp, condition.times))
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
            name: signals[name] if name in sent else self._made_up(numbers.get(_RATE))
            for name in self.features
        }

    def _surrogates(
        self, sent: Mapping[str, NDArray[np.float64]]
    ) -> dict[str, NDArray[np.float64]]:
        window = Windows.from_arrays(np.stack(list(sent.values()), axis=1)[None])
        synthesizer = SurrogateSynthesizer(random_state=int(self._rng.integers(2**63)))
        surrogate = synthesizer.synthesize(window).to_numpy()[0]
        return dict(zip(sent, surrogate.T, strict=True))

    def _made_up(self, rate: NDArray[np.float64] | None) -> NDArray[np.float64]:
        noise = self._rng.standard_normal(self.window_size)
        if rate is None:
            return noise
        beats = np.cumsum(rate) / 60.0 / _SAMPLING_RATE + self._rng.uniform()
        return np.sin(2 * np.pi * beats) + 0.1 * noise


def _names(columns: Sequence[str], parameter: str) -> tuple[str, ...]:
    if isinstance(columns, str):
        raise ValueError(f"{parameter}={columns!r} must be a list of columns: [{columns!r}].")
    return tuple(columns)


def _numbers(name: str, column: Mapping[str, Any]) -> NDArray[np.float64]:
    values = np.empty(len(column))
    for i, (row, value) in enumerate(column.items()):
        try:
            values[i] = float(value)
        except (ValueError, OverflowError):
            raise ValueError(f"column {name!r} holds no number in row {row!r}") from None
    return values
