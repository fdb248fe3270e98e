"""Transformers of 3-D arrays, of any library, as a step on windows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import has_fit_parameter

from skaug.features import FeatureStep
from skaug.windows.container import Windows
from skaug.windows.feature_arrays import FeatureFrame, WindowFeatures

# Libraries whose transformers read an array of shape (n, channels, time), and would take time for channels.
_CHANNELS_FIRST = ("aeon", "sktime")


class WindowTransformer(MetaEstimatorMixin, FeatureStep):
    """Use a transformer of 3-D arrays, or a function, as a step that keeps labels and subjects.

    The transformer gets the samples of all windows as one array. If it returns a 2-D array, the step returns
    features; if a 3-D one, windows. Both keep the labels, subjects, origins and synthetic flags.

    Parameters
    ----------
    transformer : estimator or callable
        Has ``fit`` and ``transform``, such as ``MiniRocket`` or ``Catch22`` of aeon; a clone is fitted on
        the training windows, synthetic ones included, and on their labels if its ``fit`` has a parameter
        ``y``. Or a function of an array, which returns one row per window.
    channels_first : bool, default=False
        Whether the transformer reads and returns windows as (n_windows, n_channels, window_size), as those
        of aeon and sktime do, and not as (n_windows, window_size, n_channels).

    Attributes
    ----------
    transformer_ : estimator
        The fitted transformer; a ``FunctionTransformer`` of a function.

    See Also
    --------
    skaug.base.WindowStep : For a step that uses subjects or context, or drops windows.

    Notes
    -----
    Features are named by the transformer's ``get_feature_names_out``, or else after its class or function and
    numbered: ``minirocket0``, ``minirocket1``. Windows keep their channels if there are as many as before;
    otherwise the new ones are named in the same way.

    The transformer gets a copy of the samples in the data type of the windows, and features have the type
    that it returns. One that takes float64 only, such as ``Catch22`` of aeon 1.6, needs windows of that type,
    which is the default of `SubjectWindower`.

    Windows that it returns no longer lie in a recording. Put it after `SynthefyAugmenter`: before it,
    synthesizers that read the recording beside a window (`RateSynthesizer`, `TimeShift`) find none, and warn.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows, WindowTransformer
    >>> def slope(X):
    ...     return X[:, -1] - X[:, 0]
    >>> X = np.random.default_rng(0).normal(size=(8, 64, 2))
    >>> windows = Windows.from_arrays(X, y=np.arange(8.0), groups=list("AABBCCDD"))
    >>> WindowTransformer(slope).fit_transform(windows)
    WindowFeatures(8 x 2: slope0, slope1; 0 synthetic)

    A function that returns windows:

    >>> def every_other(X):
    ...     return X[:, ::2]
    >>> WindowTransformer(every_other).fit_transform(windows)
    Windows(8 of 32 x 2: x0, x1; 4 subjects, labeled)
    """

    def __init__(self, transformer: Any, channels_first: bool = False) -> None:
        self.transformer = transformer
        self.channels_first = channels_first

    def fit(self, X: Windows | ArrayLike, y: ArrayLike | None = None) -> Self:
        """Fit a clone of the transformer.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_channels)
            The training windows, at least one.
        y : array-like of shape (n_windows,), optional
            Labels that replace those of the windows, if all of them are real.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If `transformer` is neither a transformer nor a function.
        ValueError
            If `X` is not 3-D, if the transformer reads channels first and `channels_first` is False, or if it
            returns anything but one row or one window per window.
        """
        windows = self._begin(X)
        self._fit("fit", windows, y)
        self._learn_output(*self._made(self._call("transform", windows[:1]), 1))
        return self

    def fit_transform(
        self, X: Windows | ArrayLike, y: ArrayLike | None = None
    ) -> Windows | WindowFeatures | FeatureFrame | NDArray:
        """Fit, and return what the next steps are fitted on.

        The transformer's own ``fit_transform`` is used if it has one.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        Windows, WindowFeatures, FeatureFrame or ndarray
            As for `transform`.
        """
        windows = self._begin(X)
        if hasattr(self.transformer_, "fit_transform"):
            made = self._fit("fit_transform", windows, y)
        else:
            self._fit("fit", windows, y)
            made = self._call("transform", windows)
        values, names = self._made(made, len(windows))
        self._learn_output(values, names)
        return self._wrapped(values, X.relabel(y) if isinstance(X, Windows) else X)

    def transform(
        self, X: Windows | ArrayLike
    ) -> Windows | WindowFeatures | FeatureFrame | NDArray:
        """Transform windows.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_channels)
            Windows of the length and the channels seen in `fit`.

        Returns
        -------
        Windows, WindowFeatures, FeatureFrame or ndarray
            For `Windows`: windows if the transformer returns a 3-D array; otherwise `WindowFeatures`, or a
            data frame if pandas output was chosen and all windows are real. For an array: an array, or a
            data frame.

        Raises
        ------
        ValueError
            If the windows have another shape or other channels, or if the transformer returns another number
            of rows, or rows of another shape than while fitting.
        """
        windows = self._alike(X)
        if len(windows) == 0:  # which many transformers refuse
            return self._wrapped(np.empty((0, *self._output_shape), self._output_dtype), X)
        values, _ = self._made(self._call("transform", windows), len(windows))
        if values.shape[1:] != self._output_shape:
            raise ValueError(
                f"{self._name} returned {values.shape[1:]} numbers per window, but {self._output_shape} "
                "while it was fitted: it must return the same for every set of windows."
            )
        return self._wrapped(values, X)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the names of the features, or of the channels if the transformer returns windows.

        Parameters
        ----------
        input_features : array-like of str of shape (n_channels,), optional
            The channels; only their number is checked.

        Returns
        -------
        ndarray of str of shape (n_features,)

        Raises
        ------
        ValueError
            If `input_features` has the wrong length.
        """
        self._named_channels(input_features)
        return np.asarray(self._output_names, dtype=object)

    @property
    def _name(self) -> str:
        named = self.transformer if callable(self.transformer) else type(self.transformer)
        return getattr(named, "__name__", type(named).__name__).strip("<>")

    def _begin(self, X: Windows | ArrayLike) -> Windows:
        transformer = self.transformer
        is_estimator = hasattr(transformer, "fit") and hasattr(transformer, "transform")
        if isinstance(transformer, type) or not (is_estimator or callable(transformer)):
            raise TypeError(
                f"transformer={transformer!r} must be a function, or have fit and transform, such as "
                "WindowTransformer(MiniRocket(), channels_first=True)."
            )
        library = type(transformer).__module__.split(".")[0]
        if library in _CHANNELS_FIRST and not self.channels_first:
            raise ValueError(
                f"{self._name} of {library} reads windows as (n_windows, n_channels, window_size): pass "
                "channels_first=True to WindowTransformer."
            )
        windows = self._learn_shape(X)
        self.transformer_ = (
            clone(transformer, safe=False) if is_estimator else FunctionTransformer(transformer)
        )
        return windows

    def _fit(self, method: str, windows: Windows, y: ArrayLike | None) -> Any:
        if not has_fit_parameter(self.transformer_, "y"):
            return self._call(method, windows)
        return self._call(method, windows, y=windows.provenance.relabel(y).y)

    def _call(self, method: str, windows: Windows, **params: Any) -> Any:
        samples = windows.to_numpy()
        if self.channels_first:
            samples = np.ascontiguousarray(samples.transpose(0, 2, 1))
        with config_context(transform_output="default"):  # frames of windows are not possible
            return getattr(self.transformer_, method)(samples, **params)

    def _made(self, made: Any, n_windows: int) -> tuple[NDArray, list[str] | None]:
        """Return what a transformer made as an array, time before channels, and its columns if it has any.

        Raises
        ------
        ValueError
            If there is not one row of numbers, or one window, per window.
        """
        try:
            values = np.asarray(made.to_numpy() if hasattr(made, "to_numpy") else made)
        except ValueError:  # of rows that differ in length
            values = np.empty(0, dtype=object)
        if values.ndim not in (2, 3) or values.dtype.kind not in "fiub" or 0 in values.shape[1:]:
            raise ValueError(
                f"{self._name} returned {_described(made)} for {n_windows} windows: it must return an "
                f"array of numbers, one row of features or one window, {self._axes}, for each."
            )
        if len(values) != n_windows:
            raise ValueError(
                f"{self._name} returned {len(values)} samples for {n_windows} windows: it must return "
                "one for each, in the same order. A step derived from skaug.base.WindowStep may drop windows."
            )
        if values.ndim == 3 and self.channels_first:
            values = values.transpose(0, 2, 1)
        return values, [str(name) for name in made.columns] if hasattr(made, "columns") else None

    @property
    def _axes(self) -> str:
        return "(n_channels, window_size)" if self.channels_first else "(window_size, n_channels)"

    def _learn_output(self, values: NDArray, columns: list[str] | None) -> None:
        self._output_shape, self._output_dtype = values.shape[1:], values.dtype
        if values.ndim == 3:
            is_as_before = values.shape[2] == len(self._channels)
            self._known_names = self._channels if is_as_before else None
            return
        self._known_names = self._names_from_transformer() if columns is None else columns
        if self._known_names is not None and len(self._known_names) != values.shape[1]:
            raise ValueError(
                f"{self._name} returned {values.shape[1]} features, but names {len(self._known_names)} in "
                "get_feature_names_out."
            )

    @property
    def _output_names(self) -> list[str]:
        if self._known_names is not None:
            return self._known_names
        return [f"{self._name.lower()}{i}" for i in range(self._output_shape[-1])]

    def _names_from_transformer(self) -> list[str] | None:
        try:
            return [str(name) for name in self.transformer_.get_feature_names_out()]
        except AttributeError:  # which a pipeline raises if one of its steps has no names
            return None

    def _wrapped(
        self, values: NDArray, X: Windows | ArrayLike
    ) -> Windows | WindowFeatures | FeatureFrame | NDArray:
        if values.ndim == 2:
            return self._as_features(values, self._output_names, X)
        return X.with_samples(values, self._output_names) if isinstance(X, Windows) else values


def _described(made: Any) -> str:
    shape = getattr(made, "shape", None)
    return type(made).__name__ + ("" if shape is None else f" of shape {tuple(shape)}")
