"""The container that flows through the pipelines: windows with labels, subjects and origins."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike, NDArray

from skaug._arrays import blocks_of, covered_rows, in_halves, plain_layout, window_views
from skaug._warnings import warn
from skaug.tables.columns import as_context, encode
from skaug.windows.base import WindowArray
from skaug.windows.joining import covered_context, join_contexts, join_rows
from skaug.windows.pickling import pack_frame, unpack_frame
from skaug.windows.provenance import (
    NO_RECORDING,
    REAL,
    Provenance,
    concatenate_provenance,
    names_of_labels,
)
from skaug.windows.sessions import count_sessions_on
from skaug.windows.stretches import Stretches, stitched
from skaug.windows.synthetic_context import with_own_labels
from skaug.windows.values import default_names, one_per_window, plain_values

# Bytes of samples to work on at a time: few enough that results stay in the cache, and lie in memory that was
# used before, which the system need not clear.
_BLOCK_BYTES = 1 << 19


class Windows(WindowArray):
    """Windows of sensor recordings, as an array-like of shape (n_windows, window_size, n_features).

    Overlapping windows share their samples, and selecting windows copies nothing; an array is made only
    on request. scikit-learn's tools treat it like an array: ``len``, ``shape``, indexing by slices, masks
    and integers, ``train_test_split``, ``cross_validate``, ``clone``, pickling.

    Windows come from `SubjectWindower`, or from `Windows.from_arrays` for arrays that exist already. A
    container with synthetic windows refuses ``np.asarray``, because a bare array would lose their labels;
    `to_numpy` is the explicit way.

    Attributes
    ----------
    y : ndarray of shape (n_windows,) or (n_windows, n_outputs), or None
        The label of each window, or its labels, which ``provenance.outputs`` names.
    groups : ndarray of shape (n_windows,), or None
        The subject of each window.
    is_synthetic : ndarray of shape (n_windows,)
        Whether each window is synthetic.
    feature_names : list of str
        The channels.
    window_size : int
        Samples per window.
    origins : DataFrame of n_windows rows
        ``subject``, ``first_row`` (counted among the rows of that subject) and ``draw`` (-1 for a
        recorded window).
    context : DataFrame of n_windows * window_size rows
        The other columns of the table.
    provenance : Provenance
        Labels, subjects, origins, draws, and the rows of the table that the windows were cut from.

    See Also
    --------
    SubjectWindower : Cuts recordings into windows.
    WindowFeatures : Features of windows that keep their labels.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> windows = Windows.from_arrays(np.zeros((4, 100, 2)), y=[60, 61, 80, 82], groups=list("AABB"))
    >>> windows
    Windows(4 of 100 x 2: x0, x1; 2 subjects, labeled)
    >>> windows[windows.groups == "B"].y
    array([80, 82])
    """

    def __init__(
        self,
        signals: NDArray,
        starts: NDArray[np.intp],
        window_size: int,
        provenance: Provenance,
        feature_names: Sequence[str],
        context: pd.DataFrame,
        context_starts: NDArray[np.intp] | None = None,
    ) -> None:
        self._signals = signals
        self._starts = starts
        # As the table holds it: text becomes categories when the context is read.
        self._context = context
        self._context_starts = starts if context_starts is None else context_starts
        self.window_size = window_size
        self.provenance = provenance
        self.feature_names = list(feature_names)
        self._packed: dict[str, Any] | None = None

    @classmethod
    def from_arrays(
        cls,
        X: ArrayLike,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        *,
        feature_names: Sequence[str] | None = None,
        channels_first: bool | None = None,
    ) -> Windows:
        """Make windows from a 3-D array.

        Parameters
        ----------
        X : array-like of shape (n_windows, window_size, n_features)
            The samples. A C-contiguous array is not copied.
        y : array-like of shape (n_windows,) or (n_windows, n_outputs), optional
            The label of each window, or its labels; the columns of a data frame name them.
        groups : array-like of shape (n_windows,), optional
            The subject of each window.
        feature_names : sequence of str, optional
            The channels; ``x0``, ``x1``, ... by default.
        channels_first : bool, optional
            Whether `X` has the shape (n_windows, n_features, window_size). By default it does not, and there
            is a warning if there are more features than samples.

        Returns
        -------
        Windows
            Their origins are counted as if the windows of each subject had been recorded end to end.

        Raises
        ------
        ValueError
            If `X` is not 3-D and numeric, a length differs from the number of windows, or two
            channels have one name.
        TypeError
            If `X` holds synthetic windows.

        Warns
        -----
        DataWarning
            If there are more features than samples, and `channels_first` is None.
        """
        values = plain_values(X)
        if channels_first:
            values = values.transpose(0, 2, 1)
        values = np.ascontiguousarray(values)
        n_windows, window_size, n_features = values.shape
        if channels_first is None and n_features > window_size:
            warn(
                f"These windows have {n_features} features of {window_size} samples each. If the array is "
                "(n_windows, channels, time), pass channels_first=True to Windows.from_arrays; if it is "
                "right as it is, channels_first=False."
            )
        if feature_names is None:
            feature_names = default_names(n_features)
        feature_names = [str(name) for name in feature_names]
        if len(feature_names) != n_features:
            raise ValueError(
                f"X has {n_features} features, but feature_names has {len(feature_names)} entries."
            )
        repeated = [name for name in feature_names if feature_names.count(name) > 1]
        if repeated:
            raise ValueError(f"Two features are called {repeated[0]!r}: rename one.")
        labels = None if y is None else one_per_window(y, n_windows, "y")
        codes, subjects = np.zeros(n_windows, dtype=np.intp), None
        if groups is not None:
            names = one_per_window(groups, n_windows, "groups")
            if names.ndim != 1:
                raise ValueError(
                    f"groups must hold one subject per window, got the shape {names.shape}."
                )
            codes, subjects = encode(pd.Series(names))
            if (codes < 0).any():
                window = int(np.flatnonzero(codes < 0)[0])
                raise ValueError(
                    f"The subject of window {window} is missing in groups: fill it in or drop the window."
                )
        nth_of_subject = pd.Series(codes).groupby(codes).cumcount().to_numpy()
        return cls(
            values.reshape(n_windows * window_size, n_features),
            np.arange(n_windows, dtype=np.intp) * window_size,
            window_size,
            Provenance(
                codes=codes,
                subjects=subjects,
                first_row=nth_of_subject.astype(np.int64) * window_size,
                draw=np.full(n_windows, REAL),
                is_synthetic=np.zeros(n_windows, dtype=bool),
                recording=np.full(n_windows, NO_RECORDING),
                size=window_size,
                y=labels,
                target=names_of_labels(y),
            ),
            feature_names,
            pd.DataFrame(index=range(n_windows * window_size)),
        )

    @staticmethod
    def concatenate(parts: Sequence[Windows]) -> Windows:
        """Join windows of the same size and channels, in the order given.

        Origins stay, with one exception: recorded windows with the same subject and first row but different
        samples come from sessions that were cut one by one, and the first rows of later sessions are
        renumbered to follow the earlier ones.

        Parameters
        ----------
        parts : sequence of Windows

        Returns
        -------
        Windows

        Raises
        ------
        ValueError
            If there are none, if sizes, channels or several labels differ, or if only some have labels or
            subjects.
        TypeError
            If one of them is not `Windows`.
        """
        parts = list(parts)
        if not parts:
            raise ValueError("There are no windows to join: pass at least one Windows object.")
        first = parts[0]
        for part in parts:
            if not isinstance(part, Windows):
                raise TypeError(
                    f"Windows can be joined only with Windows, got {type(part).__name__}: wrap an array in "
                    "Windows.from_arrays."
                )
            if part.shape[1:] != first.shape[1:] or part.feature_names != first.feature_names:
                raise ValueError(
                    f"Windows of {part.window_size} samples of {', '.join(part.feature_names)} cannot "
                    f"join windows of {first.window_size} samples of {', '.join(first.feature_names)}."
                )
        filled = [part for part in parts if len(part)] or [first]
        size = first.window_size
        known = [part.provenance for part in filled]
        if len(filled) > 1:
            samples = [lambda which, part=part: part._take(which).to_numpy() for part in filled]
            known = count_sessions_on(known, samples, size)
        provenance = concatenate_provenance(known)
        contexts = [(part._context, part._context_starts) for part in filled]
        context, context_starts = join_contexts(contexts, size)
        if all(part._signals is first._signals for part in filled) and context is first._context:
            signals, starts = first._signals, np.concatenate([part._starts for part in filled])
        else:
            signals, starts = join_rows([(part._signals, part._starts) for part in filled], size)
        return Windows(
            signals,
            starts,
            size,
            provenance,
            first.feature_names,
            context,
            context_starts,
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_windows, window_size, n_features)."""
        return len(self._starts), self.window_size, len(self.feature_names)

    @property
    def dtype(self) -> np.dtype:
        """Data type of the samples."""
        return self._signals.dtype

    @property
    def context(self) -> pd.DataFrame:
        """The other columns of the table, one row per sample of each window.

        Subject, target and every other column that is not a channel: the conditions that a synthesizer
        gets. The index has the levels ``window`` (position) and ``sample``. Text is categorical.

        The rows of a synthetic window are those of its condition, except for the target: if the synthesizer
        moved the label, it is that label in all of its rows.
        """
        rows = (self.first_context_rows[:, None] + np.arange(self.window_size)).ravel()
        index = pd.MultiIndex.from_product(
            [range(len(self)), range(self.window_size)], names=["window", "sample"]
        )
        context = self.context_rows.take(rows).set_axis(index)
        if self.provenance.holds_synthetic:
            context = with_own_labels(context, self.window_size, self.provenance)
        return context

    @property
    def context_rows(self) -> pd.DataFrame:
        """The context of each row that windows cover; a row that several windows share appears once."""
        size = self.window_size
        context, context_starts = covered_context(self._context, self._context_starts, size)
        context = as_context(context)
        if self._context_starts is self._starts:
            return context
        starts, stretches = covered_rows(self._starts, self.window_size)
        rows = np.empty(sum(s.stop - s.start for s in stretches), dtype=np.intp)
        within = np.arange(self.window_size)
        rows[starts[:, None] + within] = context_starts[:, None] + within
        return context.take(rows).reset_index(drop=True)

    @property
    def first_context_rows(self) -> NDArray[np.intp]:
        """The row of `context_rows` at which each window begins."""
        return covered_rows(self._starts, self.window_size)[0]

    def to_numpy(self, dtype: DTypeLike | None = None) -> NDArray:
        """Return the samples as a new array of shape (n_windows, window_size, n_features).

        Parameters
        ----------
        dtype : data type, optional
            Data type of the array; by default that of the windows.

        Returns
        -------
        ndarray of shape (n_windows, window_size, n_features)
        """
        out = np.empty(self.shape, dtype=self.dtype if dtype is None else dtype)
        in_halves(lambda which: self._copy_samples(which, out[which]), len(out), out.nbytes)
        return out

    def _copy_samples(self, which: slice, out: NDArray) -> None:
        for block, views in window_views(self._signals, self._starts[which], self.window_size):
            out[block] = views

    def map_blocks(self, compute: Callable[[NDArray], NDArray]) -> NDArray:
        """Compute something for every window without an array of all the samples.

        Parameters
        ----------
        compute : callable
            Maps the samples of a block, of shape (n_block, window_size, n_features), to an array with one
            entry per window. It may write to the block. If there are many windows, two threads call it.

        Returns
        -------
        ndarray of shape (n_windows, ...)
        """
        n_bytes = max(1, self.window_size * len(self.feature_names) * self.dtype.itemsize)
        n_block = max(1, _BLOCK_BYTES // n_bytes)

        def work(half: slice) -> list[NDArray]:
            parts = []
            for block in blocks_of(half, n_block):
                # The samples of a channel lie one after the other, so that work along them is faster.
                channels = (block.stop - block.start, len(self.feature_names), self.window_size)
                samples = np.empty(channels, dtype=self.dtype).transpose(0, 2, 1)
                self._copy_samples(block, samples)
                parts.append(compute(samples))
            return parts

        halves = in_halves(work, len(self), len(self) * n_bytes)
        parts = [part for half in halves for part in half]
        return np.concatenate(parts or [compute(np.empty(self.shape, dtype=self.dtype))])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        if dtype is None or copy is False or self.provenance.holds_synthetic:
            return super().__array__(dtype, copy)
        return self.to_numpy(dtype)  # converted while it is copied, not once more

    def recordings(self) -> Stretches:
        """Stitch the windows back to the stretches of recordings that they cover.

        Windows that overlap or are adjacent in the same recording share a stretch. The boundaries of
        recordings, the rows of windows that are not here, and long gaps in time end it. A window whose
        samples are not rows of a recording, because it came from an array or a step replaced its samples,
        is a stretch by itself.

        Returns
        -------
        Stretches
            Signals and labels of each row, and where each window begins.

        Raises
        ------
        ValueError
            If some windows are synthetic.

        Examples
        --------
        >>> from skaug import SubjectWindower
        >>> from skaug.datasets import simulate_ppg
        >>> table = simulate_ppg(n_subjects=2, minutes=1)
        >>> windows = SubjectWindower(512, features=["BVP"], target="heart_rate").fit_transform(table)
        >>> len(windows), len(windows.recordings()), windows.recordings().signals.shape
        (14, 2, (7168, 1))
        """
        return stitched(
            (self._signals, self._starts),
            (self._context, self._context_starts),
            self.window_size,
            self.provenance,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the windows as a table, one row per sample of each window.

        Returns
        -------
        DataFrame of n_windows * window_size rows
            The channels, then the context. The index has the levels ``window`` and ``sample``.
        """
        context = self.context
        samples = self.to_numpy().reshape(-1, len(self.feature_names))
        channels = pd.DataFrame(samples, columns=self.feature_names, index=context.index)
        return pd.concat([channels, context], axis=1)

    def _to_plain(self) -> NDArray:
        """Return the plain array to pass to an estimator that is not window-aware."""
        return self.to_numpy()

    def relabel(self, y: ArrayLike | None) -> Windows:
        """Return the windows with other labels.

        Parameters
        ----------
        y : array-like of shape (n_windows,), or (n_rows,) of the table they were cut from, or None
            Labels; 2-D for several per window. Those of rows are aggregated as the windower would.
            None changes nothing, and neither does any `y` if some windows are synthetic: only the container
            knows their labels.

        Returns
        -------
        Windows
            They share the samples.

        Raises
        ------
        ValueError
            If `y` has the wrong length.
        """
        return self._with_provenance(self.provenance.relabel(y))

    def _with_provenance(self, provenance: Provenance) -> Windows:
        return self._with(provenance=provenance)

    def _drawn(self, draws: ArrayLike) -> Windows:
        """Return the windows as conditions of synthesis, each with the number of its draw.

        Parameters
        ----------
        draws : array-like of int of shape (n_windows,)
            How many windows of the same origin are requested before this one.
        """
        draw = one_per_window(draws, len(self), "draws").astype(np.int64)
        return self._with(provenance=replace(self.provenance, draw=draw))

    def synthesized(self, X: ArrayLike, y: ArrayLike | None = None) -> Windows:
        """Return synthetic windows of these conditions: the same origins and context, other samples.

        Parameters
        ----------
        X : array-like of shape (n_windows, window_size, n_features)
            The synthetic samples.
        y : array-like of shape (n_windows,), optional
            Their labels; those of the conditions by default.

        Returns
        -------
        Windows
            All of them synthetic.

        Raises
        ------
        ValueError
            If the shape differs from that of the conditions.
        """
        if np.shape(X) != self.shape:
            raise ValueError(
                f"X has the shape {np.shape(X)}, but its conditions have {self.shape}."
            )
        provenance = replace(
            self.provenance, is_synthetic=np.ones(len(self), dtype=bool), rows=None, is_edited=None
        )
        if y is not None:
            provenance = replace(provenance, y=one_per_window(y, len(self), "y"))
        return self._with(provenance=provenance).with_samples(X)

    def with_samples(self, X: ArrayLike, feature_names: Sequence[str] | None = None) -> Windows:
        """Return the windows with other samples; labels, origins and context stay.

        Parameters
        ----------
        X : array-like of shape (n_windows, new_window_size, n_features)
            The samples. If their length differs, the context, which has one row per sample, is dropped.
        feature_names : sequence of str, optional
            The channels; by default those of these windows.

        Returns
        -------
        Windows

        Raises
        ------
        ValueError
            If the number of windows differs, or the number of features that of their names.
        """
        values = plain_values(X.to_numpy() if isinstance(X, Windows) else X)
        n_windows, window_size, n_features = values.shape
        names = self.feature_names if feature_names is None else feature_names
        if (n_windows, n_features) != (len(self), len(names)):
            unnamed = "" if n_features == len(names) else f" Name {n_features} in feature_names."
            raise ValueError(
                f"X has the shape {values.shape}, but these windows have {self.shape}.{unnamed}"
            )
        starts = np.arange(n_windows, dtype=np.intp) * window_size
        context, context_starts = self._context, self._context_starts
        if window_size != self.window_size:
            context, context_starts = pd.DataFrame(index=range(n_windows * window_size)), starts
        return Windows(
            np.ascontiguousarray(values, dtype=self.dtype).reshape(-1, n_features),
            starts,
            window_size,
            replace(self.provenance, recording=np.full(n_windows, NO_RECORDING)),
            names,
            context,
            context_starts,
        )

    def _with_context(self, context: pd.DataFrame, y: ArrayLike | None) -> Windows:
        """Return the windows with another context and other labels.

        Parameters
        ----------
        context : DataFrame
            Rows as in `context_rows`.
        y : array-like of shape (n_windows,), or None
            The labels.
        """
        labels = None if y is None else one_per_window(y, len(self), "y")
        return self._with(
            context=context,
            context_starts=self.first_context_rows,
            provenance=replace(self.provenance, y=labels),
        )

    def blocks(self, n_rows: int = 1 << 18) -> Iterator[tuple[slice, Windows]]:
        """Walk over the windows in blocks, to bound the memory of a step.

        Parameters
        ----------
        n_rows : int, default=262144
            About how many samples per channel to work on at a time.

        Yields
        ------
        which : slice
            The windows of the block.
        block : Windows
        """
        n_block = max(1, n_rows // self.window_size)
        for which in blocks_of(slice(0, len(self)), n_block):
            yield which, self[which]

    def _with(self, **changed: Any) -> Self:
        parts: dict[str, Any] = {
            "signals": self._signals,
            "starts": self._starts,
            "window_size": self.window_size,
            "provenance": self.provenance,
            "feature_names": self.feature_names,
            "context": self._context,
            "context_starts": self._context_starts,
        }
        return type(self)(**(parts | changed))

    def _take(self, index: Any) -> Self:
        starts = self._starts[index]
        is_one = self._context_starts is self._starts
        return self._with(
            starts=starts,
            context_starts=starts if is_one else self._context_starts[index],
            provenance=self.provenance.take(index),
        )

    def _compact(self) -> Windows:
        """Return the windows without the rows that they do not cover."""
        size = self.window_size
        signals, starts = join_rows([(self._signals, self._starts)], size)
        context, context_starts = covered_context(self._context, self._context_starts, size)
        if np.array_equal(starts, context_starts):
            context_starts = starts  # one array, as where windows are cut
        return self._with(
            signals=signals,
            starts=starts,
            provenance=self.provenance.compact(),
            context=context,
            context_starts=context_starts,
        )

    def __getstate__(self) -> dict[str, Any]:
        # Kept, because joblib writes an array that goes to several workers once. Windows of a bare array
        # are packed again: the array may belong to the caller, who may have changed it.
        packed = self._pack() if self._packed is None else self._packed
        if len(self._context.columns):
            self._packed = packed
        return {
            "window_size": self.window_size,
            "provenance": self.provenance.compact(),
            "feature_names": self.feature_names,
            **packed,
        }

    def _pack(self) -> dict[str, Any]:
        # Plain arrays only: rows that are not covered must not travel to a worker, and joblib's hash of
        # equal windows must be equal, whatever they were cut from.
        kept = self._compact()
        starts = plain_layout(kept._starts)
        is_one = kept._context_starts is kept._starts
        return {
            "_signals": plain_layout(kept._signals),
            "_starts": starts,
            "_context": pack_frame(kept._context),
            "_context_starts": starts if is_one else plain_layout(kept._context_starts),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        size = state["window_size"]
        n_rows = int(state["_context_starts"].max(initial=-size)) + size
        context = unpack_frame(state["_context"], n_rows)
        self.__dict__.update(state, _context=context, _packed=None)

    def __repr__(self) -> str:
        n, size, n_features = self.shape
        parts = []
        if self.groups is not None:
            n_subjects = len(np.unique(self.provenance.codes))
            parts.append(f"{n_subjects} subject{'s' if n_subjects != 1 else ''}")
        outputs = self.provenance.outputs
        labeled = "labeled" if outputs is None else f"labeled with {', '.join(outputs)}"
        parts.append(labeled if self.y is not None else "no labels")
        if self.provenance.holds_synthetic:
            parts.append(f"{int(self.is_synthetic.sum())} synthetic")
        names = ", ".join(self.feature_names[:4]) + (", ..." if n_features > 4 else "")
        return f"Windows({n} of {size} x {n_features}: {names}; {', '.join(parts)})"

    def _repr_html_(self) -> str:
        subjects = pd.Series(
            "(no subject)" if self.groups is None else self.groups, index=range(len(self))
        )
        counts = pd.DataFrame({"real": ~self.is_synthetic, "synthetic": self.is_synthetic})
        table = counts.groupby(subjects.to_numpy(), sort=False).sum()
        if self.y is not None and self.y.dtype.kind in "fiu":
            labels = pd.DataFrame(self.y, columns=list(self.provenance.outputs or ("y",)))
            means = labels.groupby(subjects.to_numpy(), sort=False).mean()
            table = table.join(means.add_prefix("mean of "))
        table.index.name = "subject"
        shown = table.head(20).to_html(float_format="{:.4g}".format, border=0)
        more = f"<p>and {len(table) - 20} more subjects</p>" if len(table) > 20 else ""
        return f"<div><p>{html.escape(repr(self))}</p>{shown}{more}</div>"


def as_windows(X: Any) -> Windows:
    """Return windows as `Windows`; a 3-D array is wrapped."""
    return X if isinstance(X, Windows) else Windows.from_arrays(X)


def require_alike(X: Any, window_size: int, feature_names: Sequence[str], step: str) -> None:
    """Raise unless windows have the length and the channels that a step was fitted on.

    The channels of an array have no names to compare.

    Raises
    ------
    ValueError
        Names the channels, or the shapes.
    """
    shape, fitted = np.shape(X)[1:], (window_size, len(feature_names))
    if shape != fitted:
        raise ValueError(
            f"X holds windows of shape {shape}, but {step} was fitted on windows of shape {fitted}."
        )
    names = X.feature_names if isinstance(X, Windows) else feature_names
    unnamed = default_names(len(feature_names))
    if names != feature_names and unnamed not in (names, feature_names):
        raise ValueError(
            f"X holds windows of {', '.join(names)}, but {step} was fitted on windows of "
            f"{', '.join(feature_names)}: cut both with the same features, in the same order."
        )
