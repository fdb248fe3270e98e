"""The base class of steps that work on windows."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

__all__ = ["WindowStep"]


class WindowStep(TransformerMixin, BaseEstimator):
    """Base class of transformers that take or return `Windows`.

    Derive from it to write a step of your own: a filter, a normalization, a selection of windows. In a
    `skaug.Pipeline`, every step up to the last one with ``window_aware = True`` receives windows with their
    labels and subjects; the steps after it get bare arrays and the matching ``y``.

    Implement the methods of a scikit-learn transformer:

    - ``fit(X, y=None)`` learns from the training windows and returns ``self``. Fitted attributes end in
      an underscore. A step that learns nothing also defines ``__sklearn_is_fitted__``, as below.
    - ``transform(X)`` returns one window, or one row of features, per window of `X`, in the same order,
      because predictions are compared with labels in that order. `Windows.with_samples` returns the same
      windows with other samples; their labels, subjects and context stay.
    - ``fit_transform(X, y=None)`` is needed only by a step that treats training windows differently. It
      may drop, repeat or reorder them (``X[mask]``, ``X[positions]``): the labels follow their windows.

    Read labels from ``X.y`` and subjects from ``X.groups``. In a `skaug.Pipeline`, `y` is ``X.y``. In a
    plain ``sklearn.pipeline.Pipeline``, `y` is what was passed to its ``fit``, in the original order: pass
    no `y` there if a step drops, repeats or reorders windows, and end the pipeline in `WindowRegressor` or
    `WindowClassifier`.

    Attributes
    ----------
    window_aware : bool
        Whether the step receives windows instead of arrays; True.

    See Also
    --------
    skaug.synthesis.Synthesizer : Base class of sources of synthetic windows.

    Examples
    --------
    A step that scales each window to the standard deviation of the training windows, and leaves out flat
    training windows:

    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from skaug import Windows, WindowStatistics, make_pipeline
    >>> from skaug.base import WindowStep
    >>> class Rescale(WindowStep):
    ...     def __init__(self, flat_below=1e-6):
    ...         self.flat_below = flat_below
    ...
    ...     def fit(self, X, y=None):
    ...         self.scale_ = X.to_numpy().std()
    ...         return self
    ...
    ...     def fit_transform(self, X, y=None):
    ...         is_flat = X.to_numpy().std(axis=(1, 2)) < self.flat_below
    ...         return self.fit(X[~is_flat]).transform(X[~is_flat])
    ...
    ...     def transform(self, X):
    ...         samples = X.to_numpy()
    ...         spread = samples.std(axis=(1, 2), keepdims=True)
    ...         return X.with_samples(samples * self.scale_ / np.maximum(spread, self.flat_below))
    >>> X = np.random.default_rng(0).normal(size=(15, 64, 1))
    >>> X[3] = 0
    >>> windows = Windows.from_arrays(X, y=np.arange(15.0), groups=np.repeat(["A", "B", "C"], 5))
    >>> train, test = windows[:10], windows[10:]
    >>> Rescale().fit_transform(train)
    Windows(9 of 64 x 1: x0; 2 subjects, labeled)
    >>> pipe = make_pipeline(Rescale(), WindowStatistics(), Ridge()).fit(train)
    >>> pipe.predict(test).shape
    (5,)

    One that learns nothing:

    >>> class Difference(WindowStep):
    ...     def fit(self, X, y=None):
    ...         return self
    ...
    ...     def transform(self, X):
    ...         return X.with_samples(np.diff(X.to_numpy(), axis=1, prepend=0))
    ...
    ...     def __sklearn_is_fitted__(self):
    ...         return True
    >>> Difference().fit_transform(windows)
    Windows(15 of 64 x 1: x0; 3 subjects, labeled)
    """

    window_aware = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # scikit-learn's wrapping of outputs would turn windows into a data frame without their labels.
        super().__init_subclass__(auto_wrap_output_keys=None, **kwargs)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Accept the choice of an output container, which does not affect windows.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None
            As in scikit-learn. Windows stay windows.

        Returns
        -------
        self
        """
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags
