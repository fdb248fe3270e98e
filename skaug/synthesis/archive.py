"""Synthetic windows that the Synthetic Data Agent has already made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug.synthesis.archive_file import ArchiveFile
from skaug.synthesis.base import Synthesizer
from skaug.synthesis.conditions import labels_are_replaced
from skaug.tables.aggregation import aggregate
from skaug.tables.columns import as_context, encode, is_text, require_column
from skaug.windows.container import Windows
from skaug.windows.provenance import target_names

WINDOW_COLUMN = "window_idx"


class AgentArchive(Synthesizer):
    """Synthetic windows from an archive of the Synthetic Data Agent.

    Only windows of subjects of the training fold are used, in the order of the archive: the k-th
    condition of a subject gets the k-th window of that subject, so that a larger request contains the
    smaller one. Labels and context are those of the archive, where they may have been varied. Only
    columns of the recordings are read; those that the archive does not have are missing.

    Parameters
    ----------
    path : str or Path
        The zip, which is read in place, or a bare parquet file.
    subject : object, optional
        The subject of all windows, for archives without a column of subjects.
    features : list of str, optional
        The columns that are the channels, in the order of the windows' channels; by default the columns
        with the same names.
    target : str or list of str, optional
        The column that the labels are computed from; by default the target of the windows. For windows made
        from arrays, name the column that their labels were computed from. A list for several labels per
        window.

    Attributes
    ----------
    n_windows_ : int
        Number of windows in the archive.
    subjects_ : list of str
        Their subjects; empty if the windows of the fold have no subjects.

    See Also
    --------
    SynthefyAPI : Windows on demand, from the service itself.

    Examples
    --------
    >>> from skaug import SynthefyAugmenter
    >>> from skaug.synthesis import AgentArchive
    >>> archive = AgentArchive("subject-1-synthetic_data.zip", subject="S1")
    >>> augmenter = SynthefyAugmenter(archive, n_synthetic=10)
    """

    def __init__(
        self,
        path: str | Path,
        *,
        subject: Any = None,
        features: Sequence[str] | None = None,
        target: str | Sequence[str] | None = None,
    ) -> None:
        self.path = path
        self.subject = subject
        self.features = features
        self.target = target

    def fit(self, windows: Windows) -> Self:
        """Read the archive, and keep its windows of subjects of the training fold.

        Parameters
        ----------
        windows : Windows of shape (n_windows, window_size, n_features)
            The real windows of the training fold.

        Returns
        -------
        self

        Warns
        -----
        DataWarning
            If the file is a bare parquet file without checksums, in which damage would not be noticed.

        Raises
        ------
        OSError
            If there is no such file.
        ValueError
            If the file is not an archive of the agent or is too large; if it lacks a column or the
            subjects of its windows; if none of these subjects is in the fold; or if the labels of the
            fold were passed or transformed, so that those of the archive do not match them.
        """
        archive = ArchiveFile.open(Path(self.path).expanduser())
        features = windows.feature_names if self.features is None else list(self.features)
        if len(features) != len(windows.feature_names):
            raise ValueError(
                f"features={features!r} must name one column for each of the channels "
                f"{', '.join(windows.feature_names)}."
            )
        for name in features:
            require_column(name, archive.schema.names, f"the archive {str(self.path)!r}")
        targets = self._targets(windows)
        for target in targets:
            require_column(target, archive.schema.names, f"the target in {str(self.path)!r}")
        size, recorded = windows.window_size, windows[:1].context_rows
        wanted = {*features, WINDOW_COLUMN, _subject_column(windows), *targets, *recorded.columns}
        table = archive.read([name for name in archive.schema.names if name in wanted])
        rows = self._rows_of_windows(table, size)
        subjects = self._subjects_of_windows(table, rows, windows)
        trained_on = _subject_names(windows)
        self.n_windows_ = len(rows)
        self.subjects_ = [] if windows.groups is None else list(dict.fromkeys(subjects.tolist()))
        kept = np.isin(subjects, trained_on)  # a fitted pipeline must not hold windows of others
        if not kept.any():
            raise ValueError(
                f"The archive {str(self.path)!r} holds windows of {_listed(self.subjects_)}, but none of "
                f"these subjects is in the training fold ({_listed(dict.fromkeys(trained_on.tolist()))}): "
                "use splits that always train on them."
            )
        self._subjects = subjects[kept]
        table = table.iloc[rows[kept].ravel()].reset_index(drop=True)
        channels = [self._numbers(table, name) for name in features]
        self._samples = np.stack(channels, axis=1).reshape(-1, size, len(features))
        self._labels = self._make_labels(table, windows, targets) if targets else None
        context = table.drop(columns=[*features, WINDOW_COLUMN], errors="ignore")
        self._context = as_context(_typed_like(context, recorded))
        return self

    def can_condition(self, windows: Windows) -> NDArray[np.bool_]:
        """Return which windows are of subjects in the archive.

        Parameters
        ----------
        windows : Windows of shape (n_windows, window_size, n_features)
            Real windows of the training fold.

        Returns
        -------
        ndarray of bool of shape (n_windows,)
        """
        return np.isin(_subject_names(windows), self._subjects)

    def synthesize(self, conditions: Windows) -> Windows:
        """Return one window of the archive per condition.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)
            Windows of the training fold. Only their subjects matter.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            With the labels and the context of the archive, and the origins of the conditions.

        Raises
        ------
        ValueError
            If a subject has fewer windows in the archive than conditions.
        """
        names = _subject_names(conditions)
        chosen = np.empty(len(conditions), dtype=np.intp)
        for subject in np.unique(names).tolist():
            in_archive = np.flatnonzero(self._subjects == subject)
            in_conditions = np.flatnonzero(names == subject)
            if len(in_archive) < len(in_conditions):
                of_subject = f" of subject {subject!r}" if subject else ""
                raise ValueError(
                    f"The archive {str(self.path)!r} holds {len(in_archive)} windows{of_subject}, fewer "
                    f"than the {len(in_conditions)} requested: use a smaller ratio or n_synthetic."
                )
            chosen[in_conditions] = in_archive[: len(in_conditions)]
        size = conditions.window_size
        rows = (chosen[:, None] * size + np.arange(size)).ravel()
        context = self._context.take(rows).reset_index(drop=True)
        synthetic = conditions.synthesized(self._samples[chosen])
        subject_column = conditions.provenance.subject
        if subject_column is not None:  # spelled as in the recordings
            context[subject_column] = synthetic.context_rows[subject_column]
        return synthetic._with_context(
            context, None if self._labels is None else self._labels[chosen]
        )

    def _rows_of_windows(self, table: pd.DataFrame, size: int) -> NDArray[np.intp]:
        """Return the rows of each window: by its number, or in older archives by the length."""
        name = repr(str(self.path))
        if WINDOW_COLUMN not in table.columns:
            if len(table) == 0 or len(table) % size:
                raise ValueError(
                    f"The archive {name} has {len(table)} rows and no {WINDOW_COLUMN!r}: these are not "
                    f"whole windows of {size} rows. Cut the recordings with the model's own window_size."
                )
            return np.arange(len(table)).reshape(-1, size)
        codes, _ = encode(table[WINDOW_COLUMN])
        n_without = int((codes < 0).sum())
        if n_without or len(codes) == 0:
            raise ValueError(
                f"{n_without} of the {len(codes)} rows of the archive {name} have no {WINDOW_COLUMN!r}, so "
                "that it cannot be cut into windows: have the agent make it again."
            )
        counts = np.bincount(codes)
        wrong = np.unique(counts[counts != size])
        if len(wrong):
            raise ValueError(
                f"The archive {name} has windows of {_listed(wrong)} rows instead of {size}: cut the "
                "recordings with the model's own window_size."
            )
        return np.argsort(codes, kind="stable").reshape(-1, size)

    def _subjects_of_windows(
        self, table: pd.DataFrame, rows: NDArray[np.intp], windows: Windows
    ) -> NDArray[np.str_]:
        """Return the subject of each window of the archive, as text."""
        if windows.groups is None:
            return np.full(len(rows), "")
        column = _subject_column(windows)
        if column not in table.columns:
            if self.subject is None:
                raise ValueError(
                    f"The archive {str(self.path)!r} does not name the subjects of its windows, which could "
                    'be test subjects: pass subject, such as AgentArchive(path, subject="S1").'
                )
            return np.full(len(rows), _spelled(self.subject))
        codes, subjects = encode(table[column])
        if (codes < 0).any():
            raise ValueError(
                f"The column {column!r} of the archive {str(self.path)!r} is missing in "
                f"{int((codes < 0).sum())} rows: fill it in, or drop the column and pass subject."
            )
        codes = codes[rows]
        if (codes != codes[:, :1]).any():
            raise ValueError(
                f"A window of the archive {str(self.path)!r} has several values of {column!r}: have the "
                "agent make it again."
            )
        names = np.array([_spelled(subject) for subject in subjects])[codes[:, 0]]
        if self.subject is not None and (names != _spelled(self.subject)).any():
            raise ValueError(
                f"The archive {str(self.path)!r} holds windows of {_listed(np.unique(names))}, not only of "
                f"subject={self.subject!r}: leave subject out."
            )
        return names

    def _targets(self, windows: Windows) -> tuple[str, ...]:
        """Return the columns that the labels are computed from; none for windows without labels."""
        if windows.y is None:
            return ()
        own = windows.provenance.targets
        targets = own if self.target is None else target_names(self.target)
        if not targets:
            raise ValueError(
                "The labels of these windows were passed as y, so that the column of the archive they "
                "correspond to is unknown: pass target."
            )
        labels = windows.y.reshape(len(windows), -1)
        if own and len(own) != labels.shape[1]:
            self._check_labels(windows, windows.y, own[0])  # raises, because they were passed
        if len(targets) != labels.shape[1]:
            raise ValueError(
                f"These windows have {labels.shape[1]} labels each, and target names {', '.join(targets)} in "
                "the archive: name one column for each label."
            )
        for i, name in enumerate(own or targets):
            self._check_labels(windows, labels[:, i], name)
        return targets

    def _make_labels(
        self, table: pd.DataFrame, windows: Windows, targets: tuple[str, ...]
    ) -> NDArray:
        """Label the windows of the archive the way the recorded ones are labeled."""
        labels = [self._labels_of(table, windows, target) for target in targets]
        assert windows.y is not None
        return labels[0] if windows.y.ndim == 1 else np.stack(labels, axis=1)

    def _labels_of(self, table: pd.DataFrame, windows: Windows, target: str) -> NDArray:
        """Return the label of each window of the archive from one of its columns."""
        size, how = windows.window_size, windows.provenance.target_agg
        starts = np.arange(0, len(table), size)
        if windows.y is not None and windows.y.dtype.kind not in "fiub":
            texts = table[target] if is_text(table[target]) else table[target].map(_spelled)
            if table[target].isna().any():
                raise ValueError(
                    f"The target {target!r} is missing in rows of the archive {str(self.path)!r}: have the "
                    "agent make it again."
                )
            return aggregate(texts, starts, size, how, target)
        labels = aggregate(self._numbers(table, target), starts, size, how, target)
        with np.errstate(invalid="ignore"):  # 300 does not fit into eight bits
            converted = labels.astype(np.asarray(windows.y).dtype)
        return converted if np.array_equal(converted, labels) else labels

    def _check_labels(self, windows: Windows, labels: NDArray, column: str) -> None:
        """Raise if the labels of the recorded windows are not computed from this column."""
        if labels_are_replaced(windows, labels, column):
            raise ValueError(
                f"The labels of these windows are not those of the column {column!r}: a y was passed to fit, "
                "or a meta-estimator such as TransformedTargetRegressor transformed it. Labels of the "
                f"archive {str(self.path)!r} would not match them: leave y out."
            )

    def _numbers(self, table: pd.DataFrame, name: str) -> NDArray[np.float64]:
        """Return a column of whole windows as numbers, none of them missing."""
        try:
            numbers = _as_numbers(table[name])
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"The column {name!r} of the archive {str(self.path)!r} does not hold numbers: {error}."
            ) from None
        bad = ~np.isfinite(numbers)
        if bad.any():
            raise ValueError(
                f"The column {name!r} of the archive {str(self.path)!r} holds NaN or infinity in "
                f"{int(bad.sum())} rows: have the agent make it again."
            )
        return numbers


def _spelled(subject: Any) -> str:
    """Return a subject as text, a whole number without decimals: the archive may hold 1 as "1.0"."""
    return re.sub(r"^(-?\d+)\.0$", r"\1", str(subject))


def _subject_column(windows: Windows) -> str:
    return windows.provenance.subject or "subject"


def _subject_names(windows: Windows) -> NDArray[np.str_]:
    """Return the subject of each window as text, empty if the windows have no subjects."""
    subjects = [""] if windows.provenance.subjects is None else windows.provenance.subjects
    return np.array([_spelled(subject) for subject in subjects])[windows.provenance.codes]


def _listed(values: Iterable[Any]) -> str:
    texts = [str(value) for value in values]
    return ", ".join(texts[:5]) + (f" and {len(texts) - 5} more" if len(texts) > 5 else "")


def _typed_like(context: pd.DataFrame, recorded: pd.DataFrame) -> pd.DataFrame:
    """Convert text to numbers and times where the recordings hold those."""
    typed = {}
    for name, column in context.items():
        if not is_text(column) or name not in recorded.columns or is_text(recorded[name]):
            continue
        try:
            is_time = recorded[name].dtype.kind == "M"
            typed[name] = pd.to_datetime(column) if is_time else _as_numbers(column)
        except (ValueError, TypeError):
            continue  # it stays text
    return context.assign(**typed)


def _as_numbers(column: pd.Series) -> NDArray[np.float64]:
    """Return numbers that may have arrived as text; a missing one is NaN."""
    if column.dtype.kind in "mM":
        raise TypeError("it holds times")
    if isinstance(column.dtype, pd.CategoricalDtype):  # as text is read
        # Not pd.to_numeric, which does not accept "nan".
        numbers = column.cat.categories.to_numpy(dtype=object).astype(np.float64)
        return np.append(numbers, np.nan)[column.cat.codes]
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
