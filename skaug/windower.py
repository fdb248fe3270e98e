"""From a table of recordings to windows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self, TypeGuard

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skaug._checks import is_number, require_choice, require_list, require_whole_number
from skaug._choices import ALIGNMENTS, LAST, MISSING
from skaug.base import WindowStep
from skaug.cutting import Cutting
from skaug.tables.aggregation import Aggregation, check_aggregation, refuse_mixed
from skaug.tables.table import Table, resolve, resolve_several, resolve_subject
from skaug.tables.time_steps import require_time_for_gaps
from skaug.windows.container import Windows


class SubjectWindower(WindowStep):
    """Cut recordings of several subjects into windows of equal length.

    A window never holds two subjects, two values of a `boundaries` column, or a gap in `time`.

    Parameters
    ----------
    window_size : int, default=512
        Rows per window.
    stride : int, optional
        Rows from the start of a window to the start of the next; `window_size` by default, so that
        windows do not overlap.
    features : list of str or int, optional
        The channels; by default every numeric column that has no other role. Columns of an array are
        given by position.
    target : str, int or list of these, optional
        The column that becomes the label of the windows. It may be absent when predicting. With a list, each
        window has several labels, of the columns in this order, and `y` is 2-D, also for a list of one.
    subject : str, int or None, default="subject"
        The column that holds the subject of each row. The rows of a subject need not be adjacent; their
        order is kept. None if the table is one recording.
    boundaries : str or sequence of str, default=()
        Columns in which a change of value ends a recording: a session, a file.
    time : str or int, optional
        The column of times, which must not go back within a recording.
    max_gap : float, str or timedelta, optional
        The longest step in `time` within a window, in the unit of `time`; for dates and times a
        timedelta such as ``"2s"``.
    target_agg : str or callable, default="mean"
        How the target of the rows becomes the label of their window: "mean", "median", "first",
        "center" (row ``window_size // 2``), "last", "max", "mode" (the most frequent value, for classes),
        or a callable that maps an array of shape (n_windows, window_size) to (n_windows,). Text has no
        mean: use "mode", "first", "center" or "last". Several targets are aggregated one by one.
    purity : float, optional
        For classes, with ``target_agg="mode"`` and one target: the smallest share of the rows of a training
        window that its class must fill, above 0 and up to 1. `fit_transform` leaves out the others, such as
        transitions from one activity to the next, and counts them in a warning. `transform`, and so
        predicting, keeps them: which windows are predicted does not depend on labels. None keeps all
        windows.
    alignment : {"subject", "table"}, default="subject"
        Where windows start. "subject": at the first row of each recording, so that they do not depend on the
        other subjects in the table. "table": at multiples of the stride over the whole table, as in the
        published notebook; windows that would hold two recordings are left out.
    missing : {"raise", "keep", "drop", "ffill"}, default="raise"
        What to do about missing values of features and target. "raise": raise an error that names them.
        "keep": keep them, in labels too. "drop": leave out windows that contain one. "ffill": repeat the
        last value of the same recording, and leave out windows that still contain a missing value.
    last : {"drop", "align"}, default="drop"
        What to do about rows at the end of a recording that do not fill another window. "drop": leave them
        out. "align": cut one more window, which ends at the last row of the recording. It overlaps the
        window before by more rows than the others do, and predictions of rows are averaged over both. Not
        with ``alignment="table"``.
    dtype : {"float64", "float32"}, default="float64"
        Data type of the samples.

    Attributes
    ----------
    features_ : list of str
        The channels.
    cutting_ : skaug.cutting.Cutting
        The resolved columns, sizes and grid.
    n_features_in_ : int
        Number of columns that predicting needs; of an array, its columns without the target.
    feature_names_in_ : ndarray of str of shape (n_features_in,)
        The columns that predicting needs: features, subject, boundaries and time, in any order, whatever else
        the table holds; only when fitted on a data frame.

    See Also
    --------
    skaug.Windows : What it returns.
    skaug.PerRecording : A step before: filters and resampling of each recording.
    skaug.SynthefyAugmenter : The next step, which adds synthetic windows.
    skaug.evaluation.RecordingDisplay : Draws the windows over a recording.

    Examples
    --------
    >>> import pandas as pd
    >>> from skaug import SubjectWindower
    >>> table = pd.DataFrame({"BVP": range(10), "subject": list("AAAAAABBBB"), "heart_rate": 60.0})
    >>> windows = SubjectWindower(window_size=2, target="heart_rate").fit_transform(table)
    >>> windows.shape
    (5, 2, 1)
    >>> windows.groups.tolist()
    ['A', 'A', 'A', 'B', 'B']

    Several labels per window:

    >>> table["resp_rate"] = range(10)
    >>> SubjectWindower(2, target=["heart_rate", "resp_rate"]).fit_transform(table).y[:2]
    array([[60. ,  0.5],
           [60. ,  2.5]])
    """

    def __init__(
        self,
        window_size: int = 512,
        stride: int | None = None,
        *,
        features: Sequence[str | int] | None = None,
        target: str | int | Sequence[str | int] | None = None,
        subject: str | int | None = "subject",
        boundaries: str | Sequence[str | int] = (),
        time: str | int | None = None,
        max_gap: Any = None,
        target_agg: Aggregation = "mean",
        purity: float | None = None,
        alignment: str = "subject",
        missing: str = "raise",
        last: str = "drop",
        dtype: DTypeLike = "float64",
    ) -> None:
        self.window_size = window_size
        self.stride = stride
        self.features = features
        self.target = target
        self.subject = subject
        self.boundaries = boundaries
        self.time = time
        self.max_gap = max_gap
        self.target_agg = target_agg
        self.purity = purity
        self.alignment = alignment
        self.missing = missing
        self.last = last
        self.dtype = dtype

    def fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Learn the columns of the table.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The recordings, as a pandas, polars or dask data frame, or an array. No row of a dask frame
            is read.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a column does not exist (the error suggests the nearest name), if some targets are classes and
            others numbers, or a parameter is invalid.
        """
        self._learn(X)
        return self

    def fit_transform(self, X: Any, y: ArrayLike | None = None) -> Windows:
        """Learn the columns, and cut the recordings into labeled windows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The recordings.
        y : array-like of shape (n_rows,) or (n_windows,), or 2-D for several labels, optional
            Labels that take precedence over the `target` column: of each row, which `target_agg` aggregates,
            or of each window.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            For a ``dask.dataframe.DataFrame``: `LazyWindows`, as from `transform`.

        Raises
        ------
        ValueError
            As `fit` and `transform` do; or with `purity`, if the class of each row is unknown, or no window
            has a class that reaches it.

        Warns
        -----
        DataWarning
            As `transform` does, and of the number of windows that `purity` leaves out.
        """
        table = self._learn(X)
        cutting = self.cutting_
        return self._cut_lazily(X, y, cutting) if _is_lazy(X) else cutting.cut(table, y)

    def transform(self, X: Any) -> Windows:
        """Cut recordings into windows, labeled if the table has the target column.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The recordings.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            For a ``dask.dataframe.DataFrame``, in which each partition must hold whole recordings:
            `skaug.out_of_core.lazy_windows.LazyWindows`.

        Raises
        ------
        ValueError
            If a column in ``feature_names_in_`` does not exist; no recording is long enough; values are
            missing and ``missing="raise"``; a subject is missing; time goes back; or `max_gap` is shorter
            than the usual step in time.

        Warns
        -----
        DataWarning
            If rows look shuffled, are of devices that take turns, or are copies; a session changes within a
            recording; recordings hold no window; windows contain a gap in time or a long hole; there is no
            column of subjects, so that the table counts as one recording; or an earlier step ended recordings
            elsewhere.
        """
        return self.to_windows(X)

    def to_windows(self, X: Any, y: ArrayLike | None = None) -> Windows:
        """Cut recordings into windows as `transform` does, and label them with `y`.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The recordings.
        y : array-like of shape (n_rows,) or (n_windows,), or 2-D for several labels, optional
            Labels that take precedence over the `target` column.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)

        Raises
        ------
        ValueError
            As `transform` does, or if `y` has the wrong length.
        """
        check_is_fitted(self)
        cutting = self.cutting_.for_prediction()
        if _is_lazy(X):
            return self._cut_lazily(X, y, cutting)
        table = cutting.read(X)
        self._validate_columns(X, table, reset=False)
        return cutting.cut(table, y)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the channels of the windows.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        ndarray of str of shape (n_features,)
        """
        check_is_fitted(self)
        return np.asarray(self.features_, dtype=object)

    def _learn(self, X: Any) -> Table:
        """Learn the columns, and return the table as it was read."""
        self._check_parameters()
        table = Table(_row_of_types(X) if _is_lazy(X) else X)
        self.cutting_ = self._resolve(table)
        self.features_ = list(self.cutting_.features)
        self._validate_columns(X, table, reset=True)
        return table

    def _cut_lazily(self, frame: Any, y: ArrayLike | None, cutting: Cutting) -> Any:
        from skaug.out_of_core.lazy_windows import LazyWindows  # needs dask, which is an extra

        if y is not None:
            raise ValueError(
                "y has no partitions: put the labels into a column of the dask frame, and name it in target."
            )
        row = _row_of_types(frame)
        self._validate_columns(row, Table(row), reset=False)
        return LazyWindows(cutting, frame)

    def _check_parameters(self) -> None:
        require_whole_number("window_size", self.window_size, 1)
        if self.stride is not None:
            require_whole_number("stride", self.stride, 1)
        require_choice("alignment", self.alignment, ALIGNMENTS)
        require_choice("missing", self.missing, MISSING)
        require_choice("last", self.last, LAST)
        if self.last == "align" and self.alignment == "table":
            raise ValueError(
                "last='align' cuts a window that ends with its recording, off the grid of "
                "alignment='table': use alignment='subject', or last='drop'."
            )
        if np.dtype(self.dtype) not in (np.float64, np.float32):
            raise ValueError(f"dtype={self.dtype!r} must be 'float64' or 'float32'.")
        require_time_for_gaps(self.time, self.max_gap)
        if self.features is not None:
            require_list("features", self.features)
        if names_several(self.target) and len(self.target) == 0:
            raise ValueError("target=[] names no column: name one or more, or pass None.")
        check_aggregation(self.target_agg)
        if self.purity is not None:
            self._check_purity(self.purity)

    def _check_purity(self, purity: float) -> None:
        if not is_number(purity) or not 0 < purity <= 1:
            raise ValueError(
                f"purity={purity!r} must be a share of the rows of a window, above 0 and up to 1."
            )
        if self.target_agg != "mode":
            raise ValueError(
                f"purity={purity!r} is the share of the most frequent class, so it needs "
                f"target_agg='mode', not {self.target_agg!r}: use that, or no purity."
            )
        if names_several(self.target):
            raise ValueError(
                f"purity={purity!r} is the share of a class of one target: name it, "
                f"target={self.target[0]!r}, or use no purity."
            )

    def _resolve(self, table: Table) -> Cutting:
        """Find the columns that the parameters name."""
        names = table.names

        subject = resolve_subject(self.subject, table)
        time = None if self.time is None else resolve(self.time, names, "time")
        named = self.target if names_several(self.target) else [self.target]
        targets = tuple(resolve(name, names, "target") for name in named if name is not None)
        _refuse_repeated("target", targets)
        refuse_mixed({name: table.column(name) for name in targets})
        breaks = resolve_several(self.boundaries, names, "boundaries")
        return Cutting(
            names=tuple(names),
            features=self._channels(table, {subject, *targets, time, *breaks}, targets),
            window_size=int(self.window_size),
            stride=int(self.window_size if self.stride is None else self.stride),
            subject=subject,
            target=targets if names_several(self.target) else (targets or (None,))[0],
            boundaries=breaks,
            time=time,
            max_gap=self.max_gap,
            target_agg=self.target_agg,
            purity=None if self.purity is None else float(self.purity),
            alignment=self.alignment,
            missing=self.missing,
            last=self.last,
            dtype=np.dtype(self.dtype),
        )

    def _channels(
        self, table: Table, roles: set[str | None], targets: tuple[str, ...]
    ) -> tuple[str, ...]:
        if self.features is None:
            channels = [name for name in table.numeric_names() if name not in roles]
            if not channels:
                raise ValueError("No numeric column is left as a feature: pass features=[...].")
        else:
            channels = [resolve(name, table.names, "features") for name in self.features]
            if not channels:
                raise ValueError("features=[] leaves nothing to cut: name a column, or pass None.")
            _refuse_repeated("feature", channels)
            for target in targets:
                if target in channels:
                    raise ValueError(
                        f"The target {target!r} is among the features, which would give the answer away: "
                        "remove it from features."
                    )
        for name in channels:
            table.column_of_numbers(name, "feature")
        return tuple(channels)

    def _validate_columns(self, X: Any, table: Table, *, reset: bool) -> None:
        """Have scikit-learn compare the columns that cutting reads, in the order of `fit`."""
        cutting = self.cutting_
        if table.is_array and (reset or not hasattr(self, "feature_names_in_")):
            names = [name for name in table.names if name not in cutting.targets]
        else:
            cutting.require_width(table)
            # A table without subjects counts as one recording: `Cutting` warns of it.
            names = [
                name
                for name in cutting.required()
                if name in table.names or name == cutting.subject
            ]
        table.validate_names(self, names, reset=reset)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = False
        tags.input_tags.string = True
        tags.input_tags.allow_nan = self.missing != "raise"
        return tags


def names_several(target: Any) -> TypeGuard[Sequence[str | int]]:
    """Whether a target is a list, so that labels are 2-D."""
    return isinstance(target, Iterable) and not isinstance(target, str)


def _refuse_repeated(what: str, names: Sequence[str]) -> None:
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"The {what} {sorted(repeated)[0]!r} is named twice: name it once.")


def _is_lazy(X: Any) -> bool:
    return nw.dependencies.is_dask_dataframe(X)


def _row_of_types(frame: Any) -> Any:
    """Return a row made up by dask, with the columns and types of the frame."""
    return frame._meta_nonempty.head(1)
