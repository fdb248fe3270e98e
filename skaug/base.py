"""What the steps that work on windows share."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

__all__ = ["WindowStep"]


class WindowStep(TransformerMixin, BaseEstimator):
    """Base of the transformers that take or give `Windows`.

    `skaug.Pipeline` hands labeled windows to every step up to the last one that has
    ``window_aware = True``, and bare arrays with the right ``y`` to the steps behind. Derive from this
    class to write a further step that works on windows.
    """

    window_aware = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # scikit-learn's wrapping of outputs would make a data frame of windows and lose their labels.
        super().__init_subclass__(auto_wrap_output_keys=None, **kwargs)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Accept the choice of an output container, which windows are not affected by.

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
