"""What synthetic windows are conditioned on, as the columns of a linear model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import OneHotEncoder

from skaug.tables.aggregation import aggregate
from skaug.tables.columns import is_text, plain_array, require_column
from skaug.windows.container import Windows


class ConditionDesign:
    """Label and named columns of the context of each window.

    Numbers are the means over the rows of the window, standardized; the label also enters squared. Text,
    categories and booleans are the modes over the rows, one column per category.

    Parameters
    ----------
    columns : sequence of str
        The columns of the context.
    margin : float
        How far numbers may lie beyond the range of the training windows, relative to its ends.
    """

    def __init__(self, columns: Sequence[str], margin: float) -> None:
        self.columns = list(columns)
        self.margin = margin

    def fit(self, windows: Windows) -> Self:
        """Learn ranges and categories from training windows.

        Raises
        ------
        ValueError
            If a column does not exist or is the target, or a value is missing.
        """
        for name in self.columns:
            require_column(name, windows[:1].context_rows.columns, "columns")
            if name in windows.provenance.targets:
                raise ValueError(
                    f"{name!r} is the target, which the windows follow anyway: leave it out of columns."
                )
        numbers, categories = self._values(windows)
        self._ranges = {name: (values.min(), values.max()) for name, values in numbers.items()}
        self._scales = {
            name: (values.mean(), values.std() or 1.0) for name, values in numbers.items()
        }
        self._encoder = OneHotEncoder(sparse_output=False)
        if categories:
            self._encoder.fit(np.stack(list(categories.values()), axis=1))
        self._label = _label_name(windows) if windows.y is not None else None
        return self

    def transform(self, windows: Windows) -> NDArray[np.float64]:
        """Return one row per window.

        Raises
        ------
        ValueError
            If a number is beyond the range of the training windows and the margin, or a category is not
            among theirs; the error names the column.
        """
        numbers, categories = self._values(windows)
        for name, (low, high) in self._ranges.items():
            lowest, highest = low - self.margin * abs(low), high + self.margin * abs(high)
            rounding = 1e-9 * max(abs(low), abs(high))
            beyond = (numbers[name] < lowest - rounding) | (numbers[name] > highest + rounding)
            if beyond.any():
                raise ValueError(
                    f"{name!r} is {numbers[name][beyond][0]:.6g} in a condition, but {low:.6g} to {high:.6g} "
                    f"in the training windows: edit it to a value from {lowest:.6g} to {highest:.6g}, or "
                    "raise margin."
                )
        for nth, (name, values) in enumerate(categories.items()):
            known = self._encoder.categories_[nth]
            strange = ~np.isin(values, known)
            if strange.any():
                listed = ", ".join(map(repr, known[:10]))
                raise ValueError(
                    f"{name!r} is {values[strange][0]!r} in a condition, but in the training windows only "
                    f"{listed}{' and others' if len(known) > 10 else ''}: edit it to one of these."
                )
        columns = [np.zeros(len(windows))]  # so that there is one
        for name, (mean, deviation) in self._scales.items():
            scaled = (numbers[name] - mean) / deviation
            columns += [scaled, scaled**2] if name == self._label else [scaled]
        design = np.stack(columns, axis=1)
        if not categories:
            return design
        one_hot = self._encoder.transform(np.stack(list(categories.values()), axis=1))
        return np.hstack([design, one_hot])

    def _values(self, windows: Windows) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Return the numbers and the categories of each window, by name."""
        numbers: dict[str, NDArray] = {}
        categories: dict[str, NDArray] = {}
        if windows.y is not None:
            is_class = windows.provenance.target_agg == "mode" or windows.y.dtype.kind not in "fiu"
            (categories if is_class else numbers)[_label_name(windows)] = windows.y
        context, firsts = windows.context_rows, windows.first_context_rows
        for name in self.columns:
            column = context[name]
            is_class = is_text(column) or pd.api.types.is_bool_dtype(column.dtype)
            if not is_class and column.dtype.kind not in "fiu":
                raise ValueError(
                    f"{name!r} has the type {column.dtype}, which is neither a number nor a category: leave "
                    "it out of columns."
                )
            values: Any = (
                column.astype(str).where(column.notna()) if is_class else plain_array(column)
            )
            how = "mode" if is_class else "mean"
            of_each = aggregate(values, firsts, windows.window_size, how, name)
            (categories if is_class else numbers)[name] = of_each
        for name, values in [*numbers.items(), *categories.items()]:
            missing = int(pd.isna(values).sum())
            if missing:
                # missing='drop' leaves out windows without a label, but says nothing about other columns.
                remedy = "leave it out of columns" if name in self.columns else "use missing='drop'"
                raise ValueError(
                    f"{name!r} is missing in {missing} windows, but windows have to follow it: fill it in "
                    f"before the windows are cut, or {remedy}."
                )
        as_text = {name: values.astype(str).astype(object) for name, values in categories.items()}
        return {name: values.astype(np.float64) for name, values in numbers.items()}, as_text


def _label_name(windows: Windows) -> str:
    return next(iter(windows.provenance.targets), "the label")
