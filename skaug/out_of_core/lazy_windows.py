"""Windows of a table larger than memory: partitions of a dask frame, cut when a result is requested."""

from __future__ import annotations

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
from skaug.cutting import Cutting, NoWindowsError
from skaug.features import WindowFeatureExtractor, WindowFlattener
from skaug.out_of_core.parts import (
    no_windows,
    one_window,
    require_independent_parts,
    require_whole_subjects,
)
from skaug.windows.container import Windows


class LazyWindows:
    """Windows of a ``dask.dataframe.DataFrame``, cut partition by partition when a result is requested.

    `SubjectWindower.transform` returns them. Every partition has to hold whole recordings: a subject with
    rows in two partitions is an error, because the windows across the seam would be missing. Evaluation
    is lazy: nothing, this check included, runs until a result is requested. The first request reads the
    columns of subjects, boundaries and times of all partitions (with ``missing="drop"`` or ``"ffill"``
    features and target too, with `purity` the target).

    Dask decides where all this runs: in threads of this process, or on the cluster of the current
    ``dask.distributed.Client``.

    Parameters
    ----------
    cutting : Cutting
        How the partitions are cut.
    frame : dask.dataframe.DataFrame
        The recordings.

    Raises
    ------
    ValueError
        With ``alignment="table"``, or with ``subject=None`` and several partitions.

    Attributes
    ----------
    feature_names : list of str
        The channels.
    window_size : int
        Samples per window.

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
    Windows(14 of 512 x 1: BVP; 2 subjects, labeled)
    """

    def __init__(self, cutting: Cutting, frame: Any) -> None:
        remedy = "call frame.repartition(npartitions=1)"
        require_independent_parts(cutting, frame.npartitions, remedy)
        self.cutting = cutting
        self._frame = frame
        self.feature_names = list(cutting.features)
        self.window_size = cutting.window_size

    @property
    def npartitions(self) -> int:
        """Number of partitions of the frame."""
        return self._frame.npartitions

    @cached_property
    def counts(self) -> pd.DataFrame:
        """What each partition holds, one row per subject.

        ``subject``, ``n_rows``, ``longest`` (rows of the longest stretch that windows may be cut from),
        ``n_windows`` and ``partition`` (its number).

        Raises
        ------
        ValueError
            If a subject is in two partitions, there is no window at all, or a partition cannot be cut.
        """
        count = dask.delayed(_count, pure=True)
        tasks = [
            count(part, self.cutting, i)
            for i, part in enumerate(_partitions(self._frame, self.cutting.count_columns()))
        ]
        found = [part for part in dask.compute(*tasks) if part is not None]
        if not found:
            raise NoWindowsError(
                "The table has no rows: check the filter or the split that made it."
            )
        counts = pd.concat(found, ignore_index=True)
        counts["subject"] = counts["subject"].infer_objects()
        if self.cutting.subject is not None:
            held = counts.groupby("partition", sort=True)["subject"].apply(list)
            places = [f"partition {i}" for i in held.index]
            require_whole_subjects(held.tolist(), places, self._how_to_repartition())
        if not counts["n_windows"].sum():
            raise no_windows(self.cutting, counts)
        return counts

    def _how_to_repartition(self) -> str:
        subject, time = self.cutting.subject, self.cutting.time
        by = f"[{subject!r}, {time!r}]" if time is not None else f"[{subject!r}, <column of times>]"
        return (
            "Bring the rows of each subject together, in order of time: "
            f"frame.shuffle({subject!r}).map_partitions(lambda part: part.sort_values({by}))"
        )

    @property
    def n_windows(self) -> int:
        """Number of windows."""
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
        """The label of each window, or its labels, as a dask array; None without a target column."""
        like = self._like.y
        if like is None:
            return None
        label = dask.delayed(_label, pure=True)
        return self._stack([label(part) for part in self._bare], like[:0])

    @property
    def groups(self) -> da.Array | None:
        """The subject of each window, a dask array of shape (n_windows,); None without subjects."""
        if self.cutting.subject is None:
            return None
        repeat = dask.delayed(np.repeat, pure=True)
        parts = [
            repeat(part["subject"].to_numpy(), part["n_windows"].to_numpy())
            for _, part in self._filled.groupby("partition", sort=True)
        ]
        return self._stack(parts, self._filled["subject"].to_numpy()[:0])

    def to_dask_array(self, step: WindowFeatureExtractor | None = None) -> da.Array:
        """Return the features of the windows as a dask array of known chunks, one per partition.

        Computed together with `y`, a partition is read and cut once.

        Parameters
        ----------
        step : WindowFeatureExtractor, optional
            A step that turns windows into features: a `WindowSpectrum`, a `WindowStatistics` or, by
            default, a `WindowFlattener`. It learns the shape of the windows, and nothing from their values.

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
                f"step={step!r} must be a step that turns windows into features, such as WindowSpectrum(): "
                "pass the array returned here to anything that learns from values."
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
        """Yield the windows of one partition after the other, for a loop of ``partial_fit``."""
        for part in self.partitions:
            yield part.compute()

    def __len__(self) -> int:
        return self.n_windows

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        raise TypeError(
            "These windows are not cut yet. Call .compute() if they fit into memory, loop over them for "
            "partial_fit, or pass .to_dask_array() to an estimator that accepts dask arrays."
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
        """The windows of each partition without context, so that fewer columns are read."""
        return self._cut(self.cutting.columns())

    def _cut(self, columns: set[str] | None) -> list[Any]:
        parts = _partitions(self._frame, columns)
        cut = dask.delayed(_cut, pure=True)
        return [cut(parts[i], self.cutting, i) for i in self._filled["partition"].unique()]

    @cached_property
    def _like(self) -> Windows:
        return one_window(self.cutting, self._frame._meta_nonempty.head(1))

    def _stack(self, parts: list[Any], like: NDArray) -> da.Array:
        counts = self._filled.groupby("partition", sort=True)["n_windows"].sum()
        arrays = [
            da.from_delayed(part, (n, *like.shape[1:]), meta=like)
            for part, n in zip(parts, counts.tolist(), strict=True)
        ]
        return da.concatenate(arrays)


def _partitions(frame: Any, columns: set[str] | None) -> list[Any]:
    """Return the partitions, with only these columns, as delayed frames."""
    if columns is not None:
        frame = frame[[name for name in frame.columns if str(name) in columns]]
    # Not optimized further than that only these columns are read: Dask would read several small files as
    # one partition, fewer of them the more columns there are, and numbers of partitions would not match.
    return frame.simplify().to_delayed(optimize_graph=False)


def _count(part: pd.DataFrame, cutting: Cutting, partition: int) -> pd.DataFrame | None:
    if len(part) == 0:
        return None
    with prefix_errors(f"partition {partition}"):
        return cutting.count(part).assign(partition=partition)


def _cut(part: pd.DataFrame, cutting: Cutting, partition: int) -> Windows:
    with prefix_errors(f"partition {partition}"):
        return cutting.cut(part)


def _label(windows: Windows) -> NDArray | None:
    return windows.y


def _features(windows: Windows, step: WindowFeatureExtractor) -> NDArray:
    return np.asarray(step.transform(windows))
