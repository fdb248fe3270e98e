"""Windows of a table that is larger than memory: partitions of Dask, cut when they are asked for."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import dask
import dask.array as da
import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray
from sklearn.base import clone

from skaug._errors import prefix_errors
from skaug.features import WindowFeatureExtractor, WindowFlattener
from skaug.out_of_core.partitions import (
    breaking_columns,
    count_windows,
    cut_columns,
    made_up_window,
    refuse_no_windows,
    require_whole_subjects,
)
from skaug.tables.table import Table
from skaug.windower import NoWindowsError, SubjectWindower
from skaug.windows.container import Windows


class LazyWindows:
    """Windows of a ``dask.dataframe.DataFrame``, cut partition by partition when they are asked for.

    `SubjectWindower.transform` gives them. Every partition has to hold whole recordings: a subject whose
    rows are in two partitions is an error, because the windows across the seam would be missing. What
    needs values, such as that check, happens when something is asked for, not before. The first thing that
    is asked for has the subjects of all partitions looked through, of which only the columns that
    recordings break at are read (with ``missing="drop"`` or ``"ffill"``: features and target too).

    Dask decides where all this runs: in threads of this process, or on the cluster of the current
    ``dask.distributed.Client``.

    Parameters
    ----------
    windower : SubjectWindower
        Fitted. It is copied.
    frame : dask.dataframe.DataFrame
        The recordings.

    Raises
    ------
    ValueError
        If the columns differ from those seen in `fit`, the windower has ``alignment="table"``, or
        ``subject=None`` and the frame has several partitions.

    Attributes
    ----------
    feature_names : list of str
        The channels.
    window_size : int
        Samples in a window.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> from skaug import SubjectWindower
    >>> from skaug.datasets import simulate_ppg
    >>> table = simulate_ppg(n_subjects=2, minutes=1)
    >>> frame = dd.from_pandas(table, npartitions=2, sort=False)
    >>> lazy = SubjectWindower(512, features=["BVP"], target="heart_rate").fit_transform(frame)
    >>> lazy
    LazyWindows(of 512 x 1: BVP; 2 partitions)
    >>> lazy.n_windows
    14
    >>> lazy.to_dask_array().chunks
    ((7, 7), (512,))
    >>> lazy.compute()
    Windows(14 of 512 x 1: BVP; 2 subjects, labelled)
    """

    def __init__(self, windower: SubjectWindower, frame: Any) -> None:
        self.windower = copy.deepcopy(windower)
        self._frame = frame
        if windower.alignment == "table":
            raise ValueError(
                "alignment='table' counts rows over the whole table, which no partition knows: take "
                "alignment='subject' for a dask frame."
            )
        if windower._subject is None and frame.npartitions > 1:
            raise ValueError(
                f"subject=None says that the table is one recording, but it has {frame.npartitions} "
                "partitions: name the column of subjects, or call frame.repartition(npartitions=1)."
            )
        self._row = frame._meta_nonempty.head(1)
        windower._validate_columns(self._row, Table(self._row), reset=False)
        self.feature_names = list(windower.features_)
        self.window_size = int(windower.window_size)

    @property
    def npartitions(self) -> int:
        """Partitions of the frame."""
        return self._frame.npartitions

    @cached_property
    def counts(self) -> pd.DataFrame:
        """What each partition holds, one row a subject.

        ``subject``, ``n_rows``, ``longest`` (rows of the longest stretch that windows may be cut from),
        ``n_windows`` and ``partition`` (its number).

        Raises
        ------
        ValueError
            If a subject is in two partitions, there is no window at all, or a partition cannot be cut.
        """
        columns = breaking_columns(self.windower)
        if self.windower.missing in ("drop", "ffill"):
            columns |= cut_columns(self.windower)
        count = dask.delayed(_count, pure=True)
        tasks = [
            count(part, self.windower, i)
            for i, part in enumerate(_partitions(self._frame, columns))
        ]
        found = [part for part in dask.compute(*tasks) if len(part)]
        if not found:
            raise NoWindowsError(
                "The table has no rows: check the filter or the split that made it."
            )
        counts = pd.concat(found, ignore_index=True)
        counts["subject"] = counts["subject"].infer_objects()
        if self.windower._subject is not None:
            held = counts.groupby("partition", sort=True)["subject"].apply(list)
            places = [f"partition {i}" for i in held.index]
            require_whole_subjects(held.tolist(), places, self._how_to_repartition())
        if not counts["n_windows"].sum():
            refuse_no_windows(self.windower, counts)
        return counts

    def _how_to_repartition(self) -> str:
        subject, time = self.windower._subject, self.windower._time
        by = f"[{subject!r}, {time!r}]" if time is not None else f"[{subject!r}, <column of times>]"
        return (
            "Bring each subject's rows together, in order of time: "
            f"frame.shuffle({subject!r}).map_partitions(lambda part: part.sort_values({by}))"
        )

    @property
    def n_windows(self) -> int:
        """How many windows there are."""
        return int(self.counts["n_windows"].sum())

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_windows, window_size, n_features)."""
        return self.n_windows, self.window_size, len(self.feature_names)

    @cached_property
    def partitions(self) -> list[Any]:
        """The windows of each partition that has any, as ``dask.delayed`` `Windows`."""
        return self._cut(None)

    @property
    def y(self) -> da.Array | None:
        """The label of each window, a dask array of shape (n_windows,); None without a target column."""
        like = self._like.y
        if like is None:
            return None
        label = dask.delayed(_label, pure=True)
        return self._stack([label(part) for part in self._bare], like[:0])

    @property
    def groups(self) -> da.Array | None:
        """The subject of each window, a dask array of shape (n_windows,); None without subjects."""
        if self.windower._subject is None:
            return None
        repeat = dask.delayed(np.repeat, pure=True)
        parts = [
            repeat(part["subject"].to_numpy(), part["n_windows"].to_numpy())
            for _, part in self._filled.groupby("partition", sort=True)
        ]
        return self._stack(parts, self._filled["subject"].to_numpy()[:0])

    def to_dask_array(self, step: WindowFeatureExtractor | None = None) -> da.Array:
        """Give the features of the windows as a dask array whose chunks are known, one a partition.

        Computed together with `y`, a partition is read and cut once.

        Parameters
        ----------
        step : WindowFeatureExtractor, optional
            What makes features of windows: a `WindowSpectrum`, `WindowStatistics` or, by default,
            `WindowFlattener`. It learns the shape of the windows and nothing of their values.

        Returns
        -------
        dask.array.Array of shape (n_windows, n_features_out)

        Raises
        ------
        TypeError
            If `step` is another kind of step.
        ValueError
            As `counts` does.
        """
        step = WindowFlattener() if step is None else step
        if not isinstance(step, WindowFeatureExtractor):
            raise TypeError(
                f"step={step!r} must be a step that makes features of windows, such as WindowSpectrum(): "
                "what learns from values takes the array that this gives."
            )
        noise = np.random.default_rng(0).normal(size=self._like.shape)
        one = self._like.with_samples(noise)
        step = clone(step).fit(one)
        features = dask.delayed(_features, pure=True)
        return self._stack([features(part, step) for part in self._bare], _features(one, step)[:0])

    def compute(self) -> Windows:
        """Cut everything, into the memory of this process.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            As if the whole table had been cut at once.
        """
        return Windows.concatenate(dask.compute(*self.partitions))

    def __iter__(self) -> Iterator[Windows]:
        """Give the windows of one partition after the other: what a loop of ``partial_fit`` takes."""
        for part in self.partitions:
            yield part.compute()

    def __len__(self) -> int:
        return self.n_windows

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        raise TypeError(
            "These windows are not cut yet. Call .compute() where they fit into memory, loop over them "
            "for partial_fit, or pass .to_dask_array() to an estimator that takes dask arrays."
        )

    def __repr__(self) -> str:
        n_features = len(self.feature_names)
        names = ", ".join(self.feature_names[:4]) + (", ..." if n_features > 4 else "")
        s = "" if self.npartitions == 1 else "s"
        return (
            f"LazyWindows(of {self.window_size} x {n_features}: {names}; "
            f"{self.npartitions} partition{s})"
        )

    @property
    def _filled(self) -> pd.DataFrame:
        """The counts of partitions that hold windows."""
        n_windows = self.counts.groupby("partition")["n_windows"].transform("sum")
        return self.counts[n_windows > 0]

    @cached_property
    def _bare(self) -> list[Any]:
        """The windows of each partition without what only a synthesizer is told: less is read."""
        return self._cut(cut_columns(self.windower))

    def _cut(self, columns: set[str] | None) -> list[Any]:
        parts = _partitions(self._frame, columns)
        cut = dask.delayed(_cut, pure=True)
        return [cut(parts[i], self.windower, i) for i in self._filled["partition"].unique()]

    @cached_property
    def _like(self) -> Windows:
        return made_up_window(self.windower, self._row)

    def _stack(self, parts: list[Any], like: NDArray) -> da.Array:
        counts = self._filled.groupby("partition", sort=True)["n_windows"].sum()
        arrays = [
            da.from_delayed(part, (n, *like.shape[1:]), meta=like)
            for part, n in zip(parts, counts.tolist(), strict=True)
        ]
        return da.concatenate(arrays)


def _partitions(frame: Any, columns: set[str] | None) -> list[Any]:
    """Give the partitions, with only these columns, as delayed frames."""
    if columns is not None:
        frame = frame[[name for name in frame.columns if str(name) in columns]]
    # Not optimised further than that only these columns are read: Dask would read several small files as
    # one partition, fewer of them the more columns there are, and numbers of partitions would not match.
    return frame.simplify().to_delayed(optimize_graph=False)


def _count(part: pd.DataFrame, windower: SubjectWindower, partition: int) -> pd.DataFrame:
    with prefix_errors(f"partition {partition}"):
        return count_windows(part, windower).assign(partition=partition)


def _cut(part: pd.DataFrame, windower: SubjectWindower, partition: int) -> Windows:
    with prefix_errors(f"partition {partition}"):
        return windower._cut(Table(part), None)


def _label(windows: Windows) -> NDArray | None:
    return windows.y


def _features(windows: Windows, step: WindowFeatureExtractor) -> NDArray:
    return np.asarray(step.transform(windows))
