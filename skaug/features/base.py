"""What steps that return features have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.utils.validation import check_is_fitted

from skaug.base import WindowStep
from skaug.windows.base import WindowArray
from skaug.windows.container import Windows, as_windows, plain_values, require_alike
from skaug.windows.feature_arrays import FeatureFrame, WindowFeatures, frame_with_provenance


class ShapedStep(WindowStep):
    """Base class of steps on windows of the length and the channels that they were fitted on."""

    def fit(self, X: Windows | ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the length and the channels of the windows.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_channels)
            The training windows.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `X` is not 3-D, or a parameter does not suit the windows.
        """
        self._check_parameters(self._learn_shape(X).window_size)
        return self

    def fit_transform(
        self, X: Windows | ArrayLike, y: ArrayLike | None = None
    ) -> Windows | WindowFeatures | FeatureFrame | NDArray:
        """Fit, and return what the next steps are fitted on.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_channels)
            The training windows.
        y : array-like of shape (n_windows,), optional
            Labels that replace those of the windows, if all of them are real.

        Returns
        -------
        Windows, WindowFeatures, FeatureFrame or ndarray
            As for `transform`.
        """
        return self.fit(X).transform(X.relabel(y) if isinstance(X, Windows) else X)

    @abstractmethod
    def transform(
        self, X: Windows | ArrayLike
    ) -> Windows | WindowFeatures | FeatureFrame | NDArray:
        """Return what the next steps work on, one window or row of features per window."""

    def _check_parameters(self, window_size: int) -> None:
        """Raise if a parameter does not suit windows of this length."""

    def _learn_shape(self, X: Windows | ArrayLike) -> Windows:
        """Return the training windows, and remember their length and channels."""
        if not isinstance(X, WindowArray):
            X = Windows.from_arrays(plain_values(X))
        if not isinstance(X, Windows):
            raise ValueError(
                f"{type(self).__name__} works on windows, got features of shape {X.shape}: use one such "
                "step per pipeline, or join several in a FeatureUnion."
            )
        self.n_features_in_ = X.shape[2]
        self.window_size_ = X.window_size
        self._channels = X.feature_names
        return X

    def _alike(self, X: Windows | ArrayLike) -> Windows:
        """Return windows to transform, or raise if they are not like those of `fit`."""
        check_is_fitted(self)
        windows = as_windows(X)
        require_alike(windows, self.window_size_, self._channels, type(self).__name__)
        return windows

    def _named_channels(self, input_features: ArrayLike | None) -> list[str]:
        """Return the channels, or other names for them, or raise if those are too many or too few."""
        check_is_fitted(self)
        channels = self._channels if input_features is None else list(np.asarray(input_features))
        if len(channels) != self.n_features_in_:
            raise ValueError(
                f"input_features must name {self.n_features_in_} channels, got {len(channels)}."
            )
        return channels


class FeatureStep(ShapedStep):
    """Base class of steps that return features, in the container that `set_output` chooses."""

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose the container that `transform` returns.

        Parameters
        ----------
        transform : {"default", "pandas"} or None
            "default": `WindowFeatures` for `Windows`, an array for an array. "pandas": a data frame,
            unless some windows are synthetic, because a frame would lose their labels. None changes
            nothing.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `transform` is anything else.
        """
        if transform not in (None, "default", "pandas"):
            raise ValueError(f"transform={transform!r} is unknown: use 'default' or 'pandas'.")
        if transform is not None:
            self._chosen_output = transform
        return self

    def _output(self) -> str:
        return getattr(self, "_chosen_output", None) or get_config()["transform_output"]

    def __sklearn_clone__(self) -> Self:
        copy = super().__sklearn_clone__()
        if hasattr(self, "_chosen_output"):
            copy._chosen_output = self._chosen_output
        return copy

    def _as_features(
        self, values: NDArray, names: list[str], X: Windows | ArrayLike
    ) -> WindowFeatures | FeatureFrame | NDArray:
        """Return features of windows in the chosen container, with the labels of `Windows`."""
        is_frame = self._output() == "pandas"
        if not isinstance(X, Windows):
            return pd.DataFrame(values, columns=names) if is_frame else values
        features = WindowFeatures(values, X.provenance, names, plain_is_frame=is_frame)
        if not is_frame or X.provenance.holds_synthetic:
            return features
        return frame_with_provenance(values, X.provenance, names)


class WindowFeatureExtractor(FeatureStep):
    """Base class of steps that make one row of features per window.

    A subclass names the features (`_names`) and computes them (`_compute`).
    """

    @abstractmethod
    def _names(self, channels: Sequence[str], window_size: int) -> list[str]:
        """Return the names of the features."""

    @abstractmethod
    def _compute(self, windows: Windows) -> NDArray:
        """Compute the features, of shape (n_windows, n_features)."""

    def transform(self, X: Windows | ArrayLike) -> WindowFeatures | FeatureFrame | NDArray:
        """Compute the features of each window.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_channels)
            Windows of the length and the channels seen in `fit`.

        Returns
        -------
        WindowFeatures, FeatureFrame or ndarray of shape (n_windows, n_features)
            For `Windows`: `WindowFeatures`, or a data frame if pandas output was chosen and all windows
            are real. For an array: an array, or a data frame.

        Raises
        ------
        ValueError
            If the windows have another shape, or other channels.
        """
        windows = self._alike(X)
        names = self._names(self._channels, self.window_size_)
        values = (
            self._compute(windows) if len(windows) else np.empty((0, len(names)), windows.dtype)
        )
        return self._as_features(values, names, X)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the names of the features.

        Parameters
        ----------
        input_features : array-like of str of shape (n_channels,), optional
            The channels; by default those seen in `fit`.

        Returns
        -------
        ndarray of str of shape (n_features,)

        Raises
        ------
        ValueError
            If `input_features` has the wrong length.
        """
        channels = self._named_channels(input_features)
        return np.asarray(self._names(channels, self.window_size_), dtype=object)
