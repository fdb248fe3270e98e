"""Predictions while recordings are being made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skaug._checks import require_choice
from skaug._warnings import collected, warn
from skaug.cutting import NoWindowsError
from skaug.predictions import METHODS, named_columns, one_array
from skaug.tables.columns import require_column, runs
from skaug.tables.recordings import Recordings
from skaug.tables.table import Table
from skaug.windower import SubjectWindower
from skaug.windows.container import Windows
from skaug.windows.subject_overlap import SubjectOverlapWarning


class OnlineWindower:
    """Predict the windows of recordings while their rows arrive.

    Whatever the number of rows per `push`, the predictions are those that the pipeline makes for the whole
    table at once. Fewer than ``window_size + stride`` rows per subject are kept.

    Parameters
    ----------
    pipeline : Pipeline
        A fitted pipeline that begins with a `SubjectWindower`, skaug's or scikit-learn's, or a search over
        one, of which the best is taken.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the pipeline is not fitted.
    TypeError
        If it is not a pipeline that begins with a `SubjectWindower`.
    ValueError
        If its windows depend on rows that come later, or on other subjects: ``missing="ffill"``,
        ``last="align"`` and ``alignment="table"``.

    See Also
    --------
    predict_rows : Predict each row of a whole table.

    Notes
    -----
    A gap longer than `max_gap`, or another value in a column of `boundaries`, begins a new recording: rows
    before it are forgotten, except for their number. Without these parameters, all rows of a subject count
    as one recording.

    The last rows of a subject are kept until it returns, so that memory grows with the number of subjects.
    Where new ones keep coming, use an object for each of them, and delete it after the last row.

    An object of this class can be pickled, to continue elsewhere. Unlike the pipeline, it then holds
    recorded rows.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skaug import OnlineWindower, SubjectWindower, WindowStatistics, make_pipeline
    >>> from skaug.datasets import simulate_ppg
    >>> table = simulate_ppg(n_subjects=3, minutes=1)
    >>> windower = SubjectWindower(512, stride=256, features=["BVP"], target="heart_rate")
    >>> pipe = make_pipeline(windower, WindowStatistics(), Ridge()).fit(table[table["subject"] != "S3"])
    >>> online = OnlineWindower(pipe)
    >>> rows = table.loc[table["subject"] == "S3", ["BVP", "subject"]]
    >>> online.push(rows.iloc[:500])
    Series([], Name: predict, dtype: float64)
    >>> online.push(rows.iloc[500:800]).round(1)
    subject  first_row
    S3       0            ...
             256          ...
    Name: predict, dtype: float64
    """

    def __init__(self, pipeline: Any) -> None:
        pipeline = getattr(pipeline, "best_estimator_", pipeline)
        steps = pipeline.steps if isinstance(pipeline, Pipeline) else [("", pipeline)]
        windower = steps[0][1]
        if not isinstance(windower, SubjectWindower) or len(steps) == 1:
            raise TypeError(
                "OnlineWindower needs a Pipeline of a SubjectWindower and what follows it, got one that "
                f"begins with {type(windower).__name__}: steps before the windower see whole recordings, "
                "which is not possible row by row."
            )
        check_is_fitted(windower)
        check_is_fitted(pipeline)
        self._cutting = cutting = windower.cutting_.for_prediction()
        if cutting.alignment == "table":
            raise ValueError(
                "With alignment='table', where windows begin depends on the rows of all subjects, which have "
                "not all arrived: fit the pipeline with alignment='subject'."
            )
        if cutting.last == "align":
            raise ValueError(
                "With last='align', the last window ends with the recording, which is not known before it "
                "ends: fit the pipeline with last='drop'."
            )
        if cutting.missing == "ffill":
            raise ValueError(
                "With missing='ffill', whether a value is filled depends on how many rows later the next one "
                "comes: fit the pipeline with missing='drop', or 'keep'."
            )
        self._predictor = pipeline[1:]
        self._columns: set[str] = set()
        self._held: dict[Any, _Held] = {}
        self._nothing: dict[str, Any] = {}  # predictions of no window, by method
        self._has_warned = False

    def push(self, rows: Any, method: str = "predict") -> Any:
        """Predict the windows that end within these rows.

        Parameters
        ----------
        rows : DataFrame of shape (n_rows, n_columns)
            The next rows of one or several subjects, of pandas or polars, with the columns of features,
            subject, boundaries and time. Those of one subject in the order of time, also from call to call.
            The target column is not read.
        method : {"predict", "predict_proba", "decision_function"}, default="predict"
            What to compute.

        Returns
        -------
        Series or DataFrame of n_windows rows
            Indexed by subject and first row of the window, counted among the rows of the subject that were
            pushed; without subjects, by the first row. A DataFrame of one column per class, or per output,
            where there are several: outputs have the names of the columns of the target.

        Raises
        ------
        AttributeError
            If the pipeline lacks the method.
        ValueError
            If a column is missing or was not among the rows before, a value is missing and the pipeline was
            fitted with ``missing="raise"``, or time goes back. These rows then do not count.

        Warns
        -----
        SubjectOverlapWarning
            If the pipeline was fitted on other windows of these subjects: at the first such push only.
        """
        require_choice("method", method, METHODS)
        predict = getattr(self._predictor, method)
        if len(rows) == 0:
            return self._none(method, None)
        new = self._read(rows)
        known = self._held_of(new)
        frame = pd.concat([*(held.rows for held in known), new], ignore_index=True)
        table = Table(frame)
        recordings = self._cutting.recordings_of(table, n_known=len(frame) - len(new))
        windows = self._completed(table, recordings, known)
        if windows is None:
            predicted = self._none(method, recordings.subjects)
        else:
            with collected(SubjectOverlapWarning) as overlaps:
                values = one_array(predict(windows))
            if overlaps and not self._has_warned:
                warn(overlaps[0], SubjectOverlapWarning)
                self._has_warned = True
            predicted = self._labeled(values, windows.groups, windows.provenance.first_row, method)
            self._nothing[method] = self._labeled(values[:1], windows.groups, [0], method).iloc[:0]
        self._columns = set(new.columns)
        self._held |= self._to_hold(frame, recordings, known)
        return predicted

    def _read(self, rows: Any) -> pd.DataFrame:
        """Return the rows without labels, which nothing that predicts may depend on."""
        table = self._cutting.read(rows)
        self._cutting.require_width(table)
        for name in self._cutting.required():
            require_column(name, table.names, "the windows")
        new = table.frame.to_pandas()
        new = new.drop(columns=list(self._cutting.targets), errors="ignore")
        changed = sorted(self._columns ^ set(new.columns)) if self._columns else []
        if changed:
            was = "was not" if changed[0] in new.columns else "was"
            raise ValueError(
                f"The column {changed[0]!r} {was} among those of the rows before: push rows with the same "
                "columns."
            )
        return new

    def _held_of(self, new: pd.DataFrame) -> list[_Held]:
        """Return what is held of the subjects of these rows, in their order of appearance."""
        subject = self._cutting.subject
        subjects = [None] if subject is None else runs(new[subject].reset_index(drop=True))[2]
        return [self._held[name] for name in subjects if name in self._held]

    def _completed(
        self, table: Table, recordings: Recordings, known: list[_Held]
    ) -> Windows | None:
        """Return the windows that end after the rows that were held, or None if there are none."""
        cutting = self._cutting
        n_new = recordings.n_subjects - len(known)
        n_held = np.array([len(held.rows) for held in known] + [0] * n_new)
        starts = recordings.starts(cutting.window_size, cutting.stride, from_first_row=True)
        codes, first_rows = recordings.origins(starts)
        if not (first_rows + cutting.window_size > n_held[codes]).any():
            if (
                cutting.missing == "raise"
                and table.matrix(cutting.features, None, cutting.dtype)[1]
            ):
                cutting.windows_of(table, recordings)
            return None
        try:
            windows = cutting.windows_of(table, recordings)
        except NoWindowsError:  # because values are missing
            return None
        origins = windows.provenance
        windows = windows[origins.first_row + windows.window_size > n_held[origins.codes]]
        if len(windows) == 0:
            return None
        origins = windows.provenance
        before = np.array([held.first_row for held in known] + [0] * n_new)
        numbers = np.array([held.recording for held in known] + [0] * n_new)
        return windows._with_provenance(
            replace(
                origins,
                first_row=origins.first_row + before[origins.codes],
                recording=origins.recording + numbers[origins.codes],
                rows=None,
            )
        )

    def _to_hold(
        self, frame: pd.DataFrame, recordings: Recordings, known: list[_Held]
    ) -> dict[Any, _Held]:
        """Return what the next rows of these subjects continue: their last window, and what follows it."""
        size, stride = self._cutting.window_size, self._cutting.stride
        begins, ends = recordings.firsts[:-1], recordings.firsts[1:]
        owners, order = recordings.codes_of(begins), recordings.order
        held = {}
        for code in range(recordings.n_subjects):
            first, last = np.searchsorted(owners, [code, code + 1])
            begin, end = begins[last - 1], ends[last - 1]
            n_windows = max(0, (end - begin - size) // stride + 1)
            start = begin + max(0, n_windows - 1) * stride
            rows = np.arange(start, end) if order is None else order[start:end]
            before = known[code] if code < len(known) else _Held(frame[:0], 0, 0)
            subject = None if recordings.subjects is None else recordings.subjects[code]
            held[subject] = _Held(
                frame.take(rows).copy(),  # without the rest, and safe from later changes
                before.first_row + int(start - begins[first]),
                before.recording + int(last - 1 - first),
            )
        return held

    def _none(self, method: str, subjects: NDArray | None) -> Any:
        """Return no predictions, in the form of some; for several labels passed as `y`, once there are."""
        if method not in self._nothing:
            n_classes = len(getattr(self._predictor, "classes_", ()))
            values = np.zeros(1)
            if method == "predict" and len(self._cutting.targets) > 1:
                values = np.zeros((1, len(self._cutting.targets)))
            elif method == "predict_proba" or (method != "predict" and n_classes > 2):
                values = np.zeros((1, n_classes))
            elif n_classes and method == "predict":
                values = self._predictor.classes_[:1]
            subjects = np.full(1, None) if subjects is None else subjects
            self._nothing[method] = self._labeled(values, subjects, [0], method).iloc[:0]
        return self._nothing[method].copy()

    def _labeled(
        self, values: NDArray, subjects: NDArray | None, first_rows: Any, method: str
    ) -> Any:
        """Return one value, or several, per window, indexed by its origin."""
        first_rows = np.asarray(first_rows, dtype=np.int64)
        index = pd.Index(first_rows, name="first_row")
        if self._cutting.subject is not None:
            assert subjects is not None
            names = ["subject", "first_row"]
            keys = [subjects[: len(first_rows)], first_rows]
            index = pd.MultiIndex.from_arrays(keys, names=names)
        columns = named_columns(values, self._predictor, method, self._cutting.target)
        frame = pd.DataFrame(columns, index=index)
        return frame[method] if values.ndim == 1 else frame

    def __repr__(self) -> str:
        size, stride = self._cutting.window_size, self._cutting.stride
        n_rows = sum(len(held.rows) for held in self._held.values())
        return f"OnlineWindower({size} rows every {stride}; {len(self._held)} subjects, {n_rows} rows held)"


@dataclass(frozen=True)
class _Held:
    """The rows of a subject that its next windows begin in.

    Parameters
    ----------
    rows : DataFrame
        From the first row of the last complete window of the recording, or of the recording.
    first_row : int
        The number of rows of the subject before them.
    recording : int
        The number of the recording among those of the subject.
    """

    rows: pd.DataFrame
    first_row: int
    recording: int
