"""The wire format of the synthesis service: from windows to request bodies, from answers to windows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from skaug._checks import is_finite_number, is_number, require_choice
from skaug.synthesis.synthefy.errors import BadResponse
from skaug.tables.columns import encode, plain_array, require_column
from skaug.windows.container import Windows

PROJECTIONS = {"clipping": {"min", "max"}, "strict": {"min", "max", "argmin", "argmax"}}
_PROJECTION, _CONSTRAINTS = "projection", "_constraints_"
_SUFFIX = "_synthetic"


class Encoder:
    """An encoder of windows as request bodies: column-oriented JSON, as ``DataFrame.to_json`` writes it.

    Missing values are filled forward, then backward, within the window. Floats are written such that
    they parse to the same double. Discrete columns of the model become text at the service: booleans, times
    and 32-bit floats, which JSON cannot represent or spells differently, are therefore written as ``str`` of
    the value in pandas, as in the training data.

    Parameters
    ----------
    columns : sequence of str, optional
        The columns to send; every channel and the whole context by default.
    constraints : dict, optional
        Bounds of channels, ``{"BVP": {"min": -300, "max": 300}, "projection": "clipping"}``.
    """

    def __init__(
        self, columns: Sequence[str] | None, constraints: Mapping[str, Any] | None
    ) -> None:
        if columns is not None and (isinstance(columns, str) or not len(columns)):
            raise ValueError(
                f"columns={columns!r} must be a list of the columns to send, or None for all of them."
            )
        self._columns = None if columns is None else list(columns)
        self._constraints = None if constraints is None else encode_constraints(constraints)
        self._constrained = (
            [] if constraints is None else [n for n in constraints if n != _PROJECTION]
        )

    def encode(self, windows: Windows) -> list[bytes]:
        """Return the body of the request for each window.

        Parameters
        ----------
        windows : Windows of shape (n_windows, window_size, n_features)
            The conditions. A block of some dozens is far cheaper to encode than one by one. A body does
            not depend on the other windows of its block.

        Returns
        -------
        list of bytes

        Raises
        ------
        ValueError
            If a column to send does not exist, has no value in a window, or holds infinity; or if a
            window has several subjects.
        """
        size, context = windows.window_size, windows.context_rows
        rows = windows.first_context_rows[:, None] + np.arange(size)
        names = self._names(windows.feature_names, list(context.columns))
        if windows.provenance.subject in names:
            _check_one_subject(context[windows.provenance.subject], rows, windows)
        samples = windows.to_numpy()
        numbers = [f'"{row}":' for row in range(size)]
        keys, whole_column = pa.array(numbers * len(windows)), ",".join(f"{n}\0" for n in numbers)
        offsets = pa.array(np.arange(len(windows) + 1, dtype=np.int32) * size)
        encoded = []
        for name in names:
            if name in windows.feature_names:
                column = samples[:, :, windows.feature_names.index(name)]
                samples_of_it = _filled_samples(column, name, windows).astype(np.float64)
                texts = _numbers(samples_of_it, name, windows)
            else:
                texts = _context_texts(context[name], rows, windows)
            if len(texts) == len(windows):  # constant in each window, such as an age: written once
                joined = pa.array([whole_column.replace("\0", text) for text in texts.to_pylist()])
            else:
                pairs = pc.binary_join_element_wise(keys, texts, "")
                joined = pc.binary_join(pa.ListArray.from_arrays(offsets, pairs), ",")
            start, end = json.dumps(name) + ":{", "}"
            encoded.append(pc.binary_join_element_wise(start, joined, end, ""))
        whole = pc.binary_join_element_wise(*encoded, ",")
        last = "}"
        if self._constraints is not None:
            last = f',"{_CONSTRAINTS}":{json.dumps(self._constraints)}}}'
        return [("{" + body + last).encode() for body in whole.to_pylist()]

    def _names(self, features: list[str], context: list[str]) -> list[str]:
        """Return the columns to send, in the order of the table, whatever the order of `columns`."""
        known = [*features, *context]
        for name in self._constrained:
            require_column(name, features, "SynthefyAPI(constraints=...)")
        for name in self._columns or []:
            require_column(name, known, "SynthefyAPI(columns=...)")
        names = [name for name in known if self._columns is None or name in self._columns]
        if _CONSTRAINTS in names:
            raise ValueError(
                f"The service reads {_CONSTRAINTS!r} as bounds, not as a column: rename the column, or name "
                "the columns to send with SynthefyAPI(columns=[...])."
            )
        for name in names:
            if str(name).endswith(_SUFFIX):
                raise ValueError(
                    f"{name!r} has the name of a column of an answer: rename it, or name the columns to send "
                    "with SynthefyAPI(columns=[...])."
                )
        return names


def _check_one_subject(column: pd.Series, rows: NDArray[np.intp], windows: Windows) -> None:
    codes = encode(column)[0][rows]
    several = (codes != codes[:, :1]).any(axis=1)
    if several.any():
        window = int(np.flatnonzero(several)[0])
        raise ValueError(
            f"Several subjects are in {_which(windows, window)}: cut windows within a subject."
        )


def _filled_samples(values: NDArray, name: str, windows: Windows) -> NDArray:
    missing = np.isnan(values)
    if not missing.any():
        return values
    return np.take_along_axis(values, _stand_ins(missing, name, windows), axis=1)


def _context_texts(column: pd.Series, rows: NDArray[np.intp], windows: Windows) -> pa.Array:
    """Return a column of the context as JSON texts, window after window; see `_numbers`."""
    name, kind = str(column.name), column.dtype.kind
    missing = column.isna().to_numpy()
    if kind == "f":  # Arrow distinguishes NaN from missing values, and isna overlooks NaN
        missing = np.isnan(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if missing.any() and missing[rows].any():
        rows = rows[:, :1] + _stand_ins(missing[rows], name, windows)
    if isinstance(column.dtype, pd.CategoricalDtype):  # text, in a context
        categories = [_label(value) for value in column.cat.categories]
        codes = column.cat.codes.to_numpy()[rows]
        if (codes == codes[:, :1]).all():
            codes = codes[:, 0]
        return pa.array(categories, pa.string()).take(pa.array(codes.ravel()))
    there = column.iloc[rows.ravel()]
    if kind == "M":
        of_windows = np.array([*there], dtype=object).reshape(rows.shape)
        return pa.array([text for times in of_windows for text in _times(times)])
    if kind == "m":
        return pa.array([json.dumps(str(time)) for time in there])
    if kind == "b":
        return pa.array(np.where(there.to_numpy(dtype=bool), '"True"', '"False"'))
    if kind not in "iuf":
        raise ValueError(
            f"{name!r} holds {column.dtype}, which cannot be sent to the service: name the columns to send "
            "with SynthefyAPI(columns=[...])."
        )
    values = plain_array(there).reshape(rows.shape)
    is_single = kind == "f" and column.dtype.itemsize == 4
    return _numbers(values.astype(np.float32) if is_single else values, name, windows)


def _stand_ins(missing: NDArray[np.bool_], name: str, windows: Windows) -> NDArray[np.intp]:
    """Return the sample to fill each sample with: the last known one, or else the first of the window."""
    empty = missing.all(axis=1)
    if empty.any():
        window = int(np.flatnonzero(empty)[0])
        raise ValueError(
            f"{name!r} has no value at all in {_which(windows, window)}, and the service fails on missing "
            "values: name the columns to send with SynthefyAPI(columns=[...]), or cut the windows with "
            "missing='drop'."
        )
    last = np.maximum.accumulate(np.where(missing, -1, np.arange(missing.shape[1])), axis=1)
    return np.where(last < 0, missing.argmin(axis=1)[:, None], last)


def _label(value: Any) -> str:
    """Return a category as JSON: categories that are numbers stay numbers, as in a column of numbers."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, np.floating):
        plain = float(str(value))  # 0.1, where a 32-bit float as a double is 0.10000000149011612
    return json.dumps(plain if is_number(plain) else str(plain), allow_nan=False)


def _times(times: NDArray) -> list[str]:
    """Return the times of a window as JSON, in one precision: parsers infer the format from the first."""
    timespec = "seconds"
    if any(time.microsecond for time in times):
        timespec = "microseconds"
    if any(time.nanosecond for time in times):
        timespec = "nanoseconds"
    return [json.dumps(time.isoformat(" ", timespec)) for time in times]


def _numbers(values: NDArray, name: str, windows: Windows) -> pa.Array:
    """Return numbers of shape (n_windows, window_size) as JSON texts, window after window.

    If the numbers are constant in every window, there is one text per window.
    """
    if values.dtype.kind != "f":
        constant = (values == values[:, :1]).all()
        return pc.cast(pa.array(values[:, 0] if constant else values.ravel()), pa.string())
    finite = np.isfinite(values)
    if not finite.all():
        window = int(np.flatnonzero(~finite.all(axis=1))[0])
        raise ValueError(
            f"{name!r} holds infinity in {_which(windows, window)}, which JSON cannot represent: correct it, "
            "or drop these rows."
        )
    bits = np.ascontiguousarray(values).view(
        f"i{values.itemsize}"
    )  # 0.0 == -0.0, written differently
    if (bits == bits[:, :1]).all():
        return _floats(values[:, 0])
    return _floats(values.ravel())


def _floats(values: NDArray) -> pa.Array:
    # Arrow writes the shortest digits that parse to the same double, but 1.0 as 1. The service turns
    # values of a discrete column into text: "1" would be another category than "1.0".
    texts = pc.cast(pa.array(values), pa.string())
    if (values == np.rint(values)).any():
        lacks_point = pc.invert(pc.match_substring_regex(texts, "[.e]"))
        return pc.if_else(lacks_point, pc.binary_join_element_wise(texts, ".0", ""), texts)
    return texts


def _which(windows: Windows, window: int) -> str:
    origin = windows.origins.iloc[window]
    return f"the window of subject {str(origin.subject)!r} at row {int(origin.first_row)}"


def encode_constraints(constraints: Mapping[str, Any]) -> str:
    """Return constraints in the form that the service expects: JSON in a string.

    Parameters
    ----------
    constraints : dict
        Channel -> bounds, and ``"projection"``: "clipping" (with min and max) or "strict" (also with
        argmin and argmax).

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a kind of bound or of projection is unknown, which the service would ignore silently; if a
        bound is not a finite number; or if min is above max.
    """
    if not isinstance(constraints, Mapping):
        raise ValueError(f"constraints={constraints!r} must be a dict of bounds per channel.")
    bounds = {name: kinds for name, kinds in constraints.items() if name != _PROJECTION}
    projection = constraints.get(_PROJECTION, "clipping")
    require_choice("projection", projection, tuple(PROJECTIONS))
    numbers: dict[str, dict[str, float]] = {}
    for name, kinds in bounds.items():
        if not isinstance(kinds, Mapping) or not kinds:
            raise ValueError(f'The constraints of {name!r} must be bounds, such as {{"min": 0}}.')
        for kind, value in kinds.items():
            if kind not in PROJECTIONS[projection]:
                raise ValueError(
                    f"The projection {projection!r} has no bound {kind!r} (for {name!r}): use "
                    f"{', '.join(sorted(PROJECTIONS[projection]))}."
                )
            if not is_finite_number(value):
                raise ValueError(f"The bound {kind!r} of {name!r} must be a number, got {value!r}.")
            plain = value.item() if isinstance(value, np.generic) else value
            numbers.setdefault(name, {})[kind] = plain
        if kinds.get("min", -np.inf) > kinds.get("max", np.inf):
            raise ValueError(f"The constraints of {name!r} have min above max: swap them.")
    return json.dumps({**numbers, "_projection_type_": projection}, sort_keys=True)


def decode(content: bytes, size: int, features: Sequence[str]) -> NDArray[np.float64]:
    """Read the synthetic samples from an answer.

    Columns are selected by name and rows by number, whatever their order. Further columns are ignored.

    Parameters
    ----------
    content : bytes
        The body of the answer.
    size : int
        Rows per window.
    features : sequence of str
        The channels.

    Returns
    -------
    ndarray of shape (size, len(features))

    Raises
    ------
    BadResponse
        If the answer is not JSON of the expected form, or if a channel lacks rows, has too many, or holds
        anything but finite numbers.
    """
    answer = _parse(content)
    if not isinstance(answer, dict):
        raise BadResponse(f"The service answered with a JSON {_kind(answer)}, not an object.")
    rows = [str(row) for row in range(size)]
    columns = []
    for feature in features:
        column = answer.get(f"{feature}{_SUFFIX}")
        if not isinstance(column, dict):
            raise BadResponse(
                f"The answer has no column '{feature}_synthetic'. If the model of this training job does not "
                f"synthesize {feature!r}, name its channels with SubjectWindower(features=[...])."
            )
        if column.keys() != set(rows):
            raise BadResponse(
                f"The answer has {len(column)} rows of '{feature}_synthetic' instead of rows 0 to "
                f"{size - 1}: window_size must be the model's own length."
            )
        columns.append(_samples([column[row] for row in rows], feature))
    return np.stack(columns, axis=1)


def _parse(content: bytes) -> Any:
    try:
        return json.loads(
            content, parse_constant=_refuse_constant, object_pairs_hook=_object_of_distinct_names
        )
    except (ValueError, RecursionError) as error:
        problem = type(error).__name__
    # Raised out here because the error of the parser holds the answer, and would be the context.
    raise BadResponse(
        f"The service answered with {len(content)} bytes that are not valid JSON ({problem}): check base_url."
    )


def _samples(values: list[Any], feature: str) -> NDArray[np.float64]:
    for value in values:
        if type(value) is not float and type(value) is not int:
            raise BadResponse(
                f"The answer holds a {_kind(value)} in '{feature}_synthetic', not a number."
            )
    try:
        samples = np.array(values, dtype=np.float64)
    except OverflowError:  # of a whole number
        samples = np.array(np.inf)
    if not np.isfinite(samples).all():
        raise BadResponse(f"The answer holds a number that is too large in '{feature}_synthetic'.")
    return samples


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _object_of_distinct_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _kind(value: Any) -> str:
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return kinds.get(type(value), "number")
