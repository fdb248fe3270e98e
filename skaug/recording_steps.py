"""Steps before the windows: a transformer applied to each recording of a table by itself."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted

from skaug._checks import require_choice
from skaug._warnings import warn
from skaug.tables.changed_rows import with_columns, with_other_rows
from skaug.tables.columns import plain_array
from skaug.tables.data_warnings import (
    gaps_in_words,
    warn_of_repeated_times,
    warn_of_row_order,
    warn_of_sessions,
    warn_of_steps_without_time,
)
from skaug.tables.notes import Notes, with_notes
from skaug.tables.recordings import Recordings
from skaug.tables.table import Table, resolve, resolve_several, resolve_subject
from skaug.tables.time_steps import plain_gap, require_time_for_gaps

FIT_ON = ("training", "each")


class PerRecording(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Apply a transformer to each recording of a table by itself: filter, detrend, normalize, resample.

    It never works across a subject, a boundary or a gap in time. It is a step before `SubjectWindower`, in a
    `skaug.Pipeline` or in scikit-learn's own.

    Parameters
    ----------
    transformer : transformer or callable
        A scikit-learn transformer of arrays of shape (n_rows, n_columns), such as those of `skaug.signal`, or
        a function of such an array. It must return as many columns, and may return another number of rows. If
        its ``transform``, or the function, has an argument `times`, it gets the times of the rows.
    columns : str, int or sequence of str or int
        The columns to transform; those of an array are given by position.
    subject : str, int or None, default="subject"
        The column that holds the subject of each row. The rows of a subject need not be adjacent; their
        order is kept. None if the table is one recording.
    boundaries : str or sequence of str, default=()
        Columns in which a change of value ends a recording: a session, a file.
    time : str or int, optional
        The column of times, which must not go back within a recording.
    max_gap : float, str or timedelta, optional
        The longest step in `time` within a recording, in the unit of `time`; for dates and times a
        timedelta such as ``"2s"``. Steps do not pass it on: the next one needs it too.
    fit_on : {"training", "each"}, default="training"
        What a transformer with state is fitted on. "training": on the rows of all recordings seen in
        ``fit``, stacked. "each": on each recording by itself, in ``transform`` too, so that
        nothing is carried from one subject to another.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer; only with ``fit_on="training"``, and not for a function.
    columns_ : list of str
        The columns that are transformed.
    changes_rows_ : bool
        Whether the transformer changed the rows of any recording seen in ``fit``.
    n_features_in_ : int
        Number of columns that are needed; of an array, all of its columns.
    feature_names_in_ : ndarray of str of shape (n_features_in,)
        The columns that are needed, in any order, whatever else the table holds; only when fitted on a data
        frame.

    See Also
    --------
    skaug.signal.bandpass, skaug.signal.resample, skaug.signal.standardize, skaug.signal.interpolate_gaps
    skaug.SubjectWindower : The next step.

    Notes
    -----
    Where the number of rows stays the same, so do their order, their index and all other columns.

    Where it changes, recordings follow each other in the order of their subjects, a pandas table gets a new
    index, and the other columns follow. New row j of m lies at the old row ``j * n / m`` of n, unless the
    transformer has a method ``row_positions(n_rows, times)`` that says where the new rows lie, as
    `skaug.signal.resample` does: a transformer that leaves out rows at one end needs it.

    Columns of floating-point numbers become the mean of the old rows that are nearer to the new row than to
    any other (halfway: to the earlier one), without missing values. If there are none, because there are more
    rows than before, and in all other columns (whole numbers, which may be classes; text; dates), the value
    is that of the nearest old row. The column `time` holds the times of the new rows.

    Labels that are passed as `y` cannot follow and are refused then. Scores use the target column as it
    reaches the windower.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skaug import PerRecording, SubjectWindower, WindowSpectrum, make_pipeline
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.signal import bandpass, resample
    >>> table = simulate_ppg(n_subjects=3, minutes=1)
    >>> channels = ["BVP", "ECG"]
    >>> pipe = make_pipeline(
    ...     PerRecording(resample(64, to=32), channels),
    ...     PerRecording(bandpass(0.5, 4, sampling_rate=32), channels),
    ...     SubjectWindower(256, features=channels, target="heart_rate"),
    ...     WindowSpectrum(low=0.5, high=4, sampling_rate=32),
    ...     Ridge(),
    ... )
    >>> pipe.fit(table).predict(table).shape
    (21,)
    >>> len(table), len(pipe[:2].transform(table))
    (11520, 5760)
    """

    def __init__(
        self,
        transformer: Any,
        columns: str | int | Sequence[str | int],
        *,
        subject: str | int | None = "subject",
        boundaries: str | Sequence[str | int] = (),
        time: str | int | None = None,
        max_gap: Any = None,
        fit_on: str = "training",
    ) -> None:
        self.transformer = transformer
        self.columns = columns
        self.subject = subject
        self.boundaries = boundaries
        self.time = time
        self.max_gap = max_gap
        self.fit_on = fit_on

    def fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Fit the transformer, and try it on each recording.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The recordings, as a pandas or polars data frame, or an array.
        y : array-like, optional
            Only refused if the transformer changes the rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As `fit_transform` does.
        """
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Any, y: ArrayLike | None = None) -> Any:
        """Fit the transformer, and transform each recording.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The recordings.
        y : array-like, optional
            Only refused if the transformer changes the rows.

        Returns
        -------
        DataFrame or ndarray
            As `transform` does.

        Raises
        ------
        ValueError
            If a column does not exist, a parameter is invalid, or `y` is passed and the transformer changes
            the rows; and as `transform` does.
        """
        self._check_parameters()
        table = _read(X)
        self.columns_ = list(resolve_several(self.columns, table.names, "columns"))
        self._subject = resolve_subject(self.subject, table)
        self._boundaries = resolve_several(self.boundaries, table.names, "boundaries")
        self._time = None if self.time is None else resolve(self.time, table.names, "time")
        self._names = table.names
        self._check_columns()
        self._validate_columns(X, table, reset=True)
        part = self._part(table)
        if self.fit_on == "training" and hasattr(self.transformer, "fit"):
            transformer = clone(self.transformer)
            self.transformer_ = part.run("all recordings", transformer.fit, part.values)
        elif hasattr(self, "transformer_"):
            del self.transformer_
        transformed, self.changes_rows_ = part.transformed(self._transform_recording)
        if self.changes_rows_ and y is not None:
            raise ValueError(
                f"{self._in_words()} changes the rows, and y cannot follow: put the labels into a column of "
                "the table, name it in SubjectWindower(target=...), and pass no y."
            )
        return transformed

    def transform(self, X: Any) -> Any:
        """Transform each recording.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The recordings.

        Returns
        -------
        DataFrame or ndarray
            Of the library of `X`, with the same columns.

        Raises
        ------
        ValueError
            If a column in ``feature_names_in_`` does not exist or holds no numbers; the transformer fails
            (the error names the columns and the subject), or returns another number of columns; a subject is
            missing; time goes back; or `max_gap` is shorter than the usual step in time.

        Warns
        -----
        DataWarning
            If rows look shuffled, are of devices that take turns, or are copies; a session changes within a
            recording; no row of a recording is left; or recordings contain a gap in time and there is no
            `max_gap`. Also if this step works across gaps or boundaries at which an earlier one ended
            recordings, or if an earlier one, which takes times and got none, worked across gaps at which
            this one ends recordings. What the transformer warns of, such as a recording shorter than a
            filter, is counted over recordings.
        """
        return self.transform_and_compare(X)[0]

    def transform_and_compare(self, X: Any) -> tuple[Any, bool]:
        """Transform each recording, and say whether the rows are other ones than before.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The recordings.

        Returns
        -------
        transformed : DataFrame or ndarray
            As `transform` returns it.
        is_changed : bool
            Whether the transformer changed the rows of any recording, here or in ``fit``.
        """
        check_is_fitted(self, "columns_")
        table = _read(X)
        if table.is_array and len(table.names) == len(self._names):
            table.rename(self._names)
        self._validate_columns(X, table, reset=False)
        transformed, is_changed = self._part(table).transformed(self._transform_recording)
        return transformed, is_changed or self.changes_rows_

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the columns of the transformed table: those of the table in ``fit``.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self, "columns_")
        return np.asarray(self._names, dtype=object)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Accept the choice of an output container, which has no effect: data frames stay what they are.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None
            As in scikit-learn.

        Returns
        -------
        self
        """
        return self

    def _check_parameters(self) -> None:
        require_choice("fit_on", self.fit_on, FIT_ON)
        if not hasattr(self.transformer, "transform") and not callable(self.transformer):
            raise ValueError(
                f"transformer={self.transformer!r} must be a transformer or a function of an array of shape "
                "(n_rows, n_columns)."
            )
        require_time_for_gaps(self.time, self.max_gap)

    def _check_columns(self) -> None:
        if not self.columns_:
            raise ValueError("columns=[] leaves nothing to transform: name a column.")
        repeated = {name for name in self.columns_ if self.columns_.count(name) > 1}
        if repeated:
            raise ValueError(f"The column {sorted(repeated)[0]!r} is named twice: name it once.")
        roles = {"subject": [self._subject], "boundaries": self._boundaries, "time": [self._time]}
        for role, names in roles.items():
            both = [name for name in self.columns_ if name in names]
            if both:
                raise ValueError(
                    f"The column {both[0]!r} is named in {role}, and among the columns to transform: remove "
                    "it from columns."
                )

    def _validate_columns(self, X: Any, table: Table, *, reset: bool) -> None:
        """Have scikit-learn compare the columns that are needed, in the order of `fit`."""
        needed = {*self.columns_, *self._boundaries, self._subject, self._time}
        names = table.names
        if not table.is_array or (hasattr(self, "feature_names_in_") and not reset):
            names = [name for name in self._names if name in needed and name in names]
        table.validate_names(self, names, reset=reset)

    def _part(self, table: Table) -> _Recordings:
        """Return the recordings of a table, and warn if they are probably not what the caller thinks."""
        recordings = Recordings(
            table, self._subject, self._boundaries, self._time, self.max_gap, sort=True
        )
        recordings.require_usual_steps(self._time, self.max_gap)
        if self._time is None:
            warn_of_row_order(table, recordings)
        warn_of_repeated_times(table, recordings, self._time)
        warn_of_steps_without_time(table, recordings, self._time, self.max_gap)
        if len(recordings.wide_gaps):
            row = int(recordings.wide_gaps[0])
            what, remedy = gaps_in_words(table, recordings, self._time)
            warn(
                f"There are {len(recordings.wide_gaps)} gaps {what}, the first "
                f"({recordings.subject_of(row)}) before row {recordings.in_table(row)}, and "
                f"{self._in_words()} works across them. {remedy}"
            )
        roles = {self._subject, self._time, *self._boundaries, *self.columns_}
        warn_of_sessions(table, recordings, roles)
        kinds = [plain_array(table.column_of_numbers(name, "column")[:0]) for name in self.columns_]
        is_single = all(kind.dtype == np.float32 for kind in kinds)
        values, _ = table.matrix(
            self.columns_, recordings.order, np.float32 if is_single else np.float64
        )
        times = None if self._time is None else _times(table, recordings, self._time)
        roles_kept = {self._subject, *self._boundaries}
        return _Recordings(
            table,
            recordings,
            values,
            times,
            self.columns_,
            self._time,
            roles_kept,
            self._in_words(),
            self._notes(table.notes, recordings),
        )

    def _notes(self, before: Notes, recordings: Recordings) -> Notes:
        """Return what the steps after this one must know of it and of those before."""
        boundaries = tuple(dict.fromkeys([*before.boundaries, *self._boundaries]))
        notes = replace(before, boundaries=boundaries)
        if self._time is None:
            uses_times = _takes_times(getattr(self.transformer, "transform", self.transformer))
            without_time = self._in_words() if uses_times else None
            return replace(notes, without_time=before.without_time or without_time)
        if self.max_gap is None:
            return notes
        # What was noted of gaps was announced here.
        notes = replace(notes, time=None, max_gap=None, without_time=None)
        if len(recordings.firsts) > len(recordings.breaks) + 1:
            return replace(notes, time=self._time, max_gap=plain_gap(self.max_gap))
        return notes

    def _transform_recording(
        self, values: NDArray, times: NDArray | None
    ) -> tuple[NDArray, NDArray | None]:
        """Return the transformed rows of a recording, and where they lie; None for evenly."""
        step: Any = self.transformer
        if hasattr(step, "fit"):
            if self.fit_on == "training":
                step = self.transformer_
            else:
                step = clone(step)
                step.fit(values)
        function: Callable = step.transform if hasattr(step, "transform") else step
        options = {"times": times} if _takes_times(function) else {}
        result = np.asarray(function(values, **options))
        if result.ndim == 1 and values.shape[1] == 1:
            result = result[:, None]
        if result.ndim != 2 or result.shape[1] != values.shape[1]:
            raise ValueError(
                f"it returned the shape {result.shape} for {values.shape}: return one column for each."
            )
        if not hasattr(step, "row_positions"):
            return result, None
        positions = np.asarray(step.row_positions(len(values), times), dtype=np.float64)
        if len(positions) != len(result):
            raise ValueError(f"row_positions returned {len(positions)} for {len(result)} new rows.")
        return result, positions

    def _in_words(self) -> str:
        name = getattr(self.transformer, "__name__", None)
        return name or re.sub(r"\s+", " ", repr(self.transformer))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        is_estimator = hasattr(self.transformer, "fit")
        if is_estimator:
            inner = get_tags(self.transformer)
            tags.input_tags.allow_nan = inner.input_tags.allow_nan
            tags.non_deterministic = inner.non_deterministic
        else:
            tags.input_tags.allow_nan = True
        return tags


@dataclass(frozen=True)
class _Recordings:
    """The recordings of a table, on their way through a transformer.

    Parameters
    ----------
    table : Table
    recordings : Recordings
        Where they begin and end.
    values : ndarray of shape (n_rows, n_columns)
        The columns to transform, in the order of `recordings`.
    times : ndarray of shape (n_rows,), or None
        The time of each of these rows: as in the table or, for dates, in seconds.
    columns : list of str
        The columns to transform.
    time : str or None
        The column of times.
    roles : set of str
        The columns that are constant within a recording.
    step : str
        The transformer, in words.
    notes : Notes
        What the steps after it must know.
    """

    table: Table
    recordings: Recordings
    values: NDArray
    times: NDArray | None
    columns: list[str]
    time: str | None
    roles: set[str | None]
    step: str
    notes: Notes

    def run(self, place: str, function: Callable, *args: Any) -> Any:
        """Call a function, and name the columns and the place in its errors."""
        try:
            return function(*args)
        except (ValueError, TypeError, ArithmeticError, LookupError) as error:
            names = ", ".join(map(repr, self.columns))
            raise ValueError(f"{self.step} failed on {names} of {place}: {error}") from error

    def transformed(self, transform: Callable) -> tuple[Any, bool]:
        """Return the table with transformed columns, and whether its rows are other ones than before."""
        bounds = self.recordings.firsts
        results, positions, ends = [], [], []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for first, end in pairwise(bounds):
                times = None if self.times is None else self.times[first:end]
                place = self._place(first, end)
                result, lie_at = self.run(place, transform, self.values[first:end], times)
                results.append(result)
                positions.append(_positions(lie_at, end - first, len(result)))
                ends.append(len(caught))
        self._warn([*caught], np.array(ends))
        values = np.concatenate(results)
        if len(values) == 0:
            raise ValueError(
                f"{self.step} left no row: check its parameters, and how long recordings are."
            )
        self._warn_of_empty([len(result) for result in results])
        columns = {name: values[:, i] for i, name in enumerate(self.columns)}
        if all(part is None for part in positions):
            frame = with_columns(self.table, self.recordings, columns)
            return self._handed_out(frame, self.notes), False
        lengths = np.diff(bounds)
        filled = [
            np.arange(n, dtype=np.float64) if part is None else part
            for n, part in zip(lengths, positions, strict=True)
        ]
        frame = with_other_rows(
            self.table, self.recordings, columns, filled, self.roles, self.time, self.times
        )
        n_before = self.notes.n_rows_before
        n_before = len(self.table) if n_before is None else n_before
        return self._handed_out(frame, replace(self.notes, n_rows_before=n_before)), True

    def _handed_out(self, frame: nw.DataFrame, notes: Notes) -> Any:
        native = frame.to_numpy() if self.table.is_array else frame.to_native()
        return with_notes(native, notes)

    def _place(self, first: int, end: int) -> str:
        subject = self.recordings.subject_of(first)
        return f"{subject}, rows {self.recordings.in_table(first)} to {self.recordings.in_table(end - 1)}"

    def _warn(self, caught: list[warnings.WarningMessage], ends: NDArray[np.intp]) -> None:
        """Show what the transformer warned of, each kind once, with a count and the first recording."""
        kinds: dict[tuple[type[Warning], str], list[int]] = {}
        texts: dict[tuple[type[Warning], str], str] = {}
        for i, one in enumerate(caught):
            kind = (one.category, re.sub(r"\d[\d.,]*", "", str(one.message)))
            recording = int(np.searchsorted(ends, i, side="right"))
            texts.setdefault(kind, str(one.message))
            found = kinds.setdefault(kind, [])
            if recording not in found[-1:]:
                found.append(recording)
        for kind, found in kinds.items():
            first = self.recordings.firsts[found[0]]
            place = self._place(first, self.recordings.firsts[found[0] + 1])
            warn(
                f"In {len(found)} of {len(ends)} recordings, first of {place}: {texts[kind]}",
                kind[0],
            )

    def _warn_of_empty(self, n_new: list[int]) -> None:
        empty = [i for i, n in enumerate(n_new) if n == 0]
        if empty:
            first, end = self.recordings.firsts[empty[0] : empty[0] + 2]
            warn(
                f"{self.step} left no row of {len(empty)} of {len(n_new)} recordings, first of "
                f"{self._place(first, end)}: remove them, or check how long they are."
            )


def _read(X: Any) -> Table:
    if nw.dependencies.is_dask_dataframe(X):
        raise TypeError(
            "PerRecording needs whole recordings in memory, got a dask frame: apply it to each partition, "
            "frame.map_partitions(step.fit_transform), or call .compute() first."
        )
    return Table(X)


def _times(table: Table, recordings: Recordings, time: str) -> NDArray:
    """Return the time of each sorted row as a number; of dates, the seconds in its recording."""
    times = recordings.sorted(plain_array(table.column(time)))
    if times.dtype.kind not in "mM":
        return times.astype(np.float64)
    firsts = np.repeat(recordings.firsts[:-1], np.diff(recordings.firsts))
    return (times - times[firsts]) / np.timedelta64(1, "s")


def _takes_times(function: Callable) -> bool:
    try:
        return "times" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # without a signature
        return False


def _positions(lie_at: NDArray | None, n_rows: int, n_new: int) -> NDArray | None:
    """Return where new rows lie among the rows of a recording; None if they are the same rows."""
    if lie_at is None:
        return None if n_new == n_rows else np.arange(n_new) * (n_rows / max(1, n_new))
    return None if np.array_equal(lie_at, np.arange(n_rows)) else lie_at
